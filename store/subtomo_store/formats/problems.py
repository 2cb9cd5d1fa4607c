"""Problems while they are gathered: one for each cause, which counts the rows or files it is in."""

from __future__ import annotations

import re
from collections.abc import Iterable

from subtomo_core.errors import InputError, Problem

MOST_PROBLEMS = 100
TOLD_BY_NAME = 10

# What differs between problems of one cause: what a user wrote, in quotes, and numbers.
_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|[-+]?\d[\d.e+-]*")


def named(names: Iterable[object], count: int | None = None) -> str:
    """First ten of some names, and how many more there are; ``count`` is that of all."""
    shown = [str(name) for name in names]
    more = (len(shown) if count is None else count) - TOLD_BY_NAME
    return ", ".join(shown[:TOLD_BY_NAME]) + (f" and {more} more" if more > 0 else "")


class _Cause:
    """The first problem of a cause, and where else it was met."""

    def __init__(self, first: Problem):
        self.first = first
        self._places: dict[int | str, None] = {}
        self._count = 0

    def add(self, problem: Problem) -> None:
        """Note one more; a place that is known, or none, adds nothing."""
        place = problem.file if problem.row is None else problem.row
        own = self.first.file if self.first.row is None else self.first.row
        if place and place != own and place not in self._places:
            self._count += 1
            if self._count <= TOLD_BY_NAME:
                self._places[place] = None

    def told(self) -> Problem:
        """The first problem, with the number and the names of the others."""
        if not self._count:
            return self.first
        what = "file" if self.first.row is None else "row"
        what += "s" if self._count > 1 else ""
        places = named(self._places, self._count)
        return self.first._replace(
            detail=f"{self.first.detail}; so in {self._count} more {what}: {places}"
        )


class Problems:
    """Gathers problems; those of one cause are raised as one, which names the first.

    Parameters
    ----------
    patience : int or None
        At so many problems the work is stopped, since each may cost the reading of a file.
    """

    def __init__(self, patience: int | None = MOST_PROBLEMS) -> None:
        self._patience = patience
        self._causes: dict[tuple[str, str], _Cause] = {}
        self.count = 0

    def add(self, *problems: Problem) -> None:
        """Note problems.

        Raises
        ------
        InputError
            With all causes, once patience is at its end.
        """
        for problem in problems:
            self._causes.setdefault(_cause(problem), _Cause(problem)).add(problem)
            self.count += 1
            if self.count == self._patience:
                last = Problem(f"stopped after {self.count} problems: there may be more")
                raise InputError(*self.found(), last)

    def have(self, column: str) -> bool:
        """Tell whether a problem of a column was noted."""
        return any(said == column for said, _ in self._causes)

    def found(self) -> list[Problem]:
        """One problem for each cause, a hundred at most."""
        return [cause.told() for cause in list(self._causes.values())[:MOST_PROBLEMS]]

    def raise_all(self) -> None:
        """Raise everything found, if anything."""
        if self.count:
            raise InputError(*self.found())


def _cause(problem: Problem) -> tuple[str, str]:
    said = problem.detail.replace(problem.file, "") if problem.file else problem.detail
    return problem.column, _PARTICULAR.sub("", said)
