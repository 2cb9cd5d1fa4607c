"""What the commands share: the open store, errors in a sentence, passwords, tables."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Annotated, Any, NoReturn, TypeVar, cast

import typer
from pydantic import ValidationError

from subtomo_core.errors import SubtomoError
from subtomo_store.config.settings import read_settings
from subtomo_store.database.engine import Store, open_store
from subtomo_store.files.privacy import MASKS

F = TypeVar("F", bound=Callable[..., Any])
UserName = Annotated[str, typer.Argument(metavar="NAME", help="A user's name or id.")]
GroupName = Annotated[str, typer.Argument(metavar="GROUP", help="A group's name or id.")]


def plainly(command: F) -> F:
    """Tell what goes wrong in a sentence, and end with status 2."""

    @functools.wraps(command)
    def told(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except SubtomoError as error:
            fail(str(error))
        except ValidationError as error:
            fail("; ".join(str(found["msg"]) for found in error.errors()))

    return cast("F", told)


def fail(sentence: str) -> NoReturn:
    """End with a sentence."""
    typer.echo(sentence, err=True)
    raise typer.Exit(2)


@contextmanager
def opened_store() -> Iterator[Store]:
    """Open the store which the settings name, brought up to date."""
    settings = read_settings()
    before = os.umask(MASKS[settings.folder_access])
    try:
        with closing(open_store(settings)) as store:
            store.migrate()
            yield store
    finally:
        os.umask(before)


def asked_password() -> str:
    """Read a password: from the prompt, twice, or the first line of standard input.

    Never from an argument: arguments stand in the list of processes and in the shell's history.
    """
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def show(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Print a table in columns, for people and for ``awk``."""
    table = [columns, *(tuple(_said(value) for value in row) for row in rows)]
    widths = [max(len(row[index]) for row in table) for index in range(len(columns))]
    for row in table:
        line = "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True))
        typer.echo(line.rstrip())


def _said(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "strftime") else str(value)
