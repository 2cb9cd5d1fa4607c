"""Pose refinement: Levenberg-Marquardt on the log-likelihood of one particle."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier import Band, Real
from subtomo_core.kernels.slopes import slope
from subtomo_core.rotations import from_rotation_vectors

_LONGEST_DEG = 6.0  # of one step


class Pose(NamedTuple):
    """A pose with its log-likelihood ratio against empty space."""

    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]
    value: float


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
        Padded half grid of the reference (`fourier.padded_grid`).
    samples, weights : ndarray of float32, (J, 2) and (J,)
        S and W over the noise variance, each times `Band.count`.
    rotation, shift : ndarray, (3, 3) and (3,)
        Start; the shift in voxels, order x, y, z.
    steps : int
        Evaluations at most.
    reach : float
        Longest shift allowed, voxels.
    """
    gradient, hessian = np.empty(6), np.empty((6, 6))
    room, derivative = np.empty(8), np.empty((6, 2))
    best = Pose(rotation, shift, -np.inf)
    trial_rotation, trial_shift = rotation, shift
    damping = 0.1
    slope_at, curve_at = gradient, hessian
    for _ in range(steps):
        value = slope(
            grid,
            support.points,
            samples,
            weights,
            trial_rotation,
            trial_shift,
            support.box,
            room,
            derivative,
            gradient,
            hessian,
        )
        if value > best.value and trial_shift @ trial_shift <= reach * reach:
            best = Pose(trial_rotation, trial_shift, value)
            slope_at, curve_at = gradient.copy(), hessian.copy()
            damping *= 0.3
        else:
            damping *= 10.0
        if not np.isfinite(best.value):
            break
        step = _step(slope_at, curve_at, damping)
        trial_rotation = from_rotation_vectors(step[:3]) @ best.rotation
        trial_shift = best.shift + step[3:]
    return best


def _step(
    gradient: NDArray[np.float64], hessian: NDArray[np.float64], damping: float
) -> NDArray[np.float64]:
    diagonal = np.diagonal(hessian)
    damped = hessian + np.diag(damping * diagonal + 1e-12 * max(diagonal.max(), 1e-30))
    step = np.asarray(np.linalg.solve(damped, gradient), np.float64)
    turn = float(np.linalg.norm(step[:3]))
    longest = math.radians(_LONGEST_DEG)
    if turn > longest:
        step *= longest / turn
    return step
