"""What is known of particles whose making is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Truth:
    """True classes and poses of N particles.

    Attributes
    ----------
    classes : ndarray
        Class of each particle, from 0, shape (N,), int; -1 for junk, which shows none.
    rotations : ndarray
        Shape (N, 3, 3): the particle is the structure rotated, then shifted.
    shifts : ndarray
        Shape (N, 3), voxels, order x, y, z.
    maps : ndarray
        The K structures at the identity pose, shape (K, n, n, n), float32.
    """

    classes: NDArray[np.int64]
    rotations: NDArray[np.float64]
    shifts: NDArray[np.float64]
    maps: NDArray[np.float32]
