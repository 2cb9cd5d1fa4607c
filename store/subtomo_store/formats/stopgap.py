"""STOPGAP's motive lists: a STAR table of 16 columns, without the particles' file names.

Columns are those of ``sg_get_motl_fields``. A reference turned by phi, psi, the (see
`rotations.from_tom_angles`) and moved by x_shift, y_shift, z_shift is the particle: STOPGAP
averages what is shifted by the negative shift and then turned by (-psi, -phi, -the).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.rotations import from_tom_angles
from subtomo_store.files.readable import Readable
from subtomo_store.formats.motive_list import MotiveList, above_0, filled
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.star_columns import Columns
from subtomo_store.formats.star_text import StarBlock, read_star

NUMBER = "subtomo_num"
MARKS = (b"stopgap_motivelist", b"_motl_idx")
_PEEK = 1 << 14
_HALVES = {"A": 1, "B": 2}


def is_stopgap(path: Readable) -> bool:
    """Tell a motive list by the beginning of a STAR file."""
    with path.open("rb") as file:
        head = file.read(_PEEK)
    return any(mark in head for mark in MARKS) and b"_rlnImageName" not in head


def read_stopgap(path: Readable, name: str) -> MotiveList:
    """Read a motive list.

    Raises
    ------
    InputError
        Every problem found, each with file, row and column.
    """
    blocks = read_star(path, name)
    lists = [block for block in blocks if block.has(NUMBER)]
    if len(lists) != 1 or not lists[0].rows:
        detail = (
            f"{name}: {len(lists)} tables with the column _{NUMBER}: a STOPGAP motive list has "
            "one, with a row for each particle"
        )
        raise InputError(Problem(detail, file=name, column=NUMBER))
    problems = Problems(patience=None)
    columns = Columns(lists[0], name, problems)
    numbers = columns.integers(NUMBER)
    angles = columns.vectors("{}", ("phi", "psi", "the"))
    if angles is None:
        columns.add(None, "phi", "is missing, with _psi and _the: the list gives no poses")
    shifts = columns.vectors("{}_shift", ("x", "y", "z"))
    tomograms = columns.integers("tomo_num")
    halves, remarks = _half_sets(columns)
    places = filled(columns.vectors("orig_{}", ("x", "y", "z")))
    classes = above_0(columns.numbers("class"))
    problems.raise_all()
    if classes is None:
        columns.read.discard("class")
    count = columns.count
    return MotiveList(
        program="STOPGAP",
        rotations=from_tom_angles(np.zeros((count, 3)) if angles is None else angles),
        shifts=np.zeros((count, 3)) if shifts is None else shifts,
        numbers=numbers,
        number_column=NUMBER,
        classes=classes,
        half_sets=halves,
        tomograms=None if tomograms is None else tuple(map(str, tomograms.tolist())),
        coordinates=places,
        remarks=(*remarks, *_unread(blocks, columns)),
    )


def _half_sets(columns: Columns) -> tuple[NDArray[np.int64] | None, list[str]]:
    texts = columns.texts("halfset")
    if texts is None:
        return None, []
    for row, text in enumerate(texts, 1):
        if text not in _HALVES:
            columns.add(row, "halfset", f"is {text[:40]!r}: STOPGAP knows A and B")
    found = np.array([_HALVES.get(text, 1) for text in texts], np.int64)
    if len(set(texts)) > 1:
        return found, []
    return None, [f"_halfset of {columns.file} is {texts[0]} throughout, which divides nothing"]


def _unread(blocks: list[StarBlock], columns: Columns) -> list[str]:
    left = []
    for block in blocks:
        known = columns.read if block is columns.block else set[str]()
        names = [f"_{column}" for column in block.columns if column not in known]
        if names or not block.columns:
            left.append(f"data_{block.name} ({', '.join(names) or 'empty'})")
    return [f"not read of {columns.file}: {', '.join(left)}"] if left else []
