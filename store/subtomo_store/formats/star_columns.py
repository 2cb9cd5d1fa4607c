"""Typed columns of a STAR table, gathering a problem for each value that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import Problem
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.star_text import StarBlock

Numbers = NDArray[np.float64]
PRIOR = "Prior"
OPTICS = "optics"


class Columns:
    """The columns of one table, and which of them were read.

    Parameters
    ----------
    block : StarBlock
        The table.
    file : str
        Name of its file in problems.
    problems : Problems
        Gets a problem for each value that does not fit.
    """

    def __init__(self, block: StarBlock, file: str, problems: Problems):
        self.block, self.file, self.problems = block, file, problems
        self.read: set[str] = set()

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.block.rows)

    def add(self, row: int | None, column: str, sentence: str) -> None:
        """Note a problem at a row (from 1) and column."""
        place = f"data_{self.block.name}, " if self.block.name == OPTICS else ""
        where = self.file if row is None else f"{self.file}, {place}row {row}"
        detail = f"{where}: _{column} {sentence}"
        self.problems.add(Problem(detail, file=self.file, row=row, column=column))

    def require(self, column: str) -> None:
        """Refuse a table without this column."""
        if not self.block.has(column):
            self.add(
                None,
                column,
                "is missing: it names the volume of each particle; where there are "
                "coordinates alone, cut the boxes out first: subtomo extract",
            )
            self.problems.raise_all()

    def texts(self, column: str) -> tuple[str, ...] | None:
        """Values as they stand, or None where there is no such column."""
        if not self.block.has(column):
            return None
        self.read.add(column)
        return tuple(self.block.column(column))

    def numbers(self, column: str, remedy: str = "") -> Numbers | None:
        """Finite numbers; 0 stands where a problem was noted."""
        values = self.texts(column)
        if values is None:
            return None
        try:
            numbers = np.array(values, dtype=np.float64)
            if np.isfinite(numbers).all():
                return numbers
        except ValueError:
            pass  # found one by one below
        found = []
        for row, text in enumerate(values, 1):
            found.append(number_in(text))
            if found[-1] is None:
                self.add(row, column, f"is {text[:40]!r}: a finite number is needed{remedy}")
        return np.array([0.0 if value is None else value for value in found])

    def integers(self, column: str) -> NDArray[np.int64] | None:
        """Whole numbers, or None where there is no such column."""
        numbers = self.numbers(column)
        if numbers is None:
            return None
        for row in np.flatnonzero(numbers != np.rint(numbers)):
            self.add(int(row) + 1, column, f"is {numbers[row]:g}: a whole number is needed")
        return np.rint(numbers).astype(np.int64)

    def vectors(self, pattern: str, parts: Sequence[str]) -> Numbers | None:
        """Columns side by side, ``(N, len(parts))``; None where all are missing.

        A column missing beside others is a problem.
        """
        columns = {part: self.numbers(pattern.format(part)) for part in parts}
        missing = [part for part, values in columns.items() if values is None]
        if len(missing) == len(parts):
            return None
        for part in missing:
            others = [pattern.format(other) for other in parts if other != part]
            self.add(None, pattern.format(part), f"is missing beside _{' and _'.join(others)}")
        zeros = np.zeros(self.count)
        return np.stack([zeros if v is None else v for v in columns.values()], axis=-1)


def number_in(text: str) -> float | None:
    """Finite number that a text says; None where it says none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


class Angles(NamedTuple):
    """RELION's rot, tilt and psi ``(N, 3)`` in degrees, and what the dataset's owner is told."""

    values: Numbers
    remark: str


def angles(columns: Columns) -> Angles | None:
    """Angles of each row; None where the file gives none.

    ``rlnAngleTilt`` and ``rlnAnglePsi`` come first. Where both are missing, the two priors give
    the direction: the normal of a particle's membrane, about which rot turns it.
    """
    tilt, psi, rot = "rlnAngleTilt", "rlnAnglePsi", "rlnAngleRot"
    named = any(columns.block.has(column) for column in (tilt, psi))
    prior = any(columns.block.has(column + PRIOR) for column in (tilt, psi))
    if named or not prior:
        values = columns.vectors("rlnAngle{}", ("Rot", "Tilt", "Psi"))
        return None if values is None else Angles(values, "")
    normals = columns.vectors("rlnAngle{}" + PRIOR, ("Tilt", "Psi"))
    turns = columns.numbers(rot)
    if normals is None:
        return None
    about = np.zeros(columns.count) if turns is None else turns
    remark = (
        f"the particles' normals come from _{tilt}{PRIOR} and _{psi}{PRIOR}, "
        f"the angle about them {'is 0' if turns is None else f'from _{rot}'}"
    )
    return Angles(np.column_stack([about, normals]), remark)
