"""What commands print, and how they end."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console

from subtomo.client import Client
from subtomo.errors import SubtomoError

WIDE = 160

P = ParamSpec("P")
R = TypeVar("R")


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return bool(os.environ.get("SUBTOMO_DEBUG"))


def screen() -> Console:
    """Return the console for results (standard output); wide where no terminal limits it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, WIDE)
    return console


def errors() -> Console:
    """Return the console for errors and progress (standard error)."""
    return Console(stderr=True, highlight=False)


def fail(sentence: str) -> typer.Exit:
    """Print why it cannot go on; the caller raises what comes back."""
    errors().print(sentence, style="red", markup=False, soft_wrap=True)
    return typer.Exit(1)


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Make errors of the client end a command with their sentence and exit code 1."""

    @functools.wraps(command)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except SubtomoError as error:
            if debugging():
                raise
            raise fail(str(error)) from error
        except OSError as error:
            if debugging():
                raise
            place = f"{error.filename}: " if error.filename else ""
            raise fail(f"{place}{error.strerror or error}.") from error

    return inner


def connect(context: typer.Context) -> Client:
    """Open a client to the server which the command line names, or to the usual one."""
    return Client(url=context.obj)


def print_json(value: Any) -> None:
    """Print a record, or a list of records, as JSON."""
    typer.echo(json.dumps(_plain(value), ensure_ascii=False, indent=2))


def print_json_line(value: Any) -> None:
    """Print a record as JSON on one line."""
    typer.echo(json.dumps(_plain(value), ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return value


def age(moment: datetime | None) -> str:
    """Say how long ago something was."""
    if moment is None:
        return ""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return f"{duration(max(0.0, (datetime.now(UTC) - moment).total_seconds()))} ago"


def duration(seconds: float) -> str:
    """Say a time span as a person does."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} d"


def size(count: int) -> str:
    """Say a number of bytes as a person does, in the units in which quotas are set."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:.4g} TiB"
