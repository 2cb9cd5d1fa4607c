"""Boxes cut out of a tomogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.binning import binned
from subtomo_store.formats.volumes import FileVolumes, check_finite

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BoxSize:
    """Side of a subtomogram in voxels, and how many voxels of the tomogram make one of its own."""

    box: int
    binning: int

    @property
    def side(self) -> int:
        """In voxels of the tomogram."""
        return self.box * self.binning


def corners(places: Array, size: BoxSize) -> NDArray[np.int64]:
    """First voxels (N, 3), x, y, z, of the boxes whose middles lie nearest to places (N, 3)."""
    return np.rint(places).astype(np.int64) - size.side // 2


def inside(corner: NDArray[np.int64], size: BoxSize, shape: tuple[int, int, int]) -> float:
    """Share of a box that lies within a tomogram (z, y, x)."""
    extent = np.array(shape[::-1])
    kept = np.minimum(corner + size.side, extent) - np.maximum(corner, 0)
    return float(np.prod(np.maximum(kept, 0) / size.side))


def cut(tomogram: FileVolumes, corner: NDArray[np.int64], size: BoxSize) -> Real:
    """A subtomogram (n, n, n), its voxels binned.

    Outside the tomogram stands the mean of what lies within.

    Raises
    ------
    InputError
        If voxels are not finite.
    """
    extent = np.array(tomogram.shape[::-1])
    low, high = np.maximum(corner, 0), np.minimum(corner + size.side, extent)
    part = tomogram.region(tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True)))
    check_finite(part, tomogram.name)
    if part.shape != (size.side,) * 3:
        whole = np.full((size.side,) * 3, part.mean(dtype=np.float64), np.float32)
        at, end = low - corner, high - corner
        whole[tuple(slice(a, b) for a, b in zip(at[::-1], end[::-1], strict=True))] = part
        part = whole
    return binned(part, size.box)
