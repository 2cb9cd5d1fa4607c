"""Where every candidate is looked at: the inner part of a band, and a grid of shifts.

See docs/decisions/0010-all-candidates-coarsely-few-closely.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier import Band, Real

# Share of the radius in use (a sixth of the components), but never fewer shells than these.
_COARSE = 0.55
_FEWEST_SHELLS = 9
_LANES = 8  # shifts on an axis come in multiples of this: a vector register's worth


@dataclass(frozen=True, eq=False)
class ShiftGrid:
    """Evenly spaced shifts on each axis, symmetric about 0, and their phase factors.

    Attributes
    ----------
    reach : float
        Longest shift in voxels.
    shifts : ndarray of float32, (G,)
    cos, sin : ndarray of float32, (2 r + 1, G)
        ``exp(2 pi i k t / n)`` at [k + r, g].
    """

    reach: float
    shifts: Real
    cos: Real
    sin: Real

    @classmethod
    def covering(cls, support: Band, reach: float) -> ShiftGrid:
        """At least three points in the shortest wavelength of the band, -reach to reach."""
        step = support.box / (3.0 * support.reach)
        size = _LANES * math.ceil((2.0 * reach / step + 1.0) / _LANES)
        shifts = np.linspace(-reach, reach, size).astype(np.float32)
        k = np.arange(-support.reach, support.reach + 1)
        angle = 2.0 * np.pi / support.box * k[:, None] * shifts
        return cls(
            reach, shifts, np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        )


@dataclass(frozen=True, eq=False)
class Coarse:
    """The inner part of a band, where every candidate is looked at.

    Attributes
    ----------
    support : Band
    chosen : ndarray of int64
        Where its components stand in the whole band.
    grid : ShiftGrid
    shells : int
        Shells 1 .. this are in it.
    """

    support: Band
    chosen: NDArray[np.int64]
    grid: ShiftGrid
    shells: int

    @classmethod
    def of(cls, support: Band, reach: float, *, whole: bool = False) -> Coarse:
        """Inner part of ``support``; all of it where it is small, or if asked for."""
        top = int(support.shell.max())
        shells = max(_FEWEST_SHELLS, math.ceil(_COARSE * top))
        if whole or shells >= top:
            shells = top
        inner, chosen = support.within(shells + 0.5)
        return cls(inner, chosen, ShiftGrid.covering(inner, reach), shells)
