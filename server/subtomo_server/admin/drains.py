"""``drain`` and ``undrain``: hold new work back while a machine or the service is looked after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from subtomo_store import Store

LOOK_SECONDS = 1.0
Data = Annotated[Path | None, typer.Option(help="Data folder, as the server's.")]
Worker = Annotated[
    str | None, typer.Option(help="Only workers of this name; by default the machine's.")
]


def mount(app: typer.Typer) -> None:
    """Add both commands to the one for administrators."""
    app.command("drain")(drain)
    app.command("undrain")(undrain)


def drain(
    reason: Annotated[str, typer.Argument(help="Told to everybody whose job waits.")],
    *,
    worker: Worker = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Come back when nothing is being worked on any more.")
    ] = False,
    data: Data = None,
) -> None:
    """Hand out no new work; what is being worked on is finished."""
    from subtomo_store.jobs import drains  # noqa: PLC0415 - keeps the command line quick

    name = worker or drains.ALL
    with _store(data) as store:
        with store.begin() as session:
            drains.drain(session, reason, name)
        while True:
            with store.read() as session:
                left = drains.at_work(session, name)
            if not wait or not left:
                break
            time.sleep(LOOK_SECONDS)
    busy = f"{left} batch{'es' if left != 1 else ''} still being worked on"
    typer.echo(f"No new work for {worker or 'any worker'}; {busy}.")


def undrain(*, worker: Worker = None, data: Data = None) -> None:
    """Hand out work again."""
    from subtomo_store.jobs import drains  # noqa: PLC0415 - keeps the command line quick

    with _store(data) as store, store.begin() as session:
        ended = drains.undrain(session, worker or drains.ALL)
    who = worker or "The service"
    typer.echo(f"{who} gets work again." if ended else f"{who} was not drained.")


@contextmanager
def _store(data: Path | None) -> Iterator[Store]:
    from subtomo_core.errors import SubtomoError  # noqa: PLC0415 - keeps the command line quick
    from subtomo_store import open_store  # noqa: PLC0415
    from subtomo_store.config.settings import read_settings  # noqa: PLC0415

    try:
        with closing(open_store(read_settings(data=data))) as store:
            store.migrate()
            yield store
    except SubtomoError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
