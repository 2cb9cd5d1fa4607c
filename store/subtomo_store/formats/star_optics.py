"""Optics groups of a STAR file: each row's voxel size, and the microscope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_store.formats.problems import named
from subtomo_store.formats.star_columns import Columns, Numbers, number_in
from subtomo_store.formats.star_write import USUAL_MICROSCOPE, Microscope

GROUP, NAME = "rlnOpticsGroup", "rlnOpticsGroupName"
MICROSCOPE = ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")
_REMEDY = (
    "; give the voxel size in ångström, or remove the column: then that of the headers holds, or "
    "the one that is given for the dataset (--voxel-size)"
)
_MICROMETRE = 1e4  # in ångström


def image_sizes(columns: Columns, optics: Columns | None) -> Numbers | None:
    """Voxel size of each row in ångström; None where the file gives none.

    The optics groups' ``rlnImagePixelSize`` comes first, then tilt-series pixel size times
    binning (RELION 4 and 5), then ``rlnPixelSize``, then detector pixel over magnification (3.0).
    """
    sizes = None if optics is None else _from_optics(columns, optics)
    if sizes is not None:
        return sizes
    sizes = columns.numbers("rlnPixelSize", _REMEDY)
    column = "rlnPixelSize"
    if sizes is None:
        detector = columns.numbers("rlnDetectorPixelSize")
        magnification = columns.numbers("rlnMagnification")
        if detector is None or magnification is None:
            return None
        column = "rlnDetectorPixelSize"
        with np.errstate(divide="ignore", invalid="ignore"):
            sizes = np.nan_to_num(detector * _MICROMETRE / magnification, posinf=0.0, neginf=0.0)
    _refuse_zero(columns, column, sizes)
    return sizes


def _from_optics(columns: Columns, optics: Columns) -> Numbers | None:
    sizes, column = optics.numbers("rlnImagePixelSize", _REMEDY), "rlnImagePixelSize"
    if sizes is None:
        column = "rlnTomoTiltSeriesPixelSize"
        tilt, binning = (optics.numbers(name) for name in (column, "rlnTomoSubtomogramBinning"))
        if tilt is None or binning is None:
            return None
        sizes = tilt * binning
    _refuse_zero(optics, column, sizes)
    groups = _groups(columns, optics)
    if groups is not None:
        return sizes[groups]
    named_groups = set(_keys(columns.texts(GROUP) or columns.texts(NAME) or ()))
    if len(set(sizes.tolist())) > 1 or len(named_groups) > 1:
        sentence = (
            f"or _{NAME} must stand in data_particles and in data_optics, as there are several "
            f"groups (voxel sizes {named(f'{size:g}' for size in sizes)} Å): add one to both"
        )
        columns.add(None, GROUP, sentence)
    return np.full(columns.count, sizes[0])


def group_names(columns: Columns, optics: Columns) -> tuple[tuple[str, ...], ...] | None:
    """Number and name of each row's optics group; None where neither tells it."""
    groups = _groups(columns, optics)
    if groups is None:
        return None
    told = [_keys(optics.texts(column) or ()) for column in (GROUP, NAME)]
    names = list(zip(*[texts for texts in told if texts], strict=True))
    return tuple(names[group] for group in groups.tolist())


def groups_of(columns: Columns, optics: Columns) -> NDArray[np.int64]:
    """Row (from 0) in the optics table of each particle; the first where nothing tells it."""
    groups = _groups(columns, optics)
    return np.zeros(columns.count, np.int64) if groups is None else groups


def _groups(columns: Columns, optics: Columns) -> NDArray[np.int64] | None:
    """Row in the optics table of each particle; None where neither number nor name tells."""
    by_number = _matched(columns, optics, GROUP)
    if by_number is None:
        return _matched(columns, optics, NAME)
    optics.read.add(NAME)  # a label of what is known by its number
    if columns.block.has(NAME) and optics.block.has(NAME):
        said, meant = columns.texts(NAME) or (), optics.texts(NAME) or ()
        for row, (name, group) in enumerate(zip(said, by_number.tolist(), strict=True), 1):
            if name != meant[group] and not columns.problems.have(GROUP):
                sentence = f"is {name!r}, where data_optics names its group {meant[group]!r}"
                columns.add(row, NAME, f"{sentence}: correct one of them")
    return by_number


def _matched(columns: Columns, optics: Columns, column: str) -> NDArray[np.int64] | None:
    """Rows of the optics table by what both tables call a group; 0 where a problem was noted."""
    if not (columns.block.has(column) and optics.block.has(column)):
        return None
    first: dict[str, int] = {}
    for index, key in enumerate(_keys(optics.texts(column) or ())):
        if optics.block.rows[first.setdefault(key, index)] != optics.block.rows[index]:
            optics.add(index + 1, column, f"is {key!r} again, with other values: keep one of them")
    rows = _keys(columns.texts(column) or ())
    for row, key in enumerate(rows, 1):
        if key not in first:
            columns.add(row, column, f"is {key!r}, which data_optics does not have")
    return np.array([first.get(key, 0) for key in rows], dtype=np.int64)


def _keys(texts: Sequence[str]) -> list[str]:
    """What groups are told by: 1.000000 is 1."""
    whole = {text: number for text in set(texts) if (number := number_in(text)) is not None}
    return [
        str(int(whole[text])) if text in whole and whole[text].is_integer() else text
        for text in texts
    ]


def _refuse_zero(columns: Columns, column: str, sizes: Numbers) -> None:
    if columns.problems.have(column):
        return
    for row in np.flatnonzero(sizes <= 0):
        columns.add(
            int(row) + 1, column, f"gives a voxel size of {sizes[row]:g}: give it in ångström"
        )


class Used(NamedTuple):
    """The microscope which a dataset's table names, and what its owner is told."""

    microscope: Microscope
    remarks: tuple[str, ...]


def microscope(optics: Columns) -> Used:
    """Return the values of the first optics group, or usual ones; no particle needs them.

    A table without optics groups may give them for each particle, as RELION 3.0 wrote it.
    """
    values, remarks = list[float](), list[str]()
    for column, usual in zip(MICROSCOPE, USUAL_MICROSCOPE, strict=True):
        texts = optics.texts(column) or (str(usual),)
        found = number_in(texts[0])
        values.append(usual if found is None else found)
        if found is None or len({number_in(text) for text in texts}) > 1:
            remarks.append(
                f"{optics.file}: _{column} is {named(dict.fromkeys(texts))}; "
                f"{values[-1]:g} stands in the dataset's own table"
            )
    return Used(Microscope(*values), tuple(remarks))
