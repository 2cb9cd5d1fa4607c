"""Structural noise: what surrounds a molecule stands in all its images alike.

Noise of images is independent from one to the next: their weighted sum S has the variance
``sigma^2 W``. Neighbours, membranes and cytoplasm are seen by every image; where many images
meet in one Fourier component, the power of these grows as W^2 (docs/decisions/0042).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MOMENTS = 5
_MOST = 0.5  # q times the mean weight: beyond it the molecule itself is taken for noise


class Moments(NamedTuple):
    """How the power of particles goes with their weights, sums over each shell, (shells,).

    Attributes
    ----------
    ratios, power : ndarray
        ``sum |S|^2 / W`` and ``sum |S|^2``.
    counts, weights, squares : ndarray
        Number of components with a weight above 0; ``sum W`` and ``sum W^2``.
    """

    ratios: NDArray[np.float64]
    power: NDArray[np.float64]
    counts: NDArray[np.float64]
    weights: NDArray[np.float64]
    squares: NDArray[np.float64]

    def structural_noise(self, last: int) -> float:
        """Find q in a variance ``sigma^2(r) W (1 + q W)``, the same for all shells up to ``last``.

        By moments: ``sum |S|^2 / W`` is ``sigma^2 (sum 1 + q sum W)`` and ``sum |S|^2`` is
        ``sigma^2 (sum W + q sum W^2)``; shells add with their ``sum |S|^2 / W`` brought to the
        number of components, so that none outweighs the others. 0 where weights are all alike,
        or power grows more slowly than they do.
        """
        inside = np.flatnonzero((self.ratios > 0) & (np.arange(len(self.ratios)) > 0))
        inside = inside[inside <= last]
        level = self.ratios[inside] / self.counts[inside]
        ones, first, second = (
            float(m[inside].sum()) for m in (self.counts, self.weights, self.squares)
        )
        if not ones or second * ones <= (1.0 + 1e-6) * first * first:
            return 0.0
        slope = float((self.power[inside] / level).sum()) / ones
        excess, room = slope * ones - first, second - slope * first
        most = _MOST * ones / first
        if excess <= 0.0:
            return 0.0
        return most if room <= 0.0 else min(excess / room, most)


def no_moments() -> NDArray[np.float64]:
    """The moments of a pass which looks at none."""
    return np.zeros((_MOMENTS, 0))
