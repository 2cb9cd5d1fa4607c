"""Two volumes with their missing regions, the second of which is to be moved onto the first.

Only components which both hold count: the overlap ``O = w_f * R w_g`` (Förster et al. 2005; Xu &
Alber 2012, equations 1 and 2). A volume without a missing region is a fixed reference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.band import Band, band
from subtomo_core.fourier.grids import half_grid, padded_grid
from subtomo_core.fourier.missing import observed_at
from subtomo_core.fourier.transforms import to_real
from subtomo_core.kernels import pairs
from subtomo_core.refiners.preparing import Seen, mask_of, prepared
from subtomo_core.spec.missing_region import Complete

Array = NDArray[np.float64]

_INSET = 0.25  # pixels by which a region known by a formula is drawn in where it is interpolated

_WHOLE = np.zeros((0, 0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the overlap at one pose, from which scores and their derivatives follow.

    Attributes
    ----------
    sums : ndarray, (4,)
        ``sum O |f|^2``, ``Re sum O f M*``, ``sum O |M|^2`` and ``sum O``.
    slopes : ndarray, (2, 6)
        ``Re sum O f dM*`` and ``Re sum O M dM*`` for rotation vector (radians) and shift
        (voxels).
    curve : ndarray, (6, 6)
        ``Re sum O dM dM*``.
    """

    sums: Array
    slopes: Array
    curve: Array


class Pair(Protocol):
    """A pair of volumes which can be compared at any pose."""

    @property
    def reach(self) -> float:
        """Longest shift allowed, voxels."""
        ...

    def moments(self, rotation: Array, shift: Array) -> Moments:
        """Sums over the overlap with g rotated (3, 3), then shifted (3,)."""
        ...


@dataclass(frozen=True, eq=False)
class Fixed:
    """The volume which stays: its components in a band.

    Attributes
    ----------
    support : Band
        Components up to r_max which it holds.
    samples : ndarray of float32, (2, J)
        Real and imaginary parts.
    mask, weights : ndarray of float32, (J,)
        Its missing-region mask, each component as often as it stands in the whole transform;
        and that times the weight of the component's shell in scores.
    """

    support: Band
    samples: Real
    mask: Real
    weights: Real

    @classmethod
    def of(cls, volume: Real, seen: Seen, r_max: float, radius: float | None = None) -> Fixed:
        """Prepare a volume (n, n, n).

        Parameters
        ----------
        seen : Region or ndarray, (n, n, n // 2 + 1)
            What it holds: a region known by a formula, or weights.
        r_max : float
            Largest Fourier radius in use, pixels.
        radius : float, optional
            Of a sphere about the origin which holds the molecule, voxels; see
            `preparing.prepared`.
        """
        mask = mask_of(seen, volume.shape[0])
        support = band(volume.shape[0], r_max, mask > 0)
        held: Real = support.take(mask).astype(np.float32) * support.count
        values = support.take(prepared(volume, seen, r_max, radius))
        samples = np.stack([values.real, values.imag]).astype(np.float32)
        return cls(support, samples, held, held)

    def weighed(self, shells: Real) -> Fixed:
        """The same with a weight for each shell, (n // 2 + 1,), in every score."""
        weights = (self.mask * shells[self.support.shell]).astype(np.float32)
        return replace(self, weights=weights)

    def within(self, r_max: float) -> Fixed:
        """The same up to a smaller radius."""
        support, chosen = self.support.within(r_max)
        samples = np.ascontiguousarray(self.samples[:, chosen])
        return Fixed(support, samples, self.mask[chosen], self.weights[chosen])


@dataclass(frozen=True, eq=False)
class Moved:
    """The volume which moves: grids to gather from at any rotation.

    Attributes
    ----------
    grid : ndarray of float32, (2 c + 1, 2 c + 1, c + 1, 2)
        Padded twice (`fourier.grids.padded_grid`).
    table : ndarray of float32, (2 c + 1, 2 c + 1, c + 1), or of size 0
        What it holds, at the same points; without points where nothing is missing.
    """

    grid: Real
    table: Real

    @classmethod
    def of(cls, volume: Real, seen: Seen, r_max: float, radius: float | None = None) -> Moved:
        """Prepare a volume (n, n, n); see `Fixed.of`."""
        grid = padded_grid(to_real(prepared(volume, seen, r_max, radius)), r_max)
        return cls(grid, _table(seen, grid.shape[0] // 2))


def _table(seen: Seen, c: int) -> Real:
    """What is observed at the points of a half grid padded twice."""
    if isinstance(seen, Complete):
        return _WHOLE
    rows = np.arange(-c, c + 1) / 2.0
    z, y, x = np.meshgrid(rows, rows, np.arange(c + 1) / 2.0, indexing="ij")
    shape = (2 * c + 1, 2 * c + 1, c + 1)
    points = np.stack([x, y, z], -1)
    if not isinstance(seen, np.ndarray):
        inside = observed_at(seen, points)
        for way in np.vstack([np.eye(3), -np.eye(3)]) * _INSET:
            inside &= observed_at(seen, points + way)
        table: Real = inside.astype(np.float32)
        table[c, c, 0] = 1.0
        return table
    single = half_grid(seen.astype(np.complex64), math.ceil(c / 2.0) + 1)[..., 0]
    flat = np.ascontiguousarray(points.reshape(-1, 3).T, np.float32)
    table = np.empty(flat.shape[1], np.float32)
    ones = np.ones(flat.shape[1], np.float32)
    pairs.overlap(np.ascontiguousarray(single), flat, np.eye(3), 1.0, ones, table)
    return table.reshape(shape)


@dataclass(frozen=True, eq=False)
class FourierPair:
    """A pair compared in Fourier space, which by Parseval is real space without a mask.

    Attributes
    ----------
    fixed, moved : Fixed, Moved
    reach : float
        Longest shift allowed, voxels.
    """

    fixed: Fixed
    moved: Moved
    reach: float

    def moments(self, rotation: Array, shift: Array) -> Moments:
        """Sums over the overlap at a pose."""
        fixed, moved = self.fixed, self.moved
        found = Moments(np.empty(4), np.empty((2, 6)), np.empty((6, 6)))
        pairs.moments(
            moved.grid,
            moved.table,
            fixed.support.points,
            fixed.samples,
            fixed.weights,
            rotation,
            shift,
            fixed.support.box,
            True,
            found.sums,
            found.slopes,
            found.curve,
        )
        return found
