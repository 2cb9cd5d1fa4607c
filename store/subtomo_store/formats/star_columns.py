"""Typed columns of a STAR table, gathering a problem for each value that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_store.formats.star_text import StarBlock
from subtomo_store.formats.text import MOST_PROBLEMS

Numbers = NDArray[np.float64]
PRIOR = "Prior"


class Columns:
    """The columns of one table.

    Parameters
    ----------
    block : StarBlock
        The table.
    file : str
        Name of its file in problems.
    """

    def __init__(self, block: StarBlock, file: str):
        self.block, self.file = block, file
        self.problems: list[Problem] = []

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.block.rows)

    def add(self, row: int | None, column: str, sentence: str) -> None:
        """Note a problem at a row (from 1) and column."""
        if len(self.problems) < MOST_PROBLEMS:
            where = self.file if row is None else f"{self.file}, row {row}"
            detail = f"{where}: _{column} {sentence}"
            self.problems.append(Problem(detail, file=self.file, row=row, column=column))

    def raise_problems(self) -> None:
        """Raise all problems noted so far, if any."""
        if self.problems:
            raise InputError(*self.problems)

    def require(self, column: str) -> None:
        """Refuse a table without this column."""
        if not self.block.has(column):
            self.add(None, column, "is missing: this column is needed")
            self.raise_problems()

    def texts(self, column: str) -> tuple[str, ...] | None:
        """Values as they stand, or None where there is no such column."""
        return tuple(self.block.column(column)) if self.block.has(column) else None

    def numbers(self, column: str) -> Numbers | None:
        """Finite numbers; 0 stands where a problem was noted."""
        if not self.block.has(column):
            return None
        values = self.block.column(column)
        try:
            numbers = np.array(values, dtype=np.float64)
            if np.isfinite(numbers).all():
                return numbers
        except ValueError:
            pass  # found one by one below
        return np.array([self._number(row, column, text) for row, text in enumerate(values, 1)])

    def _number(self, row: int, column: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            self.add(row, column, f"is {text[:40]!r}, which is not a number")
            return 0.0
        if not np.isfinite(value):
            self.add(row, column, f"is {text}: a finite number is needed")
            return 0.0
        return value

    def integers(self, column: str) -> NDArray[np.int64] | None:
        """Whole numbers, or None where there is no such column."""
        numbers = self.numbers(column)
        if numbers is None:
            return None
        for row in np.flatnonzero(numbers != np.rint(numbers))[:MOST_PROBLEMS]:
            self.add(int(row) + 1, column, f"is {numbers[row]:g}: a whole number is needed")
        return np.rint(numbers).astype(np.int64)

    def vectors(self, pattern: str, parts: Sequence[str], *, every: bool) -> Numbers | None:
        """Columns side by side, ``(N, len(parts))``; None where all are missing.

        With ``every``, a column missing beside others is a problem; else it counts as 0.
        """
        columns = {part: self.numbers(pattern.format(part)) for part in parts}
        missing = [part for part, values in columns.items() if values is None]
        if len(missing) == len(parts):
            return None
        for part in missing if every else ():
            self.add(None, pattern.format(part), "is missing beside the other angles")
        zeros = np.zeros(self.count)
        return np.stack([zeros if v is None else v for v in columns.values()], axis=-1)


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
        values = columns.vectors("rlnAngle{}", ("Rot", "Tilt", "Psi"), every=True)
        return None if values is None else Angles(values, "")
    normals = columns.vectors("rlnAngle{}" + PRIOR, ("Tilt", "Psi"), every=True)
    turns = columns.numbers(rot)
    if normals is None:
        return None
    about = np.zeros(columns.count) if turns is None else turns
    remark = (
        f"the particles' normals come from _{tilt}{PRIOR} and _{psi}{PRIOR}, "
        f"the angle about them {'is 0' if turns is None else f'from _{rot}'}"
    )
    return Angles(np.column_stack([about, normals]), remark)


def image_sizes(columns: Columns, optics: StarBlock | None) -> Numbers | None:
    """Voxel size of each row in ångström; None where the file gives none.

    The optics groups' ``rlnImagePixelSize`` comes first, then tilt-series pixel size times
    binning (RELION 4 and 5), then ``rlnPixelSize``, then detector pixel over magnification (3.0).
    """
    if optics is not None:
        sizes = _from_optics(columns, Columns(optics, columns.file))
        if sizes is not None:
            return sizes
    sizes = columns.numbers("rlnPixelSize")
    column = "rlnPixelSize"
    if sizes is None:
        detector = columns.numbers("rlnDetectorPixelSize")
        magnification = columns.numbers("rlnMagnification")
        if detector is None or magnification is None:
            return None
        micrometre = 1e4  # in ångström
        column = "rlnDetectorPixelSize"
        with np.errstate(divide="ignore", invalid="ignore"):
            sizes = np.nan_to_num(detector * micrometre / magnification, posinf=0.0, neginf=0.0)
    _refuse_zero(columns, column, sizes)
    return sizes


def _from_optics(columns: Columns, optics: Columns) -> Numbers | None:
    sizes = optics.numbers("rlnImagePixelSize")
    if sizes is None:
        tilt, binning = (
            optics.numbers(name)
            for name in ("rlnTomoTiltSeriesPixelSize", "rlnTomoSubtomogramBinning")
        )
        if tilt is None or binning is None:
            return None
        sizes = tilt * binning
    _refuse_zero(optics, "rlnImagePixelSize", sizes)
    columns.problems += optics.problems
    groups = optics.texts("rlnOpticsGroup") or tuple(str(i + 1) for i in range(optics.count))
    by_group = dict(zip(groups, sizes, strict=True))
    rows = columns.texts("rlnOpticsGroup") or (groups[0],) * columns.count
    for row, group in enumerate(rows, start=1):
        if group not in by_group:
            columns.add(row, "rlnOpticsGroup", f"is {group}, which data_optics does not have")
    return np.array([by_group.get(group, sizes[0]) for group in rows])


def _refuse_zero(columns: Columns, column: str, sizes: Numbers) -> None:
    for row in np.flatnonzero(sizes <= 0)[:MOST_PROBLEMS]:
        columns.add(
            int(row) + 1, column, f"gives a voxel size of {sizes[row]:g}: give it in ångström"
        )
