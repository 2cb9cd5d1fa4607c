"""n-fold rotational symmetry of a map about an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.shells import on_components, radius_of, shell_means
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.score.compare import mask_about

Real = NDArray[np.float32]
Array = NDArray[np.float64]

_LEAST = 1e-4  # of the variance: what varies less about the axis is interpolation's
_MOST_OF_IT = 2.0 / 3.0  # of the greatest strength, which the order that stands out has


@dataclass(frozen=True, eq=False)
class RotationalSymmetry:
    """n-fold rotational symmetry of a map about one axis, for n = 2 .. N.

    Attributes
    ----------
    orders : ndarray of int, (N - 1,)
        2 .. N.
    pairwise : ndarray, (N - 1,)
        Mean correlation of all pairs of the map's n copies, each turned by 360 / n degrees more
        (Zhao et al. 2018). What is the same all round the axis adds to it at every n.
    strength : ndarray, (N - 1,)
        Share of what varies about the axis that is n-fold: 1 for a perfect symmetry, about 0 for
        none. Divisors of the map's order have it too, multiples a part of it.
    chance : ndarray, (N - 1,)
        Strengths one of which about one in twenty maps of noise exceeds.
    axial : float
        Share of the variance that is the same all round the axis.
    order : int
        The one that stands out: of all beyond chance the highest that has two thirds of the
        greatest strength. 1 where none is.
    """

    orders: NDArray[np.int64]
    pairwise: Array
    strength: Array
    chance: Array
    axial: float
    order: int


def rotational_symmetry(
    volume: Real,
    *,
    axis: ArrayLike = (0.0, 0.0, 1.0),
    highest: int = 24,
    noise_maps: int = 39,
    seed: int = 0,
) -> RotationalSymmetry:
    """Measure a map (n, n, n) about an axis through the origin, under a soft sphere about it.

    Rings about the axis are divided into angular harmonics m, of which p_m is the share in the
    variance. Two copies turned by phi against each other correlate by ``sum_m p_m cos(m phi)``, so
    that n of them agree by the harmonics that n divides. What these come to by chance is told by
    maps of noise that have in each shell the power of what varies about the axis.

    Parameters
    ----------
    volume : ndarray of float32, (n, n, n)
        Components beyond the largest sphere in the transform are left out, and those near it
        damped by cubic interpolation.
    axis : array_like
        Its direction, x, y, z.
    highest : int
        N, the highest order.
    noise_maps : int
        How many; at least 19 for one in twenty to mean something.
    seed : int
        Of the noise.

    Raises
    ------
    InputError
        If the axis has no direction, or the box is too small for so high an order.

    References
    ----------
    Zhao et al. (2018), section 3.2.3: tobacco mosaic virus, n = 17.
    """
    box = volume.shape[0]
    rings = _Rings(axis, mask_about(volume))
    if not 2 <= highest <= rings.highest:
        most = f"a box of {box} voxels tells orders from 2 to {rings.highest} apart"
        raise InputError(Problem(f"{most}, not up to {highest}: ask for fewer"))
    orders, rng = np.arange(2, highest + 1), np.random.default_rng(seed)
    shown = to_real(to_fourier(volume) * (radius_of(box) < box / 2))
    axial, held = rings.measure(shown, orders)
    varying = shown - rings.all_round(shown)
    drawn = [rings.measure(_noise_like(varying, rng), orders) for _ in range(noise_maps)]
    noise = np.stack([found for _, found in drawn])
    mean, scatter = noise.mean(0), noise.std(0, ddof=1)
    strength = (held - mean) / (1.0 - mean)
    chance = _one_in_twenty(_highest_beside_others(noise)) * scatter / (1.0 - mean)
    if 1.0 - axial < _LEAST:
        strength = np.zeros(len(orders))
    pairwise = (orders * (axial + (1.0 - axial) * held) - 1.0) / (orders - 1.0)
    order = _standing_out(orders, strength, chance)
    return RotationalSymmetry(orders, pairwise, strength, chance, axial, order)


def _highest_beside_others(values: Array) -> Array:
    """How many deviations the farthest column of each row (m, N) is above the other rows', (m,)."""
    rest = [np.delete(values, row, 0) for row in range(len(values))]
    above = [(own - r.mean(0)) / r.std(0, ddof=1) for own, r in zip(values, rest, strict=True)]
    farthest: Array = np.stack(above).max(1)
    return farthest


def _one_in_twenty(values: Array) -> float:
    """What one more value exceeds by chance once in twenty times."""
    return float(np.sort(values)[-max(1, (len(values) + 1) // 20)])


def _standing_out(orders: NDArray[np.int64], strength: Array, chance: Array) -> int:
    beyond = strength > chance
    if not beyond.any():
        return 1
    enough = strength >= _MOST_OF_IT * strength[beyond].max()
    return int(orders[beyond & enough].max())


def _noise_like(volume: Real, rng: np.random.Generator) -> Real:
    """Noise (n, n, n) with a map's power in each shell."""
    box = volume.shape[0]
    white = to_fourier(rng.standard_normal(volume.shape, np.float32))
    power = shell_means(np.abs(to_fourier(volume)) ** 2, box)
    return to_real(white * on_components(np.sqrt(power), box))


class _Rings:
    """Rings about an axis through the origin, a voxel apart, under a mask (n, n, n).

    H heights, Q radii and P points on each ring.
    """

    def __init__(self, axis: ArrayLike, mask: Real):
        self._box, self._frame = mask.shape[0], _frame(axis)
        reach = self._box // 2 - 1
        self._bottom = float(-reach)
        heights = np.arange(-reach, reach + 1.0)[:, None, None]
        radii = (np.arange(reach) + 0.5)[:, None]
        count = 4 * math.ceil(np.pi * reach / 2.0)
        phi = 2.0 * np.pi * np.arange(count) / count
        around = (radii * np.cos(phi), radii * np.sin(phi), heights)
        at = [sum(c * d[i] for c, d in zip(around, self._frame, strict=True)) for i in (2, 1, 0)]
        self._points = np.stack(at) + self._box // 2
        inside = np.hypot(heights, radii) < reach
        seen = map_coordinates(mask, self._points, order=1, mode="nearest")
        self._weights = inside * radii * np.maximum(seen, 0.0)

    @property
    def highest(self) -> int:
        """Highest order of which the outer rings resolve two harmonics."""
        return int(self._points.shape[3] // 4)

    def _sampled(self, volume: Real) -> Array:
        """Values (H, Q, P)."""
        found: Array = map_coordinates(volume, self._points, order=3, mode="nearest")
        return found.astype(np.float64)

    def measure(self, volume: Real, orders: NDArray[np.int64]) -> tuple[float, Array]:
        """Share of the variance that is the same all round, and of the rest that each n holds."""
        values = self._sampled(volume)
        values -= (self._weights * values).sum() / self._weights.sum()
        harmonics = np.abs(np.fft.rfft(values * np.sqrt(self._weights))) ** 2
        power = harmonics.sum((0, 1))
        power[1:-1] *= 2.0
        varying = max(float(power[1:].sum()), np.finfo(float).tiny)
        held = [power[n::n].sum() / varying for n in orders.tolist()]
        return float(power[0] / power.sum()) if power.any() else 1.0, np.array(held)

    def all_round(self, volume: Real) -> Real:
        """Each voxel's mean over its ring, (n, n, n)."""
        means = self._sampled(volume).mean(2)
        place = np.stack(np.meshgrid(*[np.arange(self._box) - self._box // 2] * 3, indexing="ij"))
        first, second, along = (np.tensordot(d[::-1], place, 1) for d in self._frame)
        at = np.stack([along - self._bottom, np.hypot(first, second) - 0.5])
        spread: Array = map_coordinates(means, at, order=1, mode="nearest")
        return spread.astype(np.float32)


def _frame(axis: ArrayLike) -> tuple[Array, Array, Array]:
    """Two directions across an axis and its own, each x, y, z."""
    along = np.asarray(axis, np.float64)
    length = float(np.linalg.norm(along))
    if along.shape != (3,) or not 0.0 < length < math.inf:
        raise InputError(Problem("an axis is a direction x, y, z, such as 0 0 1"))
    along = along / length
    across = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    across /= np.linalg.norm(across)
    return across, np.cross(along, across), along
