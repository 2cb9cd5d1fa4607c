"""Commands which come with the service, such as ``serve`` and ``demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from subtomo_server.demo import demo
from subtomo_server.extracting import extract
from subtomo_server.scoring import score
from subtomo_server.simulating import simulate


def serve(
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="Data folder; ~/subtomo-data by default. [env: SUBTOMO_DATA]"),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to bind to; loopback by default.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to bind to; 0 takes a free one.")
    ] = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Start no worker: jobs wait for others.")
    ] = False,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let other machines reach this server.")
    ] = False,
) -> None:
    """Start the service on this machine: server, broker and one worker in one data folder.

    With SUBTOMO_BROKER_URL and SUBTOMO_DATABASE_URL set it is a facility's server, and starts
    neither broker nor worker.
    """
    from subtomo_core.errors import SubtomoError  # noqa: PLC0415 - keeps the command line quick
    from subtomo_server.embedded.service import serve_until_stopped  # noqa: PLC0415
    from subtomo_store.config.settings import read_settings  # noqa: PLC0415

    try:
        settings = read_settings(data=data, host=host, port=port)
        told = announce if settings.broker_url is None else announce_quietly
        serve_until_stopped(settings, told, worker=not no_worker, allow_remote=allow_remote)
    except KeyboardInterrupt:
        typer.echo("Subtomo has ended.")
    except SubtomoError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def announce(url: str, link: str | None) -> None:
    """Say where the service is, and how to get in."""
    typer.echo(f"Subtomo serves at {url}\n")
    typer.echo("Open this link in a browser; it signs you in, once, within fifteen minutes:")
    typer.echo(f"    {link}\n")
    typer.echo("'subtomo admin link' makes another one.")
    typer.echo(f"How to use it, from a first average on: {url}/help")
    typer.echo("Ctrl-C ends it. Jobs which still run go on at the next start.")


def announce_quietly(url: str, _link: str | None) -> None:
    """Say where the service is; a facility's output is kept in logs, where no link belongs."""
    import structlog  # noqa: PLC0415 - keeps the command line quick

    structlog.get_logger("subtomo_server").info(
        "serving; connection.json in the data folder signs in", url=url
    )


__all__ = ["demo", "extract", "score", "serve", "simulate"]
