"""Correlation of two volumes at a pose, shell by shell: weights of scores, and information."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from subtomo_core.arrays import Real
from subtomo_core.kernels import pairs
from subtomo_core.kernels.interpolate import gather, shift_back
from subtomo_core.refiners.pairs import Array, FourierPair

_HIGHEST = 0.97  # a correlation above this is limited by interpolation, not by noise
_LEAKED = 1e-3  # of the strongest shell's power: what interpolation may carry into others


@dataclass(frozen=True, eq=False)
class Shared:
    """Correlation of f and g in each shell of their overlap at one pose.

    Attributes
    ----------
    number : ndarray, (n // 2 + 1,)
        Components of the overlap, counted over the whole transform.
    power : ndarray, (n // 2 + 1,)
        Geometric mean of both volumes' mean power.
    correlation : ndarray, (n // 2 + 1,)
    """

    number: Array
    power: Array
    correlation: Array

    @classmethod
    def at(cls, pair: FourierPair, rotation: Array, shift: Array) -> Shared:
        """Compare a pair at a pose."""
        fixed, moved = pair.fixed, pair.moved
        support, count = fixed.support, len(fixed.support.index)
        model, back = np.empty((2, count), np.float32), np.empty((2, count), np.float32)
        mass = np.empty(count, np.float32)
        gather(moved.grid, support.points, rotation, 2.0, model)
        shift_back(support.points, fixed.samples, shift, support.box, back)
        pairs.overlap(moved.table, support.points, rotation, 2.0, fixed.mask, mass)

        def sums(values: Real) -> Array:
            shells = np.bincount(support.shell, values * mass, support.box // 2 + 1)
            return shells.astype(np.float64)

        number = sums(np.ones(count, np.float32))
        ff, gg = sums((back**2).sum(0)), sums((model**2).sum(0))
        both = np.sqrt(np.maximum(ff * gg, 1e-30))
        correlation = np.where(number > 1.0, sums((back * model).sum(0)) / both, 0.0)
        return cls(number, both / np.maximum(number, 1e-6), np.clip(correlation, 0.0, _HIGHEST))

    @property
    def information(self) -> float:
        """Log-likelihood ratio against two volumes that share nothing.

        Under a Gaussian model of correlation c in a shell of N components it is
        ``-N / 2 log(1 - c^2)``, of which one half is what chance brings. Unlike a
        dissimilarity it is not deceived by the small overlaps of wide missing wedges.
        """
        gain = -0.5 * self.number * np.log1p(-(self.correlation**2))
        return float((gain - 0.5 * np.minimum(self.number, 1.0)).sum())

    @property
    def weights(self) -> Real:
        """Weight of each shell in scores, (n // 2 + 1,), the highest 1.

        Two noisy observations of one Gaussian signal agree at a pose with a log-likelihood of
        ``c / (1 - c^2) / P * Re sum f g*`` and terms that hardly depend on the pose. Each
        correlation is taken one standard error lower than it was found.
        """
        surely = self.correlation - 1.0 / np.sqrt(np.maximum(self.number, 1.0))
        c = np.clip(surely, 0.0, _HIGHEST)
        floor = _LEAKED * max(float(self.power.max()), 1e-30)
        weights = c / (1.0 - c * c) / (self.power + floor)
        if not weights.max() > 0.0:
            return np.ones(len(weights), np.float32)
        result: Real = (weights / weights.max()).astype(np.float32)
        return result


def filtered(pair: FourierPair, shared: Shared) -> FourierPair:
    """The pair with its shells weighed by what both share."""
    return replace(pair, fixed=pair.fixed.weighed(shared.weights))
