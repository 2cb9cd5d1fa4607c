"""Noise variance of particles in each shell, and its dependence on their weights."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.noise_law import NoiseLaw, PowerByWeight, noise_floor, structural_noise
from subtomo_core.data.statistics import Model, Statistics
from subtomo_core.errors import InputError, Problem
from subtomo_core.plan import Settings

Values = NDArray[np.float64]

_CROWDED = 0.1  # of the noise that comes from a cell's densities, not from images


class Noise(NamedTuple):
    """Noise that the next iteration assumes.

    Attributes
    ----------
    variance : ndarray, (shells,)
        Of a component of weight 1.
    law : NoiseLaw or None
        How it goes with weight, where particles bring weights.
    under_mask : bool
        Particles are searched under the mask.
    """

    variance: Values
    law: NoiseLaw | None
    under_mask: bool

    @classmethod
    def of(
        cls, settings: Settings, model: Model, statistics: Statistics, lead: Model | None
    ) -> Noise:
        """From the statistics of an iteration; the variance of ``lead`` where there is one.

        It is what the job says where it says so.
        """
        found = cls._estimated(settings, model, statistics, lead)
        sigma = settings.assignment.sigma
        if sigma is None:
            return found
        return found._replace(variance=np.full_like(found.variance, sigma**2))

    @classmethod
    def _estimated(
        cls, settings: Settings, model: Model, statistics: Statistics, lead: Model | None
    ) -> Noise:
        if model.iteration < 0 and settings.weighted:
            return surveyed(settings, statistics)
        if model.iteration < 0:
            model = replace(model, under_mask=bool(settings.spec.mask.particles))
        variance = lead.noise if lead else noise_variance(settings, model, statistics)
        return cls(variance, model.noise_law, model.under_mask)


def surveyed(settings: Settings, statistics: Statistics) -> Noise:
    """Noise law and variance from the power of particles with weights, in the first pass.

    Where densities around the molecules make much of the noise, particles are searched under the
    mask, unless the job says not to.
    """
    whole, under, around = (PowerByWeight(*part) for part in statistics.power_by_weight)
    last = int(settings.limit_shell)
    structural = structural_noise(around, last)
    asked = settings.spec.mask.particles
    crowded = structural * around.mean_weight(last) > _CROWDED
    under_mask = crowded if asked is None else asked
    seen = under if under_mask else whole
    law = NoiseLaw(noise_floor(seen, structural, last), structural)
    variance = law.noise(seen) / settings.share(under_mask)
    if settings.white:
        count = seen.counts.sum(0)
        variance = np.full_like(variance, (variance * count).sum() / max(count.sum(), 1.0))
    return Noise(_everywhere(variance), law, under_mask)


def noise_variance(settings: Settings, model: Model, statistics: Statistics) -> Values:
    """Noise of a component per shell, or one for all where the noise is white, (shells,).

    Only observed components count. Shells that this iteration did not look at keep what the
    survey found there.
    """
    if model.iteration >= 0 and not model.scaled:
        return model.noise  # distances to references of another scale say nothing
    total = statistics.noise_sum / settings.share(model.under_mask)
    count = statistics.noise_count
    if settings.white:
        return np.full_like(total, total.sum() / max(count.sum(), 1.0))
    return _everywhere(np.where(count > 0, total / np.maximum(count, 1.0), model.noise))


def _everywhere(per_shell: Values) -> Values:
    """Noise of all shells from those where it is known."""
    known = np.nonzero(per_shell > 0)[0]
    if not len(known):
        raise InputError(
            Problem(
                "no particle holds signal where its weights say that something was observed: "
                "check the weights (_rlnCtfImage)"
            )
        )
    return np.interp(np.arange(len(per_shell)), known, per_shell[known])
