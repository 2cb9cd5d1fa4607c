"""What a job's ``particles.star`` says, for the tables of other programs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_store.errors import StorageError
from subtomo_store.formats.particle_table import ImageName
from subtomo_store.formats.star import read_particles
from subtomo_store.formats.star_places import Places, places_of
from subtomo_store.formats.star_text import StarBlock, is_particle_block, read_star

Array = NDArray[np.float64]
UNNAMED = "tomogram"
_CORRELATION, _POSTERIOR = "rlnParticleFigureOfMerit", "rlnMaxValueProbDistribution"
_NUMBER = re.compile(r"(?:^|.*[^\d])(\d+)\.[^/]+")


class Centred(NamedTuple):
    """Where particles lie in their tomograms.

    Attributes
    ----------
    rotations : array, shape (N, 3, 3)
        From the reference to the tomogram.
    centres : array, shape (N, 3)
        In ångström, x, y, z.
    """

    rotations: Array
    centres: Array


@dataclass(frozen=True, eq=False)
class ResultTable:
    """N particles with the poses that a job found.

    Attributes
    ----------
    images : tuple of ImageName
    voxel_size : float
        Of the volumes that the images name, in ångström.
    rotations : array, shape (N, 3, 3)
        Reference to particle, within the box as it was cut out.
    shifts : array, shape (N, 3)
        Of the particle from the centre of its box, in these voxels, x, y, z.
    classes : array of int, shape (N,)
        Counted from 1.
    half_sets : array of int, shape (N,), or None
        1 or 2.
    tomograms : tuple of str
        Names; empty where the table tells none.
    scores : array, shape (N,)
        Correlation of the best pose where assignment is hard, else the posterior of the class.
    correlated : bool
        Whether the scores are correlations.
    counted : array of bool, shape (N,)
        Particles that are likelier to show a structure than to be junk.
    places : Places or None
        Where the boxes lie in their tomograms.
    """

    images: tuple[ImageName, ...]
    voxel_size: float
    rotations: Array
    shifts: Array
    classes: NDArray[np.int64]
    half_sets: NDArray[np.int64] | None
    tomograms: tuple[str, ...]
    scores: Array
    correlated: bool
    counted: NDArray[np.bool_]
    places: Places | None

    def __len__(self) -> int:
        return len(self.images)

    def by_tomogram(self) -> dict[str, NDArray[np.int64]]:
        """Rows from 0 of the particles of each tomogram that count; one where none is named."""
        rows = np.flatnonzero(self.counted)
        if not self.tomograms:
            return {UNNAMED: rows}
        names = np.array(self.tomograms)
        return {name: rows[names[rows] == name] for name in dict.fromkeys(self.tomograms)}

    def centred(self) -> Centred:
        """Poses in the tomograms: ``rotations = R_box R`` and ``centres = box + R_box t``.

        R_box is how a box was cut out turned (``rlnTomoSubtomogramRot``, ...).

        Raises
        ------
        InputError
            If the table has no coordinates.
        """
        if self.places is None:
            detail = (
                "where the particles lie in their tomograms is not known: the table of the dataset "
                "has no coordinates (rlnCoordinateX, Y, Z or rlnCenteredCoordinateXAngst, ...; x, "
                "y, z of a Dynamo table or motive list): upload it with them"
            )
            raise InputError(Problem(detail))
        boxes = self.places.boxes
        moved = np.einsum("nij,nj->ni", boxes, self.shifts) * self.voxel_size
        return Centred(boxes @ self.rotations, self.places.centres + moved)


def read_result(
    path: Path,
    voxel_size: float,
    counted: NDArray[np.bool_],
    pixel_size: float | None = None,
) -> ResultTable:
    """Read a job's ``particles.star``.

    Parameters
    ----------
    path : Path
        The file of an iteration.
    voxel_size : float
        Of the volumes that the table names, in ångström.
    counted : array of bool, shape (N,)
        Particles that are no junk.
    pixel_size : float, optional
        Of the table's coordinates, in ångström; what the table says of it by default.
    """
    table, blocks = read_particles(path), read_star(path, path.name)
    rows = [block for block in blocks if is_particle_block(block.name, block.columns)]
    count = len(table)
    if table.rotations is None:
        raise StorageError(f"{path.name} is damaged: it has no angles")
    return ResultTable(
        images=table.images,
        voxel_size=voxel_size,
        rotations=table.rotations,
        shifts=table.shifts_angstrom(voxel_size) / voxel_size,
        classes=np.ones(count, np.int64) if table.classes is None else table.classes,
        half_sets=table.half_sets,
        tomograms=table.tomograms or (),
        scores=_scores(rows, count),
        correlated=all(block.has(_CORRELATION) for block in rows),
        counted=counted,
        places=places_of(blocks, rows, pixel_size or voxel_size, given=pixel_size is not None),
    )


def _scores(rows: Sequence[StarBlock], count: int) -> Array:
    for column in (_CORRELATION, _POSTERIOR):
        if all(block.has(column) for block in rows):
            return np.array([float(text) for block in rows for text in block.column(column)])
    return np.zeros(count)


def numbers_of(images: Sequence[ImageName]) -> NDArray[np.int64]:
    """Number each particle by that at the end of its file's name; else by its row, from 1.

    ``particle_00012.em`` is 12. Rows count where a name ends in no number, or two in the same.
    """
    found = [_NUMBER.fullmatch(posixpath.basename(image.path)) for image in images]
    numbers = [int(m[1]) for m, i in zip(found, images, strict=True) if m and i.place is None]
    unique = len(set(numbers)) == len(images) and all(0 < n < 2**53 for n in numbers)
    return np.array(numbers if unique else range(1, len(images) + 1), np.int64)


def tomogram_numbers(names: Sequence[str]) -> dict[str, int]:
    """Number tomograms by their names where all are numbers, else as they are first named."""
    different = list(dict.fromkeys(names))
    if all(re.fullmatch(r"[1-9]\d{0,8}", name) for name in different):
        return {name: int(name) for name in different}
    return {name: number for number, name in enumerate(different, 1)}
