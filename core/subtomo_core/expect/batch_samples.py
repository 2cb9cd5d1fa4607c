"""Particles of a batch side by side, as a search of every pose reads them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.data.statistics import Batch
from subtomo_core.fourier.band import Band
from subtomo_core.likelihood.held_out import HeldOut, apart, chosen, without
from subtomo_core.likelihood.observation import Observer
from subtomo_core.likelihood.weighted_samples import Weighed

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BatchSamples:
    """Samples of the particles of a batch over the noise variance.

    Attributes
    ----------
    support : Band
    noise : ndarray of float32, (J,)
        Variance of each component.
    indices : ndarray of int64, (B,)
        Of the particles in their dataset.
    weighed : list of Weighed
    held : list of HeldOut
        Components that take no part in the search nor in the sums.
    power, count : ndarray, (B, shells)
        ``sum |S|^2 / W``, and the number of components.
    """

    support: Band
    noise: Real
    indices: NDArray[np.int64]
    weighed: list[Weighed]
    held: list[HeldOut]
    power: Values
    count: Values

    @classmethod
    def read(cls, observer: Observer, support: Band, noise: Real, batch: Batch) -> BatchSamples:
        """Read a batch; ``noise`` (J,) is the variance of each component."""
        weighed, held, powers = [], [], []
        inverse_noise = np.reciprocal(noise)
        for index in batch.indices.tolist():
            seen = observer.read(batch.particles, index, support)[0]
            out = chosen(support, index)
            held.append(apart(support, seen, out, support.reach))
            seen = without(seen, out)
            powers.append(seen.power(support, support.box // 2 + 1))
            weights = seen.weights * inverse_noise
            weighed.append(Weighed.of(support, seen.values * inverse_noise, weights))
        power, count = (np.array(part) for part in zip(*powers, strict=True))
        return cls(support, noise, batch.indices, weighed, held, power, count)

    def within(self, support: Band, where: NDArray[np.int64]) -> BatchSamples:
        """The same in a smaller band, whose components stand at ``where``."""
        weighed = [Weighed.of(support, w.values[where], w.weights[where]) for w in self.weighed]
        return replace(self, support=support, noise=self.noise[where], weighed=weighed)

    def moved_back(self, origins: Values) -> tuple[Real, Real]:
        """Samples (B, 2, J) of particles moved back by ``origins`` (B, 3), and weights (B, J)."""
        parts = [
            Weighed.of(self.support, self.support.shifted(w.values, origin), w.weights).parts
            for w, origin in zip(self.weighed, origins, strict=True)
        ]
        return np.stack(parts), np.stack([w.doubled for w in self.weighed])

    @property
    def norms(self) -> Values:
        """Root of ``sum |S|^2 / W`` over the noise variance of each particle, (B,)."""
        powers = (max(w.power(self.support), 1e-30) for w in self.weighed)
        return np.array([math.sqrt(power) for power in powers])
