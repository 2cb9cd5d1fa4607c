"""How far held-out components bear the references out, over all particles of a class."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FIELDS = 5


def no_confirmation() -> NDArray[np.float64]:
    """Where nothing was held out, (0, 5)."""
    return np.zeros((0, FIELDS))


class Confirmation(NamedTuple):
    """Sums over the particles of one class, p the probability that a particle is of it.

    Attributes
    ----------
    power : float
        ``sum p P``, where ``P = sum W |A|^2 / sigma^2`` over held-out components: what the gain
        would come to on average if the reference A were true.
    gain, variance : float
        ``sum p g`` and ``sum p^2 var(g)``, where ``g = Re sum S conj(A) / sigma^2``. Of noise,
        whose phases are independent, g has the mean 0 and the variance
        ``sum |S|^2 |A|^2 / (2 sigma^4)``.
    turning_gain, turning_variance : float
        The same with the part of A that no rotation changes, its mean over each shell, taken
        away: what is left is borne out only where orientations are right.
    """

    power: float
    gain: float
    variance: float
    turning_gain: float
    turning_variance: float

    @property
    def share(self) -> float:
        """Part of the reference that held-out components confirm: 1 if all of it is true."""
        return self.gain / self.power if self.power > 0 else 0.0

    @property
    def error(self) -> float:
        """Standard error of `share`."""
        return math.sqrt(self.variance) / self.power if self.power > 0 else math.inf

    @property
    def z(self) -> float:
        """The gain in standard deviations of noise: that there is anything."""
        return self.gain / math.sqrt(self.variance) if self.variance > 0 else 0.0

    @property
    def turning_z(self) -> float:
        """The same for what turns with the particles: that it has an orientation."""
        if not self.turning_variance > 0:
            return 0.0
        return self.turning_gain / math.sqrt(self.turning_variance)
