"""The components of a half transform that are in use."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.fourier.shells import radius_of
from subtomo_core.kernels import interpolate

Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Band:
    """The half components with ``0 < |k| <= r_max``, sorted by kx, then ky, then kz.

    Only one that is `ordered` otherwise is not.

    Attributes
    ----------
    box, reach : int
        Side n of the volume; largest frequency on an axis.
    index : ndarray of int64, (J,)
        Positions in a flat half transform (n, n, n // 2 + 1).
    points : ndarray of float32, (3, J)
        Frequencies x, y, z in pixels.
    shell : ndarray of int32, (J,)
        Rounded radius.
    count : ndarray of float32, (J,)
        2 where the conjugate mate is not itself in the band, else 1: sums over the whole
        transform are sums over the band times this.
    cells : ndarray of int64, (J,)
        Positions in the flat half grid that `empty_grid` makes.
    """

    box: int
    reach: int
    index: NDArray[np.int64]
    points: Real
    shell: NDArray[np.int32]
    count: Real
    cells: NDArray[np.int64]

    def take(self, transform: NDArray[Value]) -> NDArray[Value]:
        """Components of a half transform (n, n, n // 2 + 1) in this band, (J,)."""
        return transform.reshape(-1)[self.index]

    def empty_grid(self) -> Real:
        """Half grid, one point a Fourier pixel, for what is put at `cells`: pairs, all 0."""
        c = self.reach + 2
        return np.zeros((2 * c + 1, 2 * c + 1, c + 1, 2), np.float32)

    def within(self, r_max: float) -> tuple[Band, NDArray[np.int64]]:
        """The band up to a smaller radius, and where its components stand in this one."""
        k = self.points.astype(np.int64)
        chosen: NDArray[np.int64] = np.nonzero((k**2).sum(0) <= r_max * r_max)[0]
        return _sorted(self.box, r_max, self.index[chosen], k[:, chosen]), chosen

    def ordered(self, order: NDArray[np.int64]) -> Band:
        """The same components in another order, (J,)."""
        fields = ("index", "shell", "count", "cells")
        moved = {name: getattr(self, name)[order] for name in fields}
        return replace(self, points=np.ascontiguousarray(self.points[:, order]), **moved)

    def shifted(self, values: Complex, shift: NDArray[np.float64]) -> Complex:
        """``values exp(2 pi i k.t / n)``: samples (J,) of a particle moved back by ``shift``."""
        parts = np.stack([values.real, values.imag])
        moved = np.empty_like(parts)
        interpolate.shift_back(self.points, parts, shift, self.box, moved)
        turned = np.empty(len(values), np.complex64)
        turned.real, turned.imag = moved
        return turned


def band(box: int, r_max: float, keep: NDArray[np.bool_] | None = None) -> Band:
    """Components up to ``r_max`` pixels, only those where ``keep`` (half transform) is true."""
    if not 0 < r_max < box / 2:
        raise ValueError(f"r_max must lie between 0 and {box / 2:g} pixels, got {r_max:g}")
    radius = radius_of(box)
    inside = (radius <= r_max) & (radius > 0)
    if keep is not None:
        inside &= keep
    row_z, row_y, kx = np.nonzero(inside)
    kz = np.where(row_z < box // 2, row_z, row_z - box)
    ky = np.where(row_y < box // 2, row_y, row_y - box)
    order = np.lexsort((kz, ky, kx))
    index = ((row_z * box + row_y) * (box // 2 + 1) + kx)[order]
    return _sorted(box, r_max, index, np.stack([kx, ky, kz])[:, order])


def _sorted(box: int, r_max: float, index: NDArray[np.int64], k: NDArray[np.int64]) -> Band:
    """Band of components at ``index`` with frequencies ``k`` (3, J), sorted by x, y, z."""
    reach = math.floor(r_max)
    c = reach + 2
    return Band(
        box=box,
        reach=reach,
        index=index.astype(np.int64),
        points=np.ascontiguousarray(k, np.float32),
        shell=np.rint(np.sqrt((k**2).sum(0))).astype(np.int32),
        count=np.where(k[0] > 0, 2.0, 1.0).astype(np.float32),
        cells=(((k[2] + c) * (2 * c + 1) + k[1] + c) * (c + 1) + k[0]).astype(np.int64),
    )
