"""One particle as the engine sees it: samples S and weights W of its Fourier components.

The model is ``S = W A_Rt + noise of variance sigma^2(r) W`` (method: *Weights and coloured
noise*). A binary missing wedge with white noise is the special case ``S = w X``, ``W = w``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier import Band, Complex, Real, band, centreless
from subtomo_core.kernels import reading
from subtomo_core.masks import radii
from subtomo_core.missing import observed
from subtomo_core.particles import Particles
from subtomo_core.spec import DatasetSummary, Weights

# Of the whole particle's standard deviation: noise-free particles have no background to scale by.
_EMPTY_BACKGROUND = 0.3
_FLAT = 1e-6  # of the root mean square: a smaller spread is rounding


@dataclass(frozen=True, eq=False)
class Samples:
    """Components of one particle in a band: S complex (J,) and W (J,)."""

    values: Complex
    weights: Real

    def power(self, support: Band, shells: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``sum |S|^2 / W`` and the number of components, per shell of the whole transform."""
        seen = self.weights > 0
        ratio = np.where(seen, np.abs(self.values) ** 2 / np.where(seen, self.weights, 1.0), 0.0)
        sums = np.bincount(support.shell, support.count * ratio, shells)[:shells]
        counts = np.bincount(support.shell, support.count * seen, shells)[:shells]
        return sums.astype(np.float64), counts.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Observer:
    """Reads particles: normalises them and takes the components of the bands in use.

    Attributes
    ----------
    summary : DatasetSummary
    region : ndarray of float32, (n, n, n // 2 + 1), or None
        What is observed, where a formula says so for all particles.
    background : ndarray of float32, (n^3,)
        1 at voxels outside the mask, which hold noise alone; 0 elsewhere.
    """

    summary: DatasetSummary
    region: Real | None
    background: Real

    @classmethod
    def of(cls, summary: DatasetSummary, mask_radius: float) -> Observer:
        """Observer for a dataset; the background lies outside ``mask_radius`` voxels."""
        formula = not isinstance(summary.missing, Weights)
        region = observed(summary.missing, summary.box) if formula else None
        outside = radii(summary.box) > min(mask_radius, 0.48 * summary.box)
        return cls(summary, region, outside.reshape(-1).astype(np.float32))

    def band(self, r_max: float) -> Band:
        """Components up to ``r_max`` pixels which a particle of this dataset can have."""
        keep = None if self.region is None else self.region > 0
        return band(self.summary.box, r_max, keep)

    def read(self, particles: Particles, index: int, *bands: Band) -> list[Samples]:
        """Samples of particle ``index`` in each band.

        Raises
        ------
        InputError
            If the particle holds no signal or numbers which are not finite.
        """
        volume = np.ascontiguousarray(particles.volume(index), np.float32)
        moments = np.empty(5)
        reading.moments(volume.reshape(-1), self.background, moments)
        if not np.isfinite(moments).all():
            raise InputError(Problem(f"particle {index + 1} holds values which are not finite"))
        weight = self.region
        if weight is None:
            weight = particles.weight(index)
            if weight is None:
                raise InputError(Problem(f"particle {index + 1} comes without weights"))
            scale = 1.0
        else:
            scale = 1.0 / _spread(moments, volume.size, index)
        flat = centreless(volume).view(np.float32).reshape(-1)
        flat_weight = np.ascontiguousarray(weight, np.float32).reshape(-1)
        return [_samples(support, flat, flat_weight, scale, self.region) for support in bands]


def _samples(
    support: Band, transform: Real, weights: Real, scale: float, region: Real | None
) -> Samples:
    values = np.empty(len(support.index), np.complex64)
    taken = np.empty(len(support.index), np.float32)
    parts = values.view(np.float32).reshape(-1, 2)
    reading.take(transform, support.index, support.points, weights, scale, parts, taken)
    if region is not None:
        values *= taken
    return Samples(values, taken)


def _spread(moments: NDArray[np.float64], voxels: int, index: int) -> float:
    """Standard deviation of the noise: outside the mask, where there is any.

    The mean counts for nothing: k = 0 is left out of every sum.
    """
    whole, squares, outside, outside_squares, count = moments.tolist()
    spread = math.sqrt(max(0.0, squares / voxels - (whole / voxels) ** 2))
    if count > 0:
        background = outside_squares / count - (outside / count) ** 2
        if background > (_EMPTY_BACKGROUND * spread) ** 2:
            spread = math.sqrt(background)
    if not spread > _FLAT * math.sqrt(squares / voxels):
        raise InputError(
            Problem(f"particle {index + 1} is constant: it holds no signal; leave it out")
        )
    return spread
