"""Directions from which particles are seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def viewing_directions(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (N, 3) along each particle's z axis, in its reference's frame.

    Those of RELION's rlnAngleRot and rlnAngleTilt: of a tomogram's particles, the direction of
    the untilted beam. ``rotations`` (N, 3, 3) lead from the reference to the particle.
    """
    along: NDArray[np.float64] = rotations[:, 2, :]  # R^-1 (0, 0, 1)
    return along


def direction_histogram(
    rotations: NDArray[np.float64], rows: int = 12, columns: int = 24
) -> NDArray[np.int64]:
    """Number of particles in each cell of the sphere of directions, shape (rows, columns).

    All cells have the same area (Lambert's cylindrical projection): rows are even steps of
    cos(tilt) from 1 to -1, columns even steps of rot from -180 to 180 degrees.
    """
    x, y, z = viewing_directions(rotations).T
    # On a pole every rot is the same: arctan2(0, 0) is 0.
    rot = np.arctan2(np.where(np.abs(y) < 1e-9, 0.0, y), np.where(np.abs(x) < 1e-9, 0.0, x))
    row = np.clip(((1.0 - z) / 2.0 * rows).astype(np.int64), 0, rows - 1)
    column = np.clip(((rot / (2 * np.pi) + 0.5) * columns).astype(np.int64), 0, columns - 1)
    counts = np.bincount(row * columns + column, minlength=rows * columns)
    return counts.reshape(rows, columns).astype(np.int64)
