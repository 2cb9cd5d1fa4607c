"""How commands end that read and write files of the user's: with a sentence, not a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def plain_errors() -> Iterator[None]:
    """Tell what goes wrong in a sentence, and end with status 1."""
    from subtomo_core.errors import SubtomoError  # noqa: PLC0415 - keeps the command line quick

    try:
        yield
    except SubtomoError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        raise typer.Exit(1) from error
