"""Where the boxes of a STAR table's particles lie in their tomograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.orientation.rotations import from_relion_angles
from subtomo_store.formats.star_columns import OPTICS, number_in
from subtomo_store.formats.star_text import StarBlock
from subtomo_store.formats.star_write import AXES, COORDINATES

Array = NDArray[np.float64]
CENTRED = "rlnCenteredCoordinate{}Angst"
TILT_PIXEL = "rlnTomoTiltSeriesPixelSize"
_GROUP = "rlnOpticsGroup"
_TURNS = "rlnTomoSubtomogram{}"


class Places(NamedTuple):
    """Where boxes lie.

    Attributes
    ----------
    centres : array, shape (N, 3)
        Of the boxes, in ångström, x, y, z.
    from_centre : bool
        Whether they count from the tomogram's centre; else from its first voxel.
    boxes : array, shape (N, 3, 3)
        How each box was cut out turned, from the box to the tomogram.
    """

    centres: Array
    from_centre: bool
    boxes: Array


def places_of(
    blocks: Sequence[StarBlock], rows: Sequence[StarBlock], pixel_size: float, *, given: bool
) -> Places | None:
    """Places of all particles, table after table; None where a row tells none.

    ``rlnCenteredCoordinateXAngst`` (RELION 5) is in ångström. ``rlnCoordinateX`` is in pixels: of
    ``rlnTomoTiltSeriesPixelSize`` of the optics group where that stands (RELION 4), else of
    ``pixel_size``, which comes first where it is ``given``.
    """
    turns = _vectors(rows, _TURNS, ("Rot", "Tilt", "Psi"))
    centred = _vectors(rows, CENTRED, AXES)
    if centred is not None:
        return Places(centred, True, _boxes(turns, len(centred)))
    pixels = _vectors(rows, COORDINATES, AXES)
    if pixels is None:
        return None
    sizes = None if given else _tilt_pixels(blocks, rows)
    scale = np.full(len(pixels), pixel_size) if sizes is None else sizes
    return Places(pixels * scale[:, None], False, _boxes(turns, len(pixels)))


def _boxes(turns: Array | None, count: int) -> Array:
    if turns is None:
        return np.tile(np.eye(3), (count, 1, 1))
    return from_relion_angles(turns)


def _vectors(rows: Sequence[StarBlock], pattern: str, parts: Sequence[str]) -> Array | None:
    """Columns side by side, (N, len(parts)); None where one or a number is missing."""
    names = [pattern.format(part) for part in parts]
    if not rows or not all(block.has(name) for block in rows for name in names):
        return None
    columns = [[number_in(text) for b in rows for text in b.column(name)] for name in names]
    values = np.array(columns, np.float64).T
    return values if np.isfinite(values).all() else None


def _tilt_pixels(blocks: Sequence[StarBlock], rows: Sequence[StarBlock]) -> Array | None:
    """Pixel sizes of the tilt series of each row, in ångström; None where not told."""
    optics = next((b for b in blocks if b.name == OPTICS and b.has(TILT_PIXEL)), None)
    if optics is None:
        return None
    sizes = [number_in(text) for text in optics.column(TILT_PIXEL)]
    if len(set(sizes)) == 1 and sizes[0]:
        return np.full(sum(len(block.rows) for block in rows), sizes[0])
    if not optics.has(_GROUP) or not all(block.has(_GROUP) for block in rows):
        return None
    by_group = dict(zip(map(number_in, optics.column(_GROUP)), sizes, strict=True))
    found = [by_group.get(number_in(t)) for block in rows for t in block.column(_GROUP)]
    values = np.array(found, np.float64)
    return values if np.isfinite(values).all() else None
