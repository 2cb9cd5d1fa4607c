"""Candidate poses of one particle in one class, with gain and power."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidate poses of one particle in one class.

    Attributes
    ----------
    rotations : ndarray, (C, 3, 3)
    shifts : ndarray, (C, 3)
        Voxels, order x, y, z.
    gain : ndarray, (C,)
        ``Re sum S conj(A_Rt) / sigma^2``.
    power : ndarray, (C,)
        ``sum W |A_R|^2 / sigma^2``.
    """

    rotations: NDArray[np.float64]
    shifts: NDArray[np.float64]
    gain: NDArray[np.float64]
    power: NDArray[np.float64]

    def __add__(self, other: Candidates) -> Candidates:
        """Candidates of both."""
        return Candidates(
            np.concatenate([self.rotations, other.rotations]),
            np.concatenate([self.shifts, other.shifts]),
            np.concatenate([self.gain, other.gain]),
            np.concatenate([self.power, other.power]),
        )

    @property
    def log_likelihood(self) -> NDArray[np.float64]:
        """Log of the likelihood ratio of each pose against empty space, (C,)."""
        return self.gain - 0.5 * self.power

    def score(self, *, soft: bool) -> NDArray[np.float64]:
        """What ranks the candidates: log-likelihood, or constrained correlation, (C,)."""
        return self.log_likelihood if soft else self.correlation

    @property
    def correlation(self) -> NDArray[np.float64]:
        """Gain over the reference's norm: ranks as the constrained correlation does, (C,)."""
        return self.gain / np.sqrt(np.maximum(self.power, 1e-30))
