"""``python -m subtomo_worker`` is ``subtomo worker``."""

import typer

from subtomo_worker.commands import worker

if __name__ == "__main__":
    typer.run(worker)
