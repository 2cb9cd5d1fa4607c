"""Axes of a point group in an average, judged by its two halves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.fourier.shells import on_components, shell_means
from subtomo_core.fourier.transforms import to_real
from subtomo_core.orientation.symmetry_average import invariance, symmetrised
from subtomo_core.orientation.symmetry_axes import Axes, find_axes


def axes_of_halves(
    halves: Sequence[Complex],
    fsc: NDArray[np.floating],
    group: NDArray[np.float64],
    r_max: float,
) -> Axes:
    """The axes about which an average agrees best with itself, and the correlation there.

    The correlation is the one that the halves speak for: their own noise is left out of it.

    Parameters
    ----------
    halves : sequence of two ndarray of complex64, (n, n, n // 2 + 1)
        Transforms of the half maps, masked.
    fsc : ndarray, (shells,)
        How far they agree: shells are weighted by it.
    group : ndarray, (g, 3, 3)
    r_max : float
        Fourier pixels in use.
    """
    weights = np.maximum(fsc, 0.0) * (np.arange(len(fsc)) <= r_max)
    whole = halves[0] + halves[1]
    gain = even_gain(whole, weights)
    found = find_axes(to_real(whole * gain), group, r_max)
    pair = np.stack([half * gain for half in halves])
    pose = (found.rotation, found.shift)
    first, second = symmetrised(pair, group[:1], r_max, *pose)
    average = symmetrised(pair[1:], group, r_max, *pose)[0]
    return found._replace(correlation=invariance(first, second, average))


def even_gain(transform: Complex, weights: NDArray[np.generic]) -> Real:
    """Factor for each component that gives every shell the power ``weights`` (shells,)."""
    box = transform.shape[0]
    power = shell_means(np.abs(transform) ** 2, box)
    power[0] = 0.0
    gain = np.sqrt(np.divide(weights, power, out=np.zeros_like(power), where=power > 0))
    return on_components(gain.astype(np.float32), box)


def correlation_at(group: NDArray[np.float64], part: float) -> float:
    """Correlation that lies at ``part`` between no symmetry and all of it.

    Bodies without it (a blob, a ribosome) reach about ``m^-0.3`` at the best axes of a group of
    order m: 0.8 in C2, 0.6 in C7, 0.45 in D7 and T, 0.4 in O.
    """
    chance = math.pow(len(group), -0.3)
    return chance + part * (1.0 - chance)
