"""Pose refinement: Levenberg-Marquardt on the log-likelihood of one particle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.band import Band
from subtomo_core.kernels.summits import summit


class Pose(NamedTuple):
    """A pose with its gain and power: the log-likelihood ratio against empty space."""

    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]
    gain: float
    power: float

    @property
    def value(self) -> float:
        """Log-likelihood ratio against empty space."""
        return self.gain - 0.5 * self.power


def refine(  # noqa: PLR0917  (what the kernel takes, in its order)
    grid: Real,
    support: Band,
    samples: Real,
    weights: Real,
    rotation: NDArray[np.float64],
    shift: NDArray[np.float64],
    *,
    steps: int,
    reach: float,
) -> Pose:
    """Climb from a pose to the nearest summit of the log-likelihood.

    Parameters
    ----------
    grid : ndarray
        Padded half grid of the reference (`fourier.grids.padded_grid`).
    samples, weights : ndarray of float32, (2, J) and (J,)
        S and W over the noise variance, each times `Band.count`.
    rotation, shift : ndarray, (3, 3) and (3,)
        Start; the shift in voxels, order x, y, z.
    steps : int
        Evaluations at most.
    reach : float
        Longest shift allowed, voxels.
    """
    rotation, shift = np.array(rotation, np.float64), np.array(shift, np.float64)
    gain, power = summit(
        grid, support.points, samples, weights, support.box, steps, reach, rotation, shift
    )
    return Pose(rotation, shift, gain, power)
