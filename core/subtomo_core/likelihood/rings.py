"""Rings of a band, in which candidates are evaluated from the inside out, and a grid of shifts.

See docs/decisions/0010-all-candidates-coarsely-few-closely.md and 0046.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.band import Band
from subtomo_core.kernels.types import Runs, Waves

# Shares of the radius in use: of the components a sixth, a third, three fifths and all.
_SHARES = (0.55, 0.7, 0.85, 1.0)
_FEWEST_SHELLS = 9  # of the first ring
_LANES = 4  # shifts on an axis come in multiples of this (`kernels.turned_sums`)
_POINTS = 2.7  # shifts in the shortest wavelength, at least


@dataclass(frozen=True, eq=False)
class ShiftGrid:
    """Evenly spaced shifts on each axis, symmetric about 0, and a band's phases at them.

    Attributes
    ----------
    reach : float
        Longest shift in voxels.
    shifts : ndarray of float32, (G,)
    runs : tuple of ndarray of int64
        Of the band's components, see `kernels.types.Runs`.
    waves : tuple of ndarray of float32, (2 r + 1, G), (G / 2, 2, Q) and (G / 2, 2, X)
        Cosine and sine of ``2 pi k t / n`` at the positive shifts t, in order: for each z in
        turns, [z + r, 2 g + p]; for each run's y, [g, p, q]; and for x = 0, 1, ..., [g, p, x].
    """

    reach: float
    shifts: Real
    runs: Runs
    waves: Waves

    @classmethod
    def covering(cls, support: Band, reach: float) -> ShiftGrid:
        """At least `_POINTS` points in the shortest wavelength of the band, -reach to reach."""
        step = support.box / (_POINTS * support.reach)
        size = _LANES * math.ceil((2.0 * reach / step + 1.0) / _LANES)
        return cls._of(support, reach, np.linspace(-reach, reach, size).astype(np.float32))

    @classmethod
    def of_voxels(cls, support: Band, reach: float) -> ShiftGrid:
        """Every voxel from -reach to reach at least, less half a voxel, which makes them even."""
        size = _LANES * math.ceil((2 * math.floor(reach) + 1) / _LANES)
        return cls._of(support, reach, (np.arange(size) - 0.5 * (size - 1)).astype(np.float32))

    @classmethod
    def _of(cls, support: Band, reach: float, shifts: Real) -> ShiftGrid:
        size = len(shifts)
        runs, y = _runs(support)

        def phases(k: NDArray[np.int64]) -> Real:
            angle = 2.0 * np.pi / support.box * shifts[size // 2 :, None] * k
            return np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)

        r = support.reach
        rows = phases(np.arange(-r, r + 1)).transpose(2, 0, 1).reshape(2 * r + 1, size)
        waves = np.ascontiguousarray(rows), phases(y), phases(np.arange(r + 1))
        return cls(reach, shifts, runs, waves)


def _runs(support: Band) -> tuple[Runs, NDArray[np.int64]]:
    """Runs of a band's components, and the y of each."""
    k = support.points.astype(np.int64)
    new = np.ones(k.shape[1], bool)
    new[1:] = (np.diff(k[:2]) != 0).any(0) | (np.diff(k[2]) != 1)
    starts = np.nonzero(new)[0]
    x, y, z = k[:, starts]
    layers = np.searchsorted(x, np.arange(support.reach + 2))
    return (np.append(starts, k.shape[1]), z + support.reach, layers), y


@dataclass(frozen=True, eq=False)
class Rings:
    """A band in rings of shells, from the inside out, and a grid of shifts for the first.

    Every candidate is looked at in the first ring, and in the next as long as it may matter.

    Attributes
    ----------
    support : Band
        All components, ring by ring; within a ring they are sorted as those of any band.
    first : Band
        The first ring.
    grid : ShiftGrid
        Of the first ring.
    ends, shells : ndarray of int64, (rings,)
        Where each ring ends among the components, and its outermost shell.
    """

    support: Band
    first: Band
    grid: ShiftGrid
    ends: NDArray[np.int64]
    shells: NDArray[np.int64]

    @classmethod
    def of(cls, support: Band, reach: float, *, whole: bool = False) -> Rings:
        """A band in rings; in one where it is small, or if asked for."""
        top = int(support.shell.max())
        first = top if whole else max(_FEWEST_SHELLS, math.ceil(_SHARES[0] * top))
        stops = [first, *(math.ceil(share * top) for share in _SHARES[1:])]
        shells = np.unique(np.clip(stops, min(first, top), top))
        ring = np.searchsorted(shells, support.shell)
        inner, _ = support.within(shells[0] + 0.5)
        return cls(
            support=support.ordered(np.argsort(ring, kind="stable")),
            first=inner,
            grid=ShiftGrid.covering(inner, reach),
            ends=np.cumsum(np.bincount(ring, minlength=len(shells))),
            shells=shells,
        )
