"""Soft masks in real space, centred on voxel ``n // 2``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def radii(box: int) -> NDArray[np.float64]:
    """Distance of each voxel from the origin ``n // 2``, in voxels, shape (n, n, n)."""
    axis = np.arange(box, dtype=np.float64) - box // 2
    squares = axis**2
    return np.sqrt(squares[:, None, None] + squares[:, None] + squares)


def soft_sphere(box: int, radius: float, edge: float = 4.0) -> NDArray[np.float32]:
    """Spherical mask: 1 inside, 0 outside, with a raised-cosine edge between.

    Parameters
    ----------
    box : int
        Side n in voxels.
    radius : float
        Radius in voxels at which the mask is one half.
    edge : float
        Width of the edge in voxels, centred on ``radius``; 0 for a hard mask.

    Returns
    -------
    ndarray
        Shape (n, n, n), float32.
    """
    distance = radii(box) - radius
    if edge <= 0:
        return (distance <= 0).astype(np.float32)
    phase = np.clip(distance / edge, -0.5, 0.5)
    return (0.5 - 0.5 * np.sin(np.pi * phase)).astype(np.float32)
