"""What can be wrong with input, in words a biologist understands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing wrong with an input, and where.

    Attributes
    ----------
    detail : str
        One sentence: what is wrong and the remedy.
    pointer : str
        JSON pointer into the request body (``/mask/diameter_angstrom``), or empty.
    file, column : str
        Name of the file and of the STAR column or header field, or empty.
    row : int or None
        Row of the table, counted from 1.
    """

    detail: str
    pointer: str = ""
    file: str = ""
    row: int | None = None
    column: str = ""


class SubtomoError(Exception):
    """Base of all errors that are told to a user as they stand."""


class InputError(SubtomoError):
    """Input that cannot be used; carries every problem found, at least one."""

    def __init__(self, *problems: Problem):
        super().__init__("; ".join(p.detail for p in problems))
        self.problems = problems


def refuse_unless(what: str, rules: Mapping[str, bool]) -> None:
    """Refuse ``what`` by the first of its rules that does not hold.

    Raises
    ------
    InputError
        ``WHAT cannot be: RULE``.
    """
    for rule, held in rules.items():
        if not held:
            raise InputError(Problem(f"{what} cannot be: {rule}"))


class Cancelled(SubtomoError):
    """The work was stopped because its user asked for it."""
