"""One particle as the engine sees it: samples S and weights W of its Fourier components.

The model is ``S = W A_Rt + noise of variance sigma^2(r) W`` (method: *Weights and coloured
noise*). A binary missing wedge with white noise is the special case ``S = w X``, ``W = w``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier import Band, Complex, Real, band, to_fourier
from subtomo_core.masks import radii
from subtomo_core.missing import observed
from subtomo_core.particles import Particles
from subtomo_core.spec import DatasetSummary, Weights

# Of the whole particle's standard deviation: noise-free particles have no background to scale by.
_EMPTY_BACKGROUND = 0.3


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
    background : ndarray of bool, (n, n, n)
        Voxels outside the mask: noise alone.
    window : ndarray of float32, (n, n, n), or None
        Mask under which particles are searched, where the job asks for it.
    """

    summary: DatasetSummary
    region: Real | None
    background: NDArray[np.bool_]
    window: Real | None = None

    @classmethod
    def of(cls, summary: DatasetSummary, mask_radius: float, mask: Real | None = None) -> Observer:
        """Observer for a dataset; the background lies outside ``mask_radius`` voxels."""
        formula = not isinstance(summary.missing, Weights)
        region = observed(summary.missing, summary.box) if formula else None
        outside = radii(summary.box) > min(mask_radius, 0.48 * summary.box)
        return cls(summary, region, outside, mask)

    @property
    def share(self) -> float:
        """Part of white noise's power which passes the window."""
        return 1.0 if self.window is None else float(np.mean(self.window.astype(np.float64) ** 2))

    def band(self, r_max: float) -> Band:
        """Components up to ``r_max`` pixels which a particle of this dataset can have."""
        keep = None if self.region is None else self.region > 0
        return band(self.summary.box, r_max, keep)

    def read(self, particles: Particles, index: int, *bands: Band) -> list[Samples]:
        """Samples of particle ``index`` in each band; the first is seen through the window.

        Raises
        ------
        InputError
            If the particle holds no signal or numbers which are not finite.
        """
        volume = particles.volume(index)
        if not np.isfinite(volume).all():
            raise InputError(Problem(f"particle {index + 1} holds values which are not finite"))
        weight = self.region
        if weight is None:
            weight = _own_weights(particles, index)
        else:
            volume = self._normalised(volume, index)
        whole = to_fourier(volume).reshape(-1)
        inside = whole if self.window is None else to_fourier(self._windowed(volume)).reshape(-1)
        flat_weight = weight.reshape(-1)
        samples = []
        for number, support in enumerate(bands):
            w = flat_weight[support.index]
            seen = w > 0
            values = (whole if number else inside)[support.index]
            if self.region is not None:
                values = values * w
            samples.append(Samples(np.where(seen, values, 0).astype(np.complex64), w))
        return samples

    def _windowed(self, volume: Real) -> Real:
        """The volume under the window, its mean there taken away."""
        window = self.window
        if window is None:
            return volume
        mean = (volume * window).sum(dtype=np.float64) / window.sum(dtype=np.float64)
        return (volume - np.float32(mean)) * window

    def _normalised(self, volume: Real, index: int) -> Real:
        """Mean 0 and standard deviation 1 outside the mask, as the noise model wants."""
        outside = volume[self.background]
        whole = float(volume.std(dtype=np.float64))
        spread = float(outside.std(dtype=np.float64))
        if spread < _EMPTY_BACKGROUND * whole:
            spread = whole
        if not spread > 0:
            raise InputError(
                Problem(f"particle {index + 1} is constant: it holds no signal; leave it out")
            )
        mean = np.float32(outside.mean(dtype=np.float64))
        return (volume - mean) * np.float32(1.0 / spread)


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
