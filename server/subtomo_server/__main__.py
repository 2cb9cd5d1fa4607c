"""``python -m subtomo_server`` is ``subtomo serve``."""

import typer

from subtomo_server.commands import serve

if __name__ == "__main__":
    typer.run(serve)
