"""AV3's motive lists: an EM file of 20 numbers for each particle.

Columns as the TOM toolbox documents them (``av3_scan_angles_exact``): 1 correlation, 4 particle
number, 5 tomogram, 8 to 10 place in the tomogram, 11 to 13 shift of the turned reference, 14 to 16
shift before it is turned (AV3 averages without it, and other programs keep other numbers there), 17
phi, 18 psi, 19 theta, 20 class. The average shifts a particle by
the negative shift and turns it by (-psi, -phi, -theta): `rotations.from_tom_angles`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.rotations import from_tom_angles
from subtomo_store.files.readable import Readable
from subtomo_store.formats.em import EM_HEADER_BYTES, em_table
from subtomo_store.formats.motive_list import MotiveList, above_0, filled
from subtomo_store.formats.problems import Problems

COLUMNS = 20
NUMBER, TOMOGRAM, CLASS = 4, 5, 20
_PLACE, _SHIFT, _ANGLES = slice(7, 10), slice(10, 13), slice(16, 19)
_READ = {NUMBER, TOMOGRAM, *range(8, 14), 17, 18, 19}


def is_av3(path: Readable, name: str) -> bool:
    """Tell whether an EM file is a table of 20 columns."""
    if not name.lower().endswith(".em"):
        return False
    with path.open("rb") as file:
        table = em_table(file.read(EM_HEADER_BYTES))
    return table is not None and table.columns == COLUMNS


def read_av3(path: Readable, name: str) -> MotiveList:
    """Read a motive list.

    Raises
    ------
    InputError
        Every problem found, each with file, row and column.
    """
    values = _values(path, name)
    problems = Problems(patience=None)
    for row, column in np.argwhere(~np.isfinite(values)):
        _add(problems, name, int(row), int(column) + 1, "is no finite number: correct it")
    whole = values[:, NUMBER - 1]
    for row in np.flatnonzero((whole != np.rint(whole)) | (whole < 1)):
        said = f"is {whole[row]:g}: the particle's number, from 1, is needed"
        _add(problems, name, int(row), NUMBER, said)
    problems.raise_all()
    classes = above_0(values[:, CLASS - 1])
    read = _READ | (set() if classes is None else {CLASS})
    unread = [n for n in range(1, COLUMNS + 1) if n not in read and values[:, n - 1].any()]
    told = f"columns of {name} which were not read: {', '.join(map(str, unread))}"
    return MotiveList(
        program="AV3",
        rotations=from_tom_angles(values[:, _ANGLES]),
        shifts=values[:, _SHIFT],
        numbers=whole.astype(np.int64),
        number_column=f"column {NUMBER}",
        classes=classes,
        tomograms=tuple(f"{number:.10g}" for number in values[:, TOMOGRAM - 1]),
        coordinates=filled(values[:, _PLACE]),
        remarks=(told,) if unread else (),
    )


def _values(path: Readable, name: str) -> NDArray[np.float64]:
    with path.open("rb") as file:
        raw = file.read()
    table = em_table(raw)
    if table is None or table.columns != COLUMNS:
        detail = f"{name}: not an AV3 motive list, an EM file of {COLUMNS} numbers for a particle"
        raise InputError(Problem(detail, file=name))
    wanted = table.rows * COLUMNS * table.dtype.itemsize
    found = len(raw) - EM_HEADER_BYTES
    if found < wanted:
        detail = f"{name}: truncated: {wanted} bytes of numbers expected, {found} found"
        raise InputError(Problem(f"{detail}; upload it again", file=name))
    values = np.frombuffer(raw, table.dtype, table.rows * COLUMNS, EM_HEADER_BYTES)
    return values.reshape(table.rows, COLUMNS).astype(np.float64)


def _add(problems: Problems, name: str, row: int, column: int, said: str) -> None:
    detail = f"{name}, row {row + 1}: column {column} {said}"
    problems.add(Problem(detail, file=name, row=row + 1, column=f"column {column}"))
