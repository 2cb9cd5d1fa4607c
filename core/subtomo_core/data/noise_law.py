"""How the noise of a particle's components goes with their weights.

Noise of images is independent from one to the next: their weighted sum S has the variance
``sigma^2 W``. Two things are left. A box cut from a larger volume mixes each component with its
neighbours, so that a component of next to no weight still holds a share of theirs: a floor. And
neighbours, membranes and cytoplasm are seen by every image; where many images meet in one
component, the power of these grows as W^2. They are told from the molecule by where they are:
around it. Together the variance is

    sigma^2(r) (floor(r) + W + q W^2)

(docs/method.md#the-noise-law; docs/decisions/0042-structural-noise.md and
0050-right-on-sums-with-weights.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.shells import on_components

Values = NDArray[np.float64]

_BINS = 128  # of weights, half an octave each, about 1
_FLOORS = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 25)])  # of a shell's mean weight
_SQUARES = np.concatenate([[0.0], np.geomspace(1e-3, 2.0, 25)])  # q times the mean weight
_SPREAD = 1e-6  # relative spread of weights below which they are all alike


class PowerByWeight(NamedTuple):
    """Power of particles' components, by weight and shell, (bins, shells) each; it adds.

    Attributes
    ----------
    counts, weights, power : ndarray
        Number of components with a weight above 0, ``sum W`` and ``sum |S|^2``.
    """

    counts: Values
    weights: Values
    power: Values

    @classmethod
    def of(
        cls, values: NDArray[np.complex64], weights: Real, count: Real, shell: NDArray[np.int32]
    ) -> PowerByWeight:
        """Of components (J,), each of which stands ``count`` times in its shell."""
        shells = int(shell.max(initial=0)) + 1
        seen = np.flatnonzero(weights > 0)
        w, n = weights[seen].astype(np.float64), count[seen].astype(np.float64)
        power = np.abs(values[seen]).astype(np.float64) ** 2
        octave = np.floor(2.0 * np.log2(w)).astype(np.int64) + _BINS // 2
        cell = np.clip(octave, 0, _BINS - 1) * shells + shell[seen]
        sums = [np.bincount(cell, t, _BINS * shells) for t in (n, n * w, n * power)]
        return cls(*(s.astype(np.float64).reshape(_BINS, shells) for s in sums))

    def shells(self, last: int) -> PowerByWeight:
        """Those of shells 1 to ``last``."""
        return PowerByWeight(*(part[:, 1 : last + 1] for part in self))

    def mean_weight(self, last: int) -> float:
        """Mean weight of a component in shells 1 to ``last``; 0 where none was seen."""
        inner = self.shells(last)
        return float(inner.weights.sum() / max(inner.counts.sum(), 1.0))

    def padded(self, shells: int) -> NDArray[np.float64]:
        """All three in one array for so many shells, (3, bins, shells)."""
        missing = shells - self.counts.shape[1]
        return np.pad(np.stack(self)[:, :, :shells], ((0, 0), (0, 0), (0, max(0, missing))))


@dataclass(frozen=True, eq=False)
class NoiseLaw:
    """Variance ``sigma^2(r) (floor(r) + W + q W^2)`` of a component of weight W.

    Attributes
    ----------
    floor : ndarray, (shells,)
        In units of weight.
    structural : float
        q, in units of 1 / weight.
    """

    floor: Values
    structural: float

    def gain(self, weights: Real) -> Real:
        """Factor for S and W (n, n, n // 2 + 1) that leaves S with the variance ``sigma^2 W``."""
        variance = self._on_components + weights * (1.0 + np.float32(self.structural) * weights)
        return np.divide(weights, variance, out=np.zeros_like(weights), where=variance > 0)

    @cached_property
    def _on_components(self) -> Real:
        return on_components(self.floor.astype(np.float32), 2 * (len(self.floor) - 1))

    def noise(self, seen: PowerByWeight) -> Values:
        """``sigma^2`` in each shell, (shells,), 0 where nothing was seen.

        The maximum of likelihood of components whose power is exponentially distributed.
        """
        over = _over(seen.power, _variance(seen, self.floor, self.structural))
        return _over(over.sum(0), seen.counts.sum(0))


def structural_noise(around: PowerByWeight, last: int) -> float:
    """Q by maximum likelihood, from shells 1 to ``last`` of what surrounds the molecules.

    0 where all weights are alike. What is common to both, a floor, is looked for with it.
    """
    seen = around.shells(last)
    if _alike(seen):
        return 0.0
    squares = _SQUARES / around.mean_weight(last)
    costs = [min(_cost(seen, share, q) for share in _FLOORS) for q in squares]
    return float(squares[int(np.argmin(costs))])


def noise_floor(seen: PowerByWeight, structural: float, last: int) -> Values:
    """Floor of each shell, (shells,): by maximum likelihood, from shells 1 to ``last``.

    A common share of each shell's mean weight. 0 where all weights are alike.
    """
    inner = seen.shells(last)
    best = 0 if _alike(inner) else np.argmin([_cost(inner, s, structural) for s in _FLOORS])
    return float(_FLOORS[int(best)]) * _over(seen.weights.sum(0), seen.counts.sum(0))


def _cost(seen: PowerByWeight, share: float, structural: float) -> float:
    """Negative log-likelihood, each shell's ``sigma^2`` at its best."""
    counts = seen.counts.sum(0)
    floor = share * _over(seen.weights.sum(0), counts)
    variance = _variance(seen, floor, structural)
    level = _over(_over(seen.power, variance).sum(0), counts)
    known = level > 0
    logs = np.log(variance, out=np.zeros_like(variance), where=seen.counts > 0)
    cost = (seen.counts * logs).sum(0) + counts * np.log(np.where(known, level, 1.0))
    return float(cost[known].sum())


def _variance(seen: PowerByWeight, floor: Values, structural: float) -> Values:
    """The law at the mean weight of each bin, 0 where there is none."""
    weight = _over(seen.weights, seen.counts)
    return np.where(seen.counts > 0, floor + weight * (1.0 + structural * weight), 0.0)


def _alike(seen: PowerByWeight) -> bool:
    """Whether weights are next to nothing apart, or there are none."""
    weight = _over(seen.weights.sum(1), seen.counts.sum(1))[seen.counts.sum(1) > 0]
    return not len(weight) or bool(np.ptp(weight) <= _SPREAD * weight.max())


def _over(value: Values, by: Values) -> Values:
    """The quotient, 0 where there is nothing to divide by."""
    return np.divide(value, by, out=np.zeros_like(value), where=by > 0)


def no_power() -> Values:
    """What a pass holds that looks at none."""
    return np.zeros((0, 3, _BINS, 0))
