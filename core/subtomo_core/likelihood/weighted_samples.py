"""One particle's samples over the noise variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.fourier.band import Band
from subtomo_core.kernels import components
from subtomo_core.likelihood.observation import Samples


@dataclass(frozen=True, eq=False)
class Weighed:
    """One particle's samples over the noise variance, in the forms the search needs.

    Attributes
    ----------
    values, weights : ndarray, (J,)
        ``S / sigma^2`` and ``W / sigma^2``.
    parts, doubled : ndarray of float32, (2, J) and (J,)
        The same times `Band.count`; the values' real parts, then the imaginary ones.
    shell_weights : ndarray of float64, (shells,)
        Sum of ``W / sigma^2`` over each shell of the whole transform.
    """

    values: Complex
    weights: Real
    parts: Real
    doubled: Real
    shell_weights: NDArray[np.float64]

    @classmethod
    def of(cls, support: Band, values: Complex, weights: Real) -> Weighed:
        """Components (J,) of a band, over the noise variance already."""
        size = len(weights)
        parts, doubled = np.empty((2, size), np.float32), np.empty(size, np.float32)
        shells = np.zeros(support.box // 2 + 1)
        pairs = values.view(np.float32).reshape(-1, 2)
        components.weigh(pairs, weights, support.count, support.shell, parts, doubled, shells)
        return cls(values, weights, parts, doubled, shells)

    def power(self, support: Band) -> float:
        """``sum |S|^2 / W`` over the noise variance, what was not observed left out."""
        samples = Samples(self.values, self.weights)
        return float(samples.power(support, len(self.shell_weights))[0].sum())
