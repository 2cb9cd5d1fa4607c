"""The ``subtomo worker`` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def worker(
    *,
    data: Annotated[
        Path | None, typer.Option(help="Data folder, as the server's. [env: SUBTOMO_DATA]")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Database URL. [env: SUBTOMO_DATABASE_URL]")
    ] = None,
    broker_url: Annotated[
        str | None, typer.Option(help="Broker URL. [env: SUBTOMO_BROKER_URL]")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads; all cores by default.")
    ] = None,
    queues: Annotated[
        str, typer.Option(help="Queues to take work from: cpu, preview, or both.")
    ] = "cpu,preview",
    name: Annotated[
        str | None,
        typer.Option(help="Name by which it can be drained; the machine's by default."),
    ] = None,
    lifeline: Annotated[
        bool, typer.Option("--lifeline", help="End when standard input ends.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether a worker of this machine is alive.")
    ] = False,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error. [env: SUBTOMO_LOG_LEVEL]")
    ] = None,
) -> None:
    """Start a worker: it takes tasks from the broker until it is told to end."""
    from subtomo_core.errors import SubtomoError  # noqa: PLC0415 - keeps the command line quick
    from subtomo_store.config.logs import configure  # noqa: PLC0415
    from subtomo_store.config.settings import read_settings  # noqa: PLC0415
    from subtomo_store.jobs.dispatch import queues_in  # noqa: PLC0415
    from subtomo_worker.alive import seen_alive  # noqa: PLC0415

    given = {
        "data": data,
        "database_url": database_url,
        "broker_url": broker_url,
        "threads": threads,
        "log_level": log_level,
    }
    try:
        settings = read_settings(**given)
        configure(sys.stderr, settings.resolved_log_format, settings.log_level)
        if check:
            raise typer.Exit(0 if seen_alive(settings) else 1)
        # Not before: a new machine compiles kernels for a minute here.
        from subtomo_core.methods import create  # noqa: PLC0415
        from subtomo_worker.running import run_worker  # noqa: PLC0415

        served = queues_in(queues)
        status = run_worker(settings, create, queues=served, name=name, lifeline=lifeline)
    except SubtomoError as error:
        typer.echo(f"subtomo worker: {error}", err=True)
        raise typer.Exit(2) from error
    raise typer.Exit(status)
