"""Gain of held-out components, particle by particle (docs/method.md#the-verdict)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.data.confirmation import FIELDS
from subtomo_core.fourier.shells import shell_means
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.kernels.interpolate import gather, shift_back
from subtomo_core.likelihood.held_out import HeldOut

Values = NDArray[np.float64]


def profile_of(reference: Real) -> Values:
    """Mean of a reference's transform over each shell, (shells,): what no rotation changes."""
    return shell_means(to_fourier(reference).real, reference.shape[0])


class At(NamedTuple):
    """A pose of a class, and the probability that the particle is of it.

    Attributes
    ----------
    rotation : ndarray, (3, 3)
    shift : ndarray, (3,)
        Voxels.
    probability : float
    """

    rotation: Values
    shift: Values
    probability: float


def confirmed(held: HeldOut, grid: Real, profile: Values, noise: Values, at: At) -> Values:
    """One particle's part in the sums of `data.confirmation.Confirmation`, (5,).

    Parameters
    ----------
    held : HeldOut
    grid : ndarray of float32
        Reference of the particle's fold, padded twice.
    profile : ndarray, (shells,)
        `profile_of` that reference.
    noise : ndarray, (shells,)
        Variance of a component.
    at : At
    """
    size, p = len(held.weights), at.probability
    if not size or not p > 0.0:
        return np.zeros(FIELDS)
    parts, back = np.empty((2, size), np.float32), np.empty((2, size), np.float32)
    gather(grid, held.points, at.rotation, 2.0, parts)
    shift_back(
        held.points, np.stack([held.values.real, held.values.imag]), at.shift, held.box, back
    )
    inverse = 1.0 / noise[held.shell]
    seen, model = back * inverse, parts.astype(np.float64)
    power = 2.0 * held.weights * inverse * (model**2).sum(0)
    gain, variance = _terms(seen, model)
    radius = np.sqrt((held.points.astype(np.float64) ** 2).sum(0))
    model[0] -= np.interp(radius, np.arange(len(profile)), profile)
    turning = _terms(seen, model)
    sums = [part.sum() for part in (power, gain, variance, *turning)]
    return np.array(sums) * [p, p, p * p, p, p * p]


def confirmed_in_classes(
    held: HeldOut,
    grids: Sequence[Real],
    profiles: Sequence[Values],
    noise: Values,
    at: Iterable[At],
) -> Values:
    """`confirmed` for the reference of each class at its pose, (K, 5)."""
    each = zip(grids, profiles, at, strict=True)
    return np.stack([confirmed(held, grid, profile, noise, a) for grid, profile, a in each])


def _terms(seen: Values, model: Values) -> tuple[Values, Values]:
    """Gain of each component with its mate, and its variance in noise, from parts (2, H)."""
    variance: Values = 2.0 * (seen**2).sum(0) * (model**2).sum(0)
    return 2.0 * (seen * model).sum(0), variance
