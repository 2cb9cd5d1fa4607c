"""What a particle table tells of stacks of tilt images: RELION 5's and WarpTools' default."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.orientation.rotations import from_relion_angles
from subtomo_store.formats.star_columns import Columns, Numbers
from subtomo_store.formats.star_kinds import VISIBLE
from subtomo_store.formats.star_optics import MICROSCOPE, groups_of

PREMULTIPLIED = "rlnCtfDataAreCtfPremultiplied"
TURNED = "rlnTomoSubtomogram{}"
_CENTRED, _FROM_CORNER = "rlnCenteredCoordinate{}Angst", "rlnCoordinate{}"
_XYZ = ("X", "Y", "Z")

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class StackRows:
    """One row per particle, as in `ParticleTable`; None where the table has no such column.

    Attributes
    ----------
    tomograms : tuple of str
        ``rlnTomoName``.
    visible : tuple of array of bool
        Which images of the tilt series are there, of each row.
    turns : array, shape (N, 3, 3)
        From the axes of a particle's box to those of its tomogram.
    centred : array, shape (N, 3)
        Places from the tomogram's centre, ångström.
    from_corner : array, shape (N, 3)
        Places from its corner, in pixels.
    premultiplied : array of bool, shape (N,)
        Whether images are multiplied by their transfer.
    microscopes : tuple of arrays, shape (N,)
        Voltage (kV), spherical aberration (mm), amplitude contrast of the optics groups.
    """

    tomograms: tuple[str, ...]
    visible: tuple[Flags, ...] | None
    turns: Numbers | None
    centred: Numbers | None
    from_corner: Numbers | None
    premultiplied: Flags
    microscopes: tuple[Numbers | None, Numbers | None, Numbers | None]


def stack_rows(columns: Columns, optics: Columns | None) -> StackRows:
    """Read the columns that stacks need; what is missing or makes no sense is a problem."""
    tomograms = columns.texts("rlnTomoName")
    if tomograms is None:
        sentence = "is missing: it names the tilt series of each particle in the tomograms file"
        columns.add(None, "rlnTomoName", sentence)
    turns = columns.vectors(TURNED, ("Rot", "Tilt", "Psi"))
    centred = columns.vectors(_CENTRED, _XYZ)
    corner = None if centred is not None else columns.vectors(_FROM_CORNER, _XYZ)
    voltage, aberration, contrast = (
        None if optics is None else _of_groups(columns, optics, name) for name in MICROSCOPE
    )
    return StackRows(
        tomograms=tomograms or ("",) * columns.count,
        visible=_visible(columns),
        turns=None if turns is None else from_relion_angles(turns),
        centred=centred,
        from_corner=corner,
        premultiplied=_premultiplied(columns, optics),
        microscopes=(voltage, aberration, contrast),
    )


def _of_groups(columns: Columns, optics: Columns, name: str) -> Numbers | None:
    values = optics.numbers(name)
    return None if values is None else values[groups_of(columns, optics)]


def _premultiplied(columns: Columns, optics: Columns | None) -> Flags:
    values = None if optics is None else _of_groups(columns, optics, PREMULTIPLIED)
    if values is None:
        sentence = (
            "is missing in data_optics: it tells whether the images are multiplied by their "
            "contrast transfer (1) or not (0)"
        )
        columns.add(None, PREMULTIPLIED, sentence)
        return np.zeros(columns.count, bool)
    if not np.isin(values, (0.0, 1.0)).all():
        row = int(np.flatnonzero(~np.isin(values, (0.0, 1.0)))[0])
        columns.add(row + 1, PREMULTIPLIED, f"is {values[row]:g} in its optics group: give 0 or 1")
    return np.asarray(values == 1.0)


def _visible(columns: Columns) -> tuple[Flags, ...] | None:
    texts = columns.texts(VISIBLE)
    if texts is None:
        return None
    # The particles of a tomogram mostly share their flags: each text is read once.
    read = {text: _flags(text) for text in set(texts)}
    found = []
    for row, text in enumerate(texts, 1):
        flags = read[text]
        if flags is None:
            columns.add(row, VISIBLE, f"is {text[:40]!r}: 0 or 1 for each image, as in [1,0,1]")
        elif not flags.any():
            columns.add(row, VISIBLE, "shows no image of this particle: remove the row")
        found.append(np.zeros(0, bool) if flags is None else flags)
    return tuple(found)


def _flags(text: str) -> Flags | None:
    parts = [part.strip() for part in text.strip("[]").split(",")]
    if not all(part in ("0", "1") for part in parts):
        return None
    return np.array([part == "1" for part in parts])
