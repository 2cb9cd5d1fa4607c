"""Motive lists of AV3, STOPGAP and PyTom as one: poses for volumes that exist."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MotiveList:
    """One row per particle; None where the list says nothing.

    Attributes
    ----------
    program : str
        Whose list it is.
    rotations : array, shape (N, 3, 3)
        Reference to particle.
    shifts : array, shape (N, 3)
        Of the particle from the centre of its box, in voxels, x, y, z.
    numbers : array of int, shape (N,)
        At the end of the names of the particles' files.
    number_column : str
        Where the numbers stand.
    files : tuple of str
        Names of the particles' files, where the list gives them.
    classes : array of int, shape (N,)
        Where they are above 0 in every row.
    half_sets : array of int, shape (N,)
        1 or 2.
    tomograms : tuple of str
    coordinates : array, shape (N, 3)
        Where the boxes lie in their tomograms, as the list counts.
    tilts : array, shape (N, 2)
        First and last tilt in degrees about y; NaN in rows that tell none.
    remarks : tuple of str
        For the dataset's owner: what was not read.
    """

    program: str
    rotations: Array
    shifts: Array
    numbers: NDArray[np.int64] | None = None
    number_column: str = ""
    files: tuple[str, ...] | None = None
    classes: NDArray[np.int64] | None = None
    half_sets: NDArray[np.int64] | None = None
    tomograms: tuple[str, ...] | None = None
    coordinates: Array | None = None
    tilts: Array | None = None
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rotations)


def filled(vectors: Array | None) -> Array | None:
    """Vectors (N, m), or None where all are 0: they were never filled in."""
    return vectors if vectors is not None and vectors.any() else None


def above_0(numbers: Array | None) -> NDArray[np.int64] | None:
    """Whole numbers that are above 0 in every row; else None."""
    if numbers is None or (numbers <= 0).any() or (numbers != np.rint(numbers)).any():
        return None
    return numbers.astype(np.int64)
