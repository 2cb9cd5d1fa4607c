"""Dynamo's tables: a row of 35 or more numbers per particle, and no names.

The columns are those of Dynamo's table convention; `dynamotable` knows their order. Rows are
counted, and values looked at, before and after it: it fills short rows up silently.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass

import dynamotable
import numpy as np
import pandas as pd
from dynamotable.constants import COLUMN_NAME_TO_COLUMN_NUMBER as NUMBERS
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.rotations import from_dynamo_angles
from subtomo_store.files.readable import Readable
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.text import lines_of, read_text

FEWEST_COLUMNS = 35
VOXEL_SIZE = "apix"
ALIGNED, AVERAGED = "aligned_value", "averaged_value"

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DynamoTable:
    """One row per particle; None where the table says nothing.

    Attributes
    ----------
    tags : array of int, shape (N,)
        Numbers in the particles' file names.
    rotations : array, shape (N, 3, 3)
        Reference to particle, from tdrot, tilt and narot.
    shifts : array, shape (N, 3)
        dx, dy, dz: of the particle from its centre, in voxels.
    classes : array of int, shape (N,), or None
        ``ref`` where it is above 0 in every row, or else ``class`` where that is.
    tomograms : tuple of str
        Their numbers.
    voxel_sizes : array, shape (N,), or None
        In ångström, from ``apix``.
    kinds : array of int, shape (N,)
        ``ftype``: 0 nothing is missing, 1 tilts about y, others are not documented.
    tilts : array, shape (N, 2)
        ymintilt and ymaxtilt in degrees; both are 0 where they were never filled in.
    flags : dict of str to array of bool, shape (N,)
        ``aligned_value``: Dynamo takes the particle for alignment; ``averaged_value``: it went
        into the last average.
    coordinates : array, shape (N, 3)
        x, y, z in the tomogram, in its voxels.
    unread : tuple of str
        Columns which are not 0 in every row, and were not read.
    """

    tags: NDArray[np.int64]
    rotations: Array
    shifts: Array
    classes: NDArray[np.int64] | None
    tomograms: tuple[str, ...]
    voxel_sizes: Array | None
    kinds: NDArray[np.int64]
    tilts: Array
    flags: dict[str, NDArray[np.bool_]]
    coordinates: Array | None
    unread: tuple[str, ...]


def read_dynamo(path: Readable, name: str) -> DynamoTable:
    """Read a Dynamo table.

    Raises
    ------
    InputError
        Every problem found, each with file, row and column.
    """
    text = read_text(path, name)
    _check_widths(text, name)
    values = _Values(dynamotable.read(io.StringIO(text)), name)
    table = DynamoTable(
        tags=values.tags(),
        rotations=from_dynamo_angles(values.vectors("tdrot", "tilt", "narot")),
        shifts=values.vectors("dx", "dy", "dz"),
        classes=values.classes(),
        tomograms=tuple(str(number) for number in values.integers("tomo")),
        voxel_sizes=values.voxel_sizes(),
        kinds=values.integers("ftype"),
        tilts=values.vectors("ymintilt", "ymaxtilt"),
        flags={column: values.flags(column) for column in (ALIGNED, AVERAGED)},
        coordinates=values.coordinates(),
        unread=values.unread(),
    )
    values.problems.raise_all()
    return table


def _check_widths(text: str, name: str) -> None:
    widths = [width for line in lines_of(text) if (width := len(line.split()))]
    if not widths:
        raise InputError(Problem(f"{name}: the table is empty", file=name))
    usual, rows = Counter(widths).most_common(1)[0]
    if usual < FEWEST_COLUMNS or '"' in text:
        detail = (
            f"{name}: {usual} columns: a Dynamo table has {FEWEST_COLUMNS} or more numbers in "
            "each row, without a heading; save it with Dynamo's dwrite"
        )
        raise InputError(Problem(detail, file=name))
    problems = Problems(patience=None)
    for row, width in enumerate(widths, 1):
        if width != usual:
            wrong = "a value is missing" if width < usual else "there is one too many"
            detail = (
                f"{name}, row {row}: {width} values where {rows} rows have {usual}: {wrong}; "
                "correct or remove the row"
            )
            problems.add(Problem(detail, file=name, row=row))
    problems.raise_all()


class _Values:
    """The columns of a table by name, gathering a problem for each value which does not fit."""

    def __init__(self, frame: pd.DataFrame, file: str):
        self._frame, self._file = frame, file
        self._read: set[str] = set()
        self.problems = Problems(patience=None)

    def _add(self, row: int, column: str, sentence: str) -> None:
        where = f"{self._file}, row {row}: {column} (column {NUMBERS[column]})"
        problem = Problem(f"{where} {sentence}", file=self._file, row=row, column=column)
        self.problems.add(problem)

    def numbers(self, column: str) -> Array:
        """Finite numbers; 0 stands where a problem was noted."""
        given = self._frame[column]
        self._read.add(column)
        numbers = pd.to_numeric(given, errors="coerce").to_numpy(np.float64)
        wrong = ~np.isfinite(numbers)
        for index in np.flatnonzero(wrong):
            said = str(given.iloc[index])[:40]
            self._add(int(index) + 1, column, f"is {said!r}: a finite number is needed")
        return np.where(wrong, 0.0, numbers)

    def vectors(self, *columns: str) -> Array:
        """Columns side by side, ``(N, len(columns))``."""
        return np.stack([self.numbers(column) for column in columns], axis=-1)

    def integers(self, column: str) -> NDArray[np.int64]:
        """Whole numbers."""
        numbers = self.numbers(column)
        for index in np.flatnonzero(numbers != np.rint(numbers)):
            said = f"is {numbers[index]:g}: a whole number is needed"
            self._add(int(index) + 1, column, said)
        return np.rint(numbers).astype(np.int64)

    def tags(self) -> NDArray[np.int64]:
        """Tags from 1, each once."""
        tags = self.integers("tag")
        first: dict[int, int] = {}
        if self.problems.have("tag"):
            return tags
        for row, tag in enumerate(tags.tolist(), 1):
            if tag < 1:
                self._add(row, "tag", f"is {tag}: particles are counted from 1")
            elif tag in first:
                said = f"is {tag}, as in row {first[tag]}: remove one of the rows"
                self._add(row, "tag", said)
            first.setdefault(tag, row)
        return tags

    def classes(self) -> NDArray[np.int64] | None:
        """What the last alignment or classification said of every particle."""
        for column in ("ref", "class"):
            numbers = self.integers(column)
            if (numbers > 0).all():
                return numbers
            self._read.discard(column)
        return None

    def flags(self, column: str) -> NDArray[np.bool_]:
        """Where a column of 0 and 1 is 1."""
        numbers = self.numbers(column)
        for index in np.flatnonzero((numbers != 0) & (numbers != 1)):
            said = f"is {numbers[index]:g}: Dynamo knows 0 (no) and 1 (yes)"
            self._add(int(index) + 1, column, said)
        is_set: NDArray[np.bool_] = numbers == 1
        return is_set

    def coordinates(self) -> Array | None:
        """Places in the tomograms; None where they were never filled in."""
        places = self.vectors("x", "y", "z")
        return places if places.any() else None

    def unread(self) -> tuple[str, ...]:
        """Columns which say something and were not read; MATLAB may write complex numbers."""
        names = [str(name) for name in self._frame]
        names[len(NUMBERS) :] = [f"column {i + 1}" for i in range(len(NUMBERS), len(names))]
        return tuple(
            name
            for index, name in enumerate(names)
            if name not in self._read
            and (pd.to_numeric(self._frame.iloc[:, index], errors="coerce") != 0).any()
        )

    def voxel_sizes(self) -> Array | None:
        """Voxel sizes, which stand in every row or in none."""
        if VOXEL_SIZE not in self._frame:
            return None
        sizes = self.numbers(VOXEL_SIZE)
        if not sizes.any():
            return None
        for index in np.flatnonzero(sizes <= 0):
            said = f"is {sizes[index]:g} where other rows give a voxel size: give it in all"
            self._add(int(index) + 1, VOXEL_SIZE, said)
        return sizes
