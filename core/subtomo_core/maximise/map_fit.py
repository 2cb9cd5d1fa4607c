"""Maps laid on maps, as the engine fits references on particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.fourier.band import band
from subtomo_core.fourier.nufft import frequencies, sample_transform
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.likelihood.observation import Samples
from subtomo_core.likelihood.pose_ascent import refine
from subtomo_core.likelihood.pose_search import Search
from subtomo_core.likelihood.rings import Rings
from subtomo_core.likelihood.weighted_samples import Weighed
from subtomo_core.orientation.rotation_matching import Matcher
from subtomo_core.plan import Settings

Matrix = NDArray[np.float64]

_POWER = 1000.0  # of a map in the band: log-likelihoods are this times (correlation - 1/2)
_CANDIDATES = 30
_STEPS = 12
_WORTH = 0.01  # gain in correlation below that a map stays where it is


def turned(transform: Complex, rotation: Matrix, shift: Matrix) -> Complex:
    """Half transform (n, n, n // 2 + 1) of the volume rotated and shifted, without interpolation.

    Written out: a product by BLAS may differ in the last bit with an array's address.
    """
    box = transform.shape[0]
    k = frequencies(box).reshape(-1, 3)
    points = k[:, :1] * rotation[0] + k[:, 1:2] * rotation[1] + k[:, 2:] * rotation[2]
    values = sample_transform(to_real(transform), points)
    angle = (-2.0 * np.pi / box) * (k[:, 0] * shift[0] + k[:, 1] * shift[1] + k[:, 2] * shift[2])
    result: Complex = (values * np.exp(1j * angle)).astype(np.complex64)
    return result.reshape(transform.shape)


class Motion(NamedTuple):
    """A pose of one map on another, and their correlation there, less one half."""

    rotation: Matrix
    shift: Matrix
    value: float


@dataclass(frozen=True, eq=False)
class MapFit:
    """Fits volumes on volumes as the engine fits references on particles."""

    search_of: Search

    @classmethod
    def at(cls, settings: Settings, radius: float) -> MapFit:
        """At one resolution, Fourier pixels."""
        support = band(settings.box, max(2.0, radius))
        matcher = Matcher.at(max(2.0, radius), settings.bandwidth)
        ones = np.ones(len(support.index), np.float32)
        rings = Rings.of(support, settings.shift_reach, whole=True)
        return cls(Search(rings, ones, matcher, _CANDIDATES, "both"))

    def search(self, target: Real, moving: Real) -> Motion:
        """Best pose of all; its value is the correlation, less one half."""
        search, weighed = self.search_of, self._weighed(target)
        if not weighed.values.any() or not moving.any():
            return Motion(np.eye(3), np.zeros(3), -0.5)
        template = search.matcher.template(moving * self._factor(moving))
        scale = search.matcher.scale(search.harmonics(weighed.weights), template)
        magnitude = search.matcher.magnitudes(search.support, weighed.values)
        candidates = search.find(weighed, magnitude, scale, template, np.zeros(3))
        best = int(np.argmax(candidates.log_likelihood))
        value = float(candidates.log_likelihood[best]) / _POWER
        return Motion(candidates.rotations[best], candidates.shifts[best], value)

    def settled(self, target: Real, moving: Real, far: Motion) -> Motion:
        """The summit near ``far``, or near where the map lies, or no motion: what is worth it."""
        search, weighed = self.search_of, self._weighed(target)
        here = Motion(np.eye(3), np.zeros(3), -np.inf)
        if not weighed.values.any() or not moving.any():
            return here
        grid = search.matcher.template(moving * self._factor(moving)).grid

        def climbed(start: Motion, steps: int) -> Motion:
            parts, doubled = weighed.parts, weighed.doubled
            place = (start.rotation, start.shift)
            reach = search.reach
            pose = refine(grid, search.support, parts, doubled, *place, steps=steps, reach=reach)
            return Motion(pose.rotation, pose.shift, pose.value / _POWER)

        best = climbed(here, 1)
        for start in (here, far):
            trial = climbed(start, _STEPS)
            if trial.value > best.value + _WORTH:
                best = trial
        return best

    def _weighed(self, volume: Real) -> Weighed:
        search = self.search_of
        values = search.support.take(to_fourier(volume * self._factor(volume)))
        return search.weigh(Samples(values.astype(np.complex64), search.inverse_noise))

    def _factor(self, volume: Real) -> np.float32:
        """Brings a map's power in the band to a fixed number."""
        support = self.search_of.support
        values = support.take(to_fourier(volume))
        power = float((support.count * np.abs(values) ** 2).sum())
        return np.float32(np.sqrt(_POWER / power) if power > 0 else 0.0)
