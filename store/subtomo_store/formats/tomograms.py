"""RELION's tomograms: the set (``tomograms.star``), and the tilt series of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.rotations import from_relion_tilts
from subtomo_store.files.readable import Readable
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.star_columns import Columns, Numbers, number_in
from subtomo_store.formats.star_kinds import TOMOGRAM_COLUMNS, flagged
from subtomo_store.formats.star_text import StarBlock, read_star

NAME, SERIES = "rlnTomoName", "rlnTomoTiltSeriesStarFile"
PARTICLES_FILE, TOMOGRAMS_FILE = "rlnTomoParticlesFile", "rlnTomoTomogramsFile"
B_FACTOR = "rlnCtfBfactorPerElectronDose"
_MATRIX = tuple(f"rlnTomoProj{axis}" for axis in "XYZ")
_NOT_PERPENDICULAR = 0.01  # of unit vectors that were rounded to few digits


class TiltSeriesTable(NamedTuple):
    """The F images of a tilt series.

    Attributes
    ----------
    file : str
        Name of its file in problems.
    rotations : array, shape (F, 3, 3)
        From the tomogram's axes to those of each image, which sums it up along z.
    defocus : array, shape (F, 4)
        ``rlnDefocusU``, ``V`` (ångström), ``Angle`` and ``rlnPhaseShift`` (degrees), in the
        tomogram's centre.
    doses : array, shape (F,)
        Electrons per square ångström.
    scales : array, shape (F,)
        Of the signal's amplitude.
    unread : tuple of str
        Columns that were not read.
    """

    file: str
    rotations: Numbers
    defocus: Numbers
    doses: Numbers
    scales: Numbers
    unread: tuple[str, ...]


class Tomogram(NamedTuple):
    """A row of the set; None where it tells nothing.

    ``size`` is in pixels of ``pixel_size``. ``series`` names the file of its tilt series; without
    one ``block`` is the tilt series.
    """

    row: int
    pixel_size: float | None
    size: tuple[float, float, float] | None
    hand: float | None
    slope: float
    b_factor: float
    microscope: tuple[float | None, float | None, float | None]
    series: str | None
    block: StarBlock | None


@dataclass(frozen=True, eq=False)
class TomogramSet:
    """Tomograms by their names.

    Attributes
    ----------
    file : str
        Name of its file in problems.
    tomograms : dict of str to Tomogram
    unread : tuple of str
        Columns that were not read.
    """

    file: str
    tomograms: dict[str, Tomogram]
    unread: tuple[str, ...]


def is_tomogram_set(blocks: list[StarBlock]) -> bool:
    """Tell whether a STAR file holds a table of tomograms."""
    return _set_block(blocks) is not None


def optimisation_set(blocks: list[StarBlock]) -> tuple[str, str] | None:
    """Names of the files of particles and of tomograms in an optimisation set; None in others."""
    for block in blocks:
        if block.has(PARTICLES_FILE) and block.has(TOMOGRAMS_FILE) and block.rows:
            return block.column(PARTICLES_FILE)[0], block.column(TOMOGRAMS_FILE)[0]
    return None


def leads_further(path: Readable, name: str) -> bool:
    """Tell whether a table needs other tables: an optimisation set, or particles as stacks."""
    try:
        blocks = read_star(path, name)
    except InputError:
        return False  # what is wrong with it is told where its particles are read
    return flagged(blocks) or optimisation_set(blocks) is not None


def read_tomograms(path: Readable, name: str) -> TomogramSet:
    """Read a set of tomograms.

    Raises
    ------
    InputError
        Every problem found, each with file, row and column.
    """
    blocks = read_star(path, name)
    block = _set_block(blocks)
    if block is None:
        detail = f"{name}: no table of tomograms in it (with _{NAME} and _{SERIES})"
        raise InputError(Problem(detail, file=name))
    problems = Problems(patience=None)
    columns = Columns(block, name, problems)
    names = columns.texts(NAME) or ()
    inside = {other.name: other for other in blocks if other is not block}
    rows = _Rows(columns)
    tomograms: dict[str, Tomogram] = {}
    for index, tomogram in enumerate(names):
        if tomogram in tomograms:
            columns.add(index + 1, NAME, f"is {tomogram!r} again: keep one of the rows")
        tomograms[tomogram] = rows.tomogram(index, inside.get(tomogram))
    problems.raise_all()
    unread = tuple(column for column in block.columns if column not in columns.read)
    return TomogramSet(name, tomograms, unread)


def _set_block(blocks: list[StarBlock]) -> StarBlock | None:
    for block in blocks:
        if block.has(NAME) and any(block.has(column) for column in TOMOGRAM_COLUMNS):
            return block
    return None


class _Rows:
    """Values of the rows of a set."""

    def __init__(self, columns: Columns):
        self._columns = columns
        self._pixels = columns.numbers("rlnTomoTiltSeriesPixelSize")
        self._sizes = columns.vectors("rlnTomoSize{}", ("X", "Y", "Z"))
        self._hands = columns.numbers("rlnTomoHand")
        self._slopes = columns.numbers("rlnTomoDefocusSlope")
        self._b_factors = columns.numbers(B_FACTOR)
        names = ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")
        self._microscope = [columns.numbers(name) for name in names]
        self._series = columns.texts(SERIES)

    def tomogram(self, index: int, block: StarBlock | None) -> Tomogram:
        def at(values: Numbers | None) -> float | None:
            return None if values is None else float(values[index])

        hand, slope, b_factor = at(self._hands), at(self._slopes), at(self._b_factors)
        voltage, aberration, contrast = map(at, self._microscope)
        x, y, z = (0.0, 0.0, 0.0) if self._sizes is None else self._sizes[index].tolist()
        return Tomogram(
            row=index + 1,
            pixel_size=at(self._pixels),
            size=(x, y, z) if min(x, y, z) > 0 else None,
            hand=hand,
            slope=1.0 if slope is None else slope,
            b_factor=b_factor or 0.0,
            microscope=(voltage, aberration, contrast),
            series=None if self._series is None else self._series[index],
            block=block,
        )


def read_tilt_series(path: Readable, name: str, tomogram: str) -> TiltSeriesTable:
    """Read the tilt series of a tomogram: the block of its name, or the file's only table.

    Raises
    ------
    InputError
        Every problem found, each with file, row and column.
    """
    blocks = read_star(path, name)
    own = [block for block in blocks if block.name == tomogram] or blocks
    if len(own) != 1:
        detail = (
            f"{name}: {len(own)} tables in it and none is data_{tomogram}: name the table of the "
            "tilt series after its tomogram"
        )
        raise InputError(Problem(detail, file=name))
    return tilt_series(own[0], name)


def tilt_series(block: StarBlock, name: str) -> TiltSeriesTable:
    """Read the table of a tilt series; see `read_tilt_series`."""
    problems = Problems(patience=None)
    columns = Columns(block, name, problems)
    if not columns.count:
        detail = f"{name}: the tilt series data_{block.name} is empty"
        raise InputError(Problem(detail, file=name))
    rotations = _rotations(columns)
    defocus = [_required(columns, f"rlnDefocus{part}", _DEFOCUS) for part in ("U", "V", "Angle")]
    phase = columns.numbers("rlnPhaseShift")
    doses = _required(columns, "rlnMicrographPreExposure", _DOSE)
    if (doses < 0).any():
        row = int(np.flatnonzero(doses < 0)[0])
        columns.add(row + 1, "rlnMicrographPreExposure", f"is {doses[row]:g}: a dose is above 0")
    scales = columns.numbers("rlnCtfScalefactor")
    problems.raise_all()
    return TiltSeriesTable(
        name,
        rotations,
        np.stack([*defocus, np.zeros(columns.count) if phase is None else phase], -1),
        doses,
        np.ones(columns.count) if scales is None else scales,
        tuple(column for column in block.columns if column not in columns.read),
    )


_DEFOCUS = "the images' contrast transfer is not known without it"
_DOSE = "the dose before each image weights it down; RELION asks for it too"


def _required(columns: Columns, column: str, why: str) -> Numbers:
    values = columns.numbers(column)
    if values is None:
        columns.add(None, column, f"is missing in data_{columns.block.name}: {why}")
        return np.zeros(columns.count)
    return values


def _rotations(columns: Columns) -> Numbers:
    """From the tomogram to each image: by RELION 4's matrices, or else RELION 5's angles."""
    if any(columns.block.has(column) for column in _MATRIX):
        return _matrices(columns)
    tilt, turn = columns.numbers("rlnTomoYTilt"), columns.numbers("rlnTomoZRot")
    about_x = columns.numbers("rlnTomoXTilt")
    if tilt is None or turn is None:
        column = "rlnTomoYTilt" if tilt is None else "rlnTomoZRot"
        sentence = (
            f"is missing in data_{columns.block.name}: the directions of the images are told by "
            "_rlnTomoXTilt, _rlnTomoYTilt and _rlnTomoZRot (after RELION's alignment of tilt "
            "series) or by _rlnTomoProjX, _rlnTomoProjY and _rlnTomoProjZ"
        )
        columns.add(None, column, sentence)
        return np.tile(np.eye(3), (columns.count, 1, 1))
    angles = [np.zeros_like(tilt) if about_x is None else about_x, tilt, turn]
    return from_relion_tilts(np.stack(angles, -1))


def _matrices(columns: Columns) -> Numbers:
    found = np.zeros((columns.count, 3, 3))
    for place, column in enumerate(_MATRIX):
        texts = columns.texts(column)
        if texts is None:
            columns.add(None, column, f"is missing beside the others in data_{columns.block.name}")
            continue
        for row, text in enumerate(texts):
            numbers = [number_in(part) for part in text.strip("[]").split(",")]
            if len(numbers) != 4 or None in numbers:
                columns.add(row + 1, column, f"is {text[:40]!r}: four numbers, as in [1,0,0,0]")
            else:
                found[row, place] = [number or 0.0 for number in numbers[:3]]
    columns.read.add("rlnTomoProjW")
    if not columns.problems.count:
        off = np.abs(found @ np.swapaxes(found, 1, 2) - np.eye(3)).max((1, 2))
        for row in np.flatnonzero(off > _NOT_PERPENDICULAR).tolist():
            sentence = (
                "and the two beside it are no rotation (rows of unit length, perpendicular to "
                "each other): matrices that scale or shear are not read"
            )
            columns.add(row + 1, _MATRIX[0], sentence)
    return found
