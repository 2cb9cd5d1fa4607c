"""Soft masks in real space, centred on voxel ``n // 2``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import Problem

_ROUNDING = 1e-3  # by which a mask that was interpolated or stored in few bits may miss 0 and 1


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
    return soft_within(radii(box) - radius, edge)


def soft_within(distance: NDArray[np.floating], edge: float) -> NDArray[np.float32]:
    """Mask that is one half where a distance is 0, with a raised-cosine edge ``edge`` wide.

    1 where ``distance`` (any shape) is below the edge, 0 beyond it; 0 for a hard mask.
    """
    if edge <= 0:
        return (distance <= 0).astype(np.float32)
    phase = np.clip(distance / edge, -0.5, 0.5)
    mask: NDArray[np.float32] = (0.5 - 0.5 * np.sin(np.pi * phase)).astype(np.float32)
    return mask


def radius_of_mask(mask: NDArray[np.floating]) -> float:
    """Radius in voxels of the smallest sphere about the origin that holds a mask's upper half."""
    return float(radii(mask.shape[0])[mask >= 0.5 * mask.max()].max())


def mask_problem(mask: NDArray[np.floating], box: int) -> Problem | None:
    """What keeps a map (n, n, n) from being a mask in a box of ``box`` voxels, or None."""
    pointer = "/mask/map"
    if mask.shape != (box,) * 3:
        side = " x ".join(str(n) for n in mask.shape)
        return Problem(
            f"the mask has {side} voxels and the dataset a box of {box}: resample the mask",
            pointer=pointer,
        )
    low, high = float(mask.min()), float(mask.max())
    if not (low >= -_ROUNDING and high <= 1.0 + _ROUNDING):
        return Problem(
            f"the mask holds values from {low:g} to {high:g}: a mask lies between 0 and 1, "
            "so threshold it, or scale it to that",
            pointer=pointer,
        )
    if not high > _ROUNDING:
        return Problem(
            "the mask is zero everywhere: nothing of the references would be left; "
            "make it 1 where the molecule is",
            pointer=pointer,
        )
    return None
