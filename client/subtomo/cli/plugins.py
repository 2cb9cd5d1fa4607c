"""Commands of other packages (entry points ``subtomo.commands``), loaded only when called."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

import typer

from subtomo.cli.output import fail

GROUP = "subtomo.commands"
SERVICE_NEEDS = "sqlalchemy"  # stands for all that the extra 'service' brings
HELP = {
    "serve": "Start the service on this machine.",
    "demo": "Show the whole way on simulated particles.",
    "simulate": "Make particles whose truth is known.",
    "score": "Compare averages and poses with the truth, or with another program's.",
    "worker": "Start a worker of a facility's service.",
    "admin": "Look after a service: users, tokens, groups, quotas.",
}
_PASS_ON = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


def register(app: typer.Typer) -> None:
    """Add every registered command to ``app`` without importing any of them."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    for name, entry in sorted(found.items()):
        app.command(
            name,
            help=HELP.get(name, f"From the package {entry.module.partition('.')[0]}."),
            context_settings=dict(_PASS_ON),
            add_help_option=False,
            hidden=not _can_run(entry),
        )(_caller(name, entry))


def _can_run(entry: EntryPoint) -> bool:
    """Whether what a command of ours needs is installed; others are not looked into."""
    ours = entry.module.partition(".")[0].startswith("subtomo_")
    return not ours or find_spec(SERVICE_NEEDS) is not None


def _caller(name: str, entry: EntryPoint) -> Any:
    def call(context: typer.Context) -> None:
        try:
            inner = _as_app(name, entry.load())
            code = inner(args=context.args, prog_name=f"subtomo {name}", standalone_mode=False)
        except ModuleNotFoundError as error:
            raise _extras_missing(name, error) from error
        if isinstance(code, int) and code:
            raise typer.Exit(code)

    return call


def _as_app(name: str, loaded: Any) -> typer.Typer:
    """Make an app of a function; a package may also bring a whole app, with commands of its own."""
    if isinstance(loaded, typer.Typer):
        return loaded
    inner = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    inner.command(name, context_settings={"help_option_names": ["-h", "--help"]})(loaded)
    return inner


def _extras_missing(name: str, error: ModuleNotFoundError) -> typer.Exit:
    return fail(
        f"'subtomo {name}' needs packages which are not installed ({error.name}). "
        "Install them with: pip install 'subtomo[service]'"
    )
