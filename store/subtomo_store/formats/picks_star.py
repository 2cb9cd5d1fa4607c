"""Picks in STAR files: RELION 3 to 5, Warp, pytom-match-pick, and tables of refined particles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.rotations import from_relion_angles, from_relion_origins
from subtomo_store.files.readable import Readable
from subtomo_store.formats.picks import Picks, PixelSize
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.star_columns import Columns, angles
from subtomo_store.formats.star_places import CENTRED, TILT_PIXEL, places_of
from subtomo_store.formats.star_text import StarBlock, read_star
from subtomo_store.formats.star_write import AXES, COORDINATES

Array = NDArray[np.float64]
_DETECTOR, _MAGNIFICATION = "rlnDetectorPixelSize", "rlnMagnification"
_NAMES = ("rlnTomoName", "rlnMicrographName")


def read_star_picks(path: Readable, name: str, pixel: PixelSize) -> Picks:
    """Read the places, and the poses where they are told, of a table of particles or of picks.

    Places of pixels are in those of the tilt series (``rlnTomoTiltSeriesPixelSize``), or else of
    ``rlnDetectorPixelSize``, which pytom-match-pick writes (over ``rlnMagnification``, where that
    stands beside it). Origins move the places to where the particles were found, and boxes that
    were cut out turned turn the poses.

    Raises
    ------
    InputError
        Every problem found, each with file, row and column.
    """
    blocks = read_star(path, name)
    block = _block_of(blocks, name)
    problems = Problems(patience=None)
    columns = Columns(block, name, problems)
    told = pixel.given is not None or any(other.has(TILT_PIXEL) for other in blocks)
    size = pixel if told else _detector(columns, pixel)
    places = places_of(blocks, [block], size.usual, given=size.given is not None)
    if places is None:
        raise _no_places(columns)
    given = angles(columns)
    shifts = _shifts(columns, size.usual)
    problems.raise_all()
    rotations = None if given is None else places.boxes @ from_relion_angles(given.values)
    return Picks(
        program="RELION",
        centres=places.centres + np.einsum("nij,nj->ni", places.boxes, shifts),
        from_centre=places.from_centre,
        tomograms=_tomograms(columns),
        rotations=rotations,
        remarks=() if given is None or not given.remark else (f"{name}: {given.remark}",),
    )


def _block_of(blocks: Sequence[StarBlock], name: str) -> StarBlock:
    """The one table with places."""
    found = [b for b in blocks if any(b.has(p.format("X")) for p in (CENTRED, COORDINATES))]
    if len(found) != 1 or not found[0].rows:
        how = "no table" if not found else "an empty table" if len(found) == 1 else "several tables"
        detail = (
            f"{name}: {how} with places (_{COORDINATES.format('X')} or _{CENTRED.format('X')}): "
            "give the list that the picking program wrote"
        )
        raise InputError(Problem(detail, file=name))
    return found[0]


def _no_places(columns: Columns) -> InputError:
    """Say which column of the places is missing, or which value is no number."""
    centred = columns.block.has(CENTRED.format("X"))
    columns.vectors(CENTRED if centred else COORDINATES, AXES)
    return InputError(*columns.problems.found())


def _detector(columns: Columns, pixel: PixelSize) -> PixelSize:
    """Pixel size that the rows themselves tell, where they tell one."""
    sizes = columns.numbers(_DETECTOR)
    if sizes is None or not (sizes > 0).all():
        return pixel
    magnification = columns.numbers(_MAGNIFICATION)
    if magnification is not None and (magnification > 0).all():
        sizes = sizes * 1e4 / magnification
    if not np.allclose(sizes, sizes[0], rtol=1e-3):
        row = int(np.flatnonzero(~np.isclose(sizes, sizes[0], rtol=1e-3))[0]) + 1
        said = f"makes pixels of {sizes[row - 1]:g} Å where row 1 has {sizes[0]:g}: split the list"
        columns.add(row, _DETECTOR, said)
    return PixelSize(pixel.tomogram, float(sizes[0]))


def _shifts(columns: Columns, pixel_size: float) -> Array:
    """Where particles lie from the places, in Å."""
    origins = columns.vectors("rlnOrigin{}Angst", AXES)
    if origins is None:
        pixels = columns.vectors("rlnOrigin{}", AXES)
        origins = np.zeros((columns.count, 3)) if pixels is None else pixels * pixel_size
    return from_relion_origins(origins, 1.0)


def _tomograms(columns: Columns) -> tuple[str, ...] | None:
    return next((found for name in _NAMES if (found := columns.texts(name)) is not None), None)
