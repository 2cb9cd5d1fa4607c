"""The ``subtomo demo`` command."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End when it is done.")] = False,
    port: Annotated[int | None, typer.Option(help="Port to use; a free one by default.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder to keep everything in; by default one that is removed."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the particles and of the job.")] = 1,
    iterations: Annotated[int, typer.Option(min=1, help="Number of iterations.")] = 20,
) -> None:
    """Show the whole way: serve, simulate, upload, run FAML, download, compare with the truth."""
    from rich.console import Console  # noqa: PLC0415 - keeps the command line quick

    from subtomo import SubtomoError  # noqa: PLC0415
    from subtomo_core.errors import SubtomoError as CoreError  # noqa: PLC0415
    from subtomo_server.demo.show import show  # noqa: PLC0415

    console = Console(highlight=False, markup=False, soft_wrap=True)
    began = time.monotonic()
    # A polite end (`kill`) must end the service as well: it becomes what Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _folder(data) as folder, show(folder, port, seed, iterations, console) as good:
            console.print(f"everything took {time.monotonic() - began:.0f} s")
            if data is None:
                console.print("these files are removed at the end; --data FOLDER keeps them")
            if not once:
                console.print("the page stays up until Ctrl-C")
                while True:
                    time.sleep(3600)
    except KeyboardInterrupt:
        console.print("ended.")
        return
    except (SubtomoError, CoreError) as error:
        Console(stderr=True, markup=False).print(str(error), style="red", soft_wrap=True)
        raise typer.Exit(1) from error
    if not good:
        raise typer.Exit(1)


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        folder = data.expanduser().absolute()
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="subtomo-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)
