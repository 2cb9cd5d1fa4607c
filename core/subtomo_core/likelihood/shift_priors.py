"""Prior of whole-voxel shifts, as the kernels of `kernels.exhaustive` read it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.likelihood.rings import ShiftGrid

Values = NDArray[np.float64]

_OUTSIDE = -1e30  # logarithm of a prior of nothing
_WIDEST = 1e3  # voxels: as good as a flat prior


@dataclass(frozen=True, eq=False)
class ShiftPriors:
    """Logarithms of the priors of shifts, for the particles of a batch.

    Attributes
    ----------
    offsets : ndarray of float64, (G, G, G, 3)
        Shifts in voxels, x, y, z, from each particle's origin, in the order of the kernels.
    origins : ndarray, (B, 3)
    logarithms, squares : ndarray of float32, (P, G, G, G)
        The priors, and the squared shifts; one for all where the origins are all 0.
    which : ndarray of int64, (B,)
        Of each particle.
    """

    offsets: Values
    origins: Values
    logarithms: Real
    squares: Real
    which: NDArray[np.int64]

    @classmethod
    def of(cls, grid: ShiftGrid, origins: Values, xi: float | None) -> ShiftPriors:
        """``-|t|^2 / (2 xi^2)`` within the grid's reach of each origin (B, 3), and a constant.

        Over shifts about 0 the prior's sum is 1. Without ``xi`` there is none: 0 within reach.
        """
        offsets = _offsets(grid)
        inside = (offsets**2).sum(-1) <= grid.reach**2 + 1e-6
        alone = not origins.any()
        about = np.zeros((1, 3)) if alone else origins
        squares = np.stack([((offsets + origin) ** 2).sum(-1) for origin in about])
        prior = np.zeros_like(squares)
        if xi is not None:
            constant = math.log(np.exp(-((offsets[inside] ** 2).sum(-1)) / (2.0 * xi**2)).sum())
            prior = -squares / (2.0 * xi**2) - constant
        logarithms = np.where(inside, prior, _OUTSIDE)
        which = np.zeros(len(origins), np.int64) if alone else np.arange(len(origins))
        return cls(
            offsets, origins, logarithms.astype(np.float32), squares.astype(np.float32), which
        )

    def shift(self, particle: int, place: int) -> Values:
        """Shift of a particle at a place of the flat grid, voxels."""
        found: Values = self.origins[particle] + self.offsets.reshape(-1, 3)[place]
        return found

    def logarithm(self, particle: int, place: int) -> float:
        """That of the prior there."""
        return float(self.logarithms[self.which[particle]].reshape(-1)[place])


def _offsets(grid: ShiftGrid) -> Values:
    """Shifts (G, G, G, 3) on axes x, y and z, the last in lanes of g and -g."""
    size = len(grid.shifts)
    half, lane = size // 2, np.arange(size)
    z = np.where(lane % 2 == 0, half + lane // 2, half - 1 - lane // 2)
    voxels = grid.shifts.astype(np.float64) + 0.5
    axes = np.meshgrid(voxels, voxels, voxels[z], indexing="ij")
    return np.stack(axes, -1)


def spread_of(mean_square: float, reach: float) -> float:
    """Standard deviation xi whose prior over whole shifts has this mean of ``|t|^2``.

    The discrete form of ``xi^2 = mean |t|^2 / 3`` (Scheres 2009, equation 10): the most likely
    one, where shifts are whole voxels no longer than ``reach``.
    """
    line = np.arange(-math.floor(reach), math.floor(reach) + 1)
    x, y, z = np.meshgrid(line, line, line)
    squares = (x**2 + y**2 + z**2).reshape(-1).astype(np.float64)
    squares = squares[squares <= reach**2 + 1e-6]
    low, high = 0.05, _WIDEST
    for _ in range(60):
        xi = math.sqrt(low * high)
        shares = np.exp(-squares / (2.0 * xi**2))
        if float((shares * squares).sum() / shares.sum()) < mean_square:
            low = xi
        else:
            high = xi
    return math.sqrt(low * high)
