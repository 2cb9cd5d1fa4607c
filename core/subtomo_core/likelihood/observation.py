"""One particle as the engine sees it: samples S and weights W of its Fourier components.

The model is ``S = W A_Rt + noise of variance sigma^2(r) W``
(docs/method.md#the-model-of-a-particle). A binary missing wedge with white noise is the special
case ``S = w X``, ``W = w``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.data.noise_law import NoiseLaw, PowerByWeight
from subtomo_core.data.particles import Particles
from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.band import Band, band
from subtomo_core.fourier.masks import radii
from subtomo_core.fourier.missing import observed, observed_at, observed_by_any
from subtomo_core.fourier.transforms import centreless, from_centreless
from subtomo_core.kernels import components, reading
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import Each, Weights

# Of the whole particle's standard deviation: noise-free particles have no background to scale by.
_EMPTY_BACKGROUND = 0.3
_FAINT = 1e-6  # of the largest variance: rounding of a transform
_FLAT = 1e-6  # of the root mean square: a smaller spread is rounding


Part = tuple[Complex, Real]  # transform and weights, (n, n, n // 2 + 1) each


@dataclass(frozen=True, eq=False)
class Samples:
    """Components of one particle in a band: S complex (J,) and W (J,)."""

    values: Complex
    weights: Real

    def power(self, support: Band, shells: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``sum |S|^2 / W`` and the number of components, per shell of the whole transform."""
        sums, counts = np.zeros(shells), np.zeros(shells)
        pairs = self.values.view(np.float32).reshape(-1, 2)
        components.shell_powers(pairs, self.weights, support.count, support.shell, sums, counts)
        return sums, counts

    def power_by_weight(self, support: Band, shells: int) -> NDArray[np.float64]:
        """How power goes with weight, (3, bins, shells): see `data.noise_law.PowerByWeight`."""
        found = PowerByWeight.of(self.values, self.weights, support.count, support.shell)
        return found.padded(shells)


@dataclass(frozen=True, eq=False)
class Observer:
    """Reads particles: normalises them and takes the components of the bands in use.

    Attributes
    ----------
    summary : DatasetSummary
    region : ndarray of float32, (n, n, n // 2 + 1), or None
        What is observed, where one formula says so for all particles.
    anywhere : ndarray of bool, (n, n, n // 2 + 1), or None
        What any of them may have observed, where it is known and not everything.
    background : ndarray of float32, (n^3,)
        1 at voxels outside the mask, which hold noise alone; 0 elsewhere.
    window : ndarray of float32, (n, n, n), or None
        Mask under which particles are searched, where the job asks for it.
    law : NoiseLaw or None
        How noise goes with weight, where particles bring weights: S and W are multiplied by its
        gain, which leaves ``sigma^2 W``.
    """

    summary: DatasetSummary
    region: Real | None
    anywhere: NDArray[np.bool_] | None
    background: Real
    window: Real | None = None
    law: NoiseLaw | None = None

    @classmethod
    def of(cls, summary: DatasetSummary, mask_radius: float, mask: Real | None = None) -> Observer:
        """Observer for a dataset; the background lies outside ``mask_radius`` voxels."""
        missing, region, anywhere = summary.missing, None, None
        if isinstance(missing, Each):
            if not missing.turned:
                anywhere = observed_by_any((p.region for p in missing.parts), summary.box)
        elif not isinstance(missing, Weights):
            region = observed(missing, summary.box)
            anywhere = region > 0
        outside = radii(summary.box) > min(mask_radius, 0.48 * summary.box)
        return cls(summary, region, anywhere, outside.reshape(-1).astype(np.float32), mask)

    @property
    def weighted(self) -> bool:
        """Particles bring weights of their own."""
        return isinstance(self.summary.missing, Weights)

    @property
    def share(self) -> float:
        """Part of white noise's power which passes the window."""
        return 1.0 if self.window is None else float(np.mean(self.window.astype(np.float64) ** 2))

    def band(self, r_max: float) -> Band:
        """Components up to ``r_max`` pixels which a particle of this dataset can have."""
        return band(self.summary.box, r_max, self.anywhere)

    def read(self, particles: Particles, index: int, *bands: Band) -> list[Samples]:
        """Samples of particle ``index`` in each band; the first is seen through the window.

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
        scale, gain = 1.0, None
        if self.weighted:
            weight = _own_weights(particles, index)
            if self.law is not None:
                gain = self.law.gain(weight)
                weight = weight * gain
        else:
            scale = 1.0 / _spread(moments, volume.size, index)
            weight = _own_region(particles, index, bands) if self.region is None else self.region
        summed, searched = self._parts(volume, weight, gain, max(b.reach for b in bands))
        parts = [searched] + [summed] * (len(bands) - 1)
        return [
            _samples(support, *part, scale, weighted=self.weighted)
            for support, part in zip(bands, parts, strict=True)
        ]

    def _parts(
        self, volume: Real, weight: Real, gain: Real | None, reach: int
    ) -> tuple[Part, Part]:
        """What is summed and what is searched, right up to ``reach``; ``gain`` comes first."""
        if self.window is None or gain is None:
            whole = centreless(volume, reach)
        else:
            whole = centreless(volume)  # all of it: there is a way back
        if gain is not None:
            whole *= gain
        if self.window is None:
            return (whole, weight), (whole, weight)
        volume = volume if gain is None else from_centreless(whole)
        seen = centreless(_windowed(volume, self.window), reach)
        if not self.weighted:
            return (whole, weight), (seen, weight)
        kept = weight / self._spread_by_window(weight)
        return (whole, weight), (seen * kept, weight * kept)

    def _spread_by_window(self, weight: Real) -> Real:
        """Variance of components under the window, in units of ``sigma^2`` and its `share`.

        A window mixes each component with its neighbours: noise of variance W comes to
        ``W * |h|^2``, with h the window's transform. Components of little weight then hold the
        noise of others, and say the less for it.
        """
        around = from_centreless(weight.astype(np.complex64)) * self._window_correlation
        variance: Real = centreless(around).real
        return np.maximum(variance, np.float32(_FAINT * float(variance.max())))

    @cached_property
    def _window_correlation(self) -> Real:
        """The window's correlation with itself, 1 at the origin, which is voxel [0, 0, 0]."""
        if self.window is None:
            raise ValueError("particles are searched whole: there is no window")
        power = np.abs(centreless(self.window)) ** 2
        found = from_centreless(power.astype(np.complex64))
        found /= found[0, 0, 0]
        return found


def _samples(
    support: Band, transform: Complex, weights: Real, scale: float, *, weighted: bool
) -> Samples:
    weights = np.ascontiguousarray(weights, np.float32).reshape(-1)
    values = np.empty(len(support.index), np.complex64)
    taken = np.empty(len(support.index), np.float32)
    parts = values.view(np.float32).reshape(-1, 2)
    flat = transform.view(np.float32).reshape(-1)
    reading.take(flat, support.index, support.points, weights, scale, parts, taken)
    if not weighted:
        values *= taken
    return Samples(values, taken)


def _windowed(volume: Real, window: Real) -> Real:
    """The volume under the window, its mean there taken away."""
    mean = (volume * window).sum(dtype=np.float64) / window.sum(dtype=np.float64)
    return (volume - np.float32(mean)) * window


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


def _own_region(particles: Particles, index: int, bands: tuple[Band, ...]) -> Real:
    """1 at components of the bands, which lie in the widest, that a particle has observed."""
    region = particles.region(index)
    if region is None:
        raise InputError(Problem(f"particle {index + 1} comes without its missing region"))
    widest = max(bands, key=lambda support: support.index.size)
    box = widest.box
    found = np.zeros((box, box, box // 2 + 1), np.float32)
    found.reshape(-1)[widest.index] = observed_at(region, widest.points.T)
    return found


def _own_weights(particles: Particles, index: int) -> Real:
    weight = particles.weight(index)
    if weight is None:
        raise InputError(Problem(f"particle {index + 1} comes without weights"))
    if not np.isfinite(weight).all() or weight.min() < 0.0:
        raise InputError(
            Problem(
                f"particle {index + 1} has weights which are negative or not finite: "
                "give squared CTF values, 0 where nothing was observed"
            )
        )
    if not weight.max() > 0.0:
        raise InputError(
            Problem(f"particle {index + 1} has no weight above 0: nothing of it was observed")
        )
    return weight
