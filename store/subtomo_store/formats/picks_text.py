"""Picks as plain text: three numbers in each line, or columns with a heading (CSV)."""

from __future__ import annotations

import csv
from typing import NamedTuple

import numpy as np

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.rotations import from_relion_angles
from subtomo_store.files.readable import Readable
from subtomo_store.formats.picks import Picks, PixelSize
from subtomo_store.formats.problems import Problems, named
from subtomo_store.formats.star_columns import number_in
from subtomo_store.formats.text import lines_of, read_text

_PLACES, _ANGLES = ("x", "y", "z"), ("rot", "tilt", "psi")
_TOMOGRAM = "tomogram"
_KNOWN = (_TOMOGRAM, *_PLACES, *_ANGLES)


class _Line(NamedTuple):
    number: int
    values: list[str]


def read_text_picks(path: Readable, name: str, pixel: PixelSize) -> Picks:
    """Read lines ``x y z``, or columns x, y, z and, if they are there, tomogram, rot, tilt, psi.

    Places are in pixels from the tomogram's first voxel, angles in degrees, RELION's. Values have
    commas, semicolons, tabs or spaces between them. Lines that begin with # are comments.

    Raises
    ------
    InputError
        Every problem found, each with file and line.
    """
    lines = [
        _Line(number, _values(text))
        for number, text in enumerate(lines_of(read_text(path, name)), 1)
        if text.strip() and not text.lstrip().startswith("#")
    ]
    if not lines:
        raise InputError(Problem(f"{name}: there are no picks in it", file=name))
    heading, rows = _heading(lines, name)
    if not rows:
        raise InputError(Problem(f"{name}: a heading without picks below it", file=name))
    problems = Problems()
    _check_widths(rows, heading, name, problems)
    problems.raise_all()
    numbers = {
        column: [_number(row, heading.index(column), column, name, problems) for row in rows]
        for column in (*_PLACES, *_ANGLES)
        if column in heading
    }
    problems.raise_all()
    angles = [numbers[column] for column in _ANGLES if column in numbers]
    tomogram = heading.index(_TOMOGRAM) if _TOMOGRAM in heading else None
    unread = [column for column in heading if column not in _KNOWN]
    return Picks(
        program="a text file",
        centres=np.stack([numbers[column] for column in _PLACES], 1) * pixel.usual,
        tomograms=None if tomogram is None else tuple(row.values[tomogram] for row in rows),
        rotations=from_relion_angles(np.stack(angles, 1)) if angles else None,
        remarks=(f"{name}: columns that were not read: {named(unread)}",) if unread else (),
    )


def _values(text: str) -> list[str]:
    for separator in ",;\t":
        if separator in text:
            return [value.strip() for value in next(csv.reader([text], delimiter=separator))]
    return text.split()


def _heading(lines: list[_Line], name: str) -> tuple[list[str], list[_Line]]:
    """Names of the columns, and the lines below them."""
    first = lines[0].values
    if all(number_in(value) is not None for value in first):
        if len(first) != len(_PLACES):
            detail = (
                f"{name}: {len(first)} numbers in a line without a heading: give x, y, z alone, "
                "or a first line with the names of the columns"
            )
            raise InputError(Problem(detail, file=name, row=lines[0].number))
        return list(_PLACES), lines
    heading = [value.lower() for value in first]
    missing = [column for column in _PLACES if column not in heading]
    some = [column for column in _ANGLES if column in heading]
    if some and len(some) < len(_ANGLES):
        missing += [column for column in _ANGLES if column not in heading]
    if missing or len(set(heading)) < len(heading):
        what = f"without {named(missing)}" if missing else "with a column twice"
        detail = (
            f"{name}, line {lines[0].number}: a heading {what}: the columns are x, y, z and, if "
            "known, tomogram, rot, tilt, psi"
        )
        raise InputError(Problem(detail, file=name, row=lines[0].number))
    return heading, lines[1:]


def _check_widths(rows: list[_Line], heading: list[str], name: str, problems: Problems) -> None:
    for row in rows:
        if len(row.values) != len(heading):
            detail = (
                f"{name}, line {row.number}: {len(row.values)} values for {len(heading)} columns: "
                "correct or remove the line"
            )
            problems.add(Problem(detail, file=name, row=row.number))


def _number(row: _Line, at: int, column: str, name: str, problems: Problems) -> float:
    value = number_in(row.values[at])
    if value is None:
        detail = (
            f"{name}, line {row.number}: {column} is {row.values[at][:40]!r}: a finite number is "
            "needed"
        )
        problems.add(Problem(detail, file=name, row=row.number, column=column))
    return value or 0.0
