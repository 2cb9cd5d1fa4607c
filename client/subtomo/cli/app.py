"""The command's entry: the list of commands, and the last word on errors."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from subtomo.cli import (
    again,
    align,
    compare,
    fetch,
    half_maps,
    lists,
    plugins,
    postprocess,
    push,
    run,
    select,
    watch,
)
from subtomo.cli.output import debugging, errors
from subtomo.version import installed

app = typer.Typer(
    name="subtomo",
    help="Subtomogram alignment, classification and averaging.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"subtomo {installed()}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(help="Address of the server; else SUBTOMO_URL or the local one."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Subtomogram alignment, classification and averaging.

    The server is found by --url, by SUBTOMO_URL and SUBTOMO_TOKEN, or by the note which
    'subtomo serve' leaves in its data folder (SUBTOMO_DATA, else ~/subtomo-data).
    """
    context.obj = url


app.command("push")(push.push)
app.command("run")(run.run)
app.command("align")(align.align)
app.command("resume")(again.resume)
app.command("continue")(again.go_on)
app.command("clone")(again.clone)
app.command("select")(select.select)
app.command("watch")(watch.watch)
app.command("fetch")(fetch.fetch)
app.command("compare")(compare.compare)
app.command("sharpen")(postprocess.sharpen)
app.command("mask")(postprocess.mask)
app.command("local-resolution")(half_maps.local_resolution)
app.command("directional-fsc")(half_maps.directional_fsc)
app.command("jobs")(lists.jobs)
app.command("datasets")(lists.datasets)
app.command("maps")(lists.maps)
app.command("usage")(lists.usage)
app.command("change")(lists.change)
app.command("cancel")(lists.cancel)
app.command("delete")(lists.delete)
app.command("webhook-secret")(again.webhook_secret)
plugins.register(app)


def main() -> None:
    """Run the command; whatever goes wrong is told in a sentence."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if debugging():
            raise
        errors().print(
            f"Something unforeseen went wrong: {type(error).__name__}: {error}. "
            "Set SUBTOMO_DEBUG=1 to see where.",
            markup=False,
        )
        sys.exit(1)
