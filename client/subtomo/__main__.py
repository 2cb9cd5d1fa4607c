"""``python -m subtomo``: the command without its script."""

from subtomo.cli import main

main()
