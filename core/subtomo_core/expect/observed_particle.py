"""Particles as a search sees them, whatever the references."""

from __future__ import annotations

from dataclasses import dataclass, replace

from subtomo_core.arrays import Real
from subtomo_core.data.particles import Particles
from subtomo_core.fourier.band import Band
from subtomo_core.likelihood.held_out import Cleaned, HeldOut, apart, chosen, without
from subtomo_core.likelihood.observation import Observer, Samples
from subtomo_core.likelihood.pose_search import Search
from subtomo_core.likelihood.weighted_samples import Weighed


@dataclass(frozen=True, eq=False)
class ObservedParticle:
    """One particle as a search sees it, whatever the references.

    Attributes
    ----------
    index : int
        Of the particle in its dataset.
    seen : Samples
        Components that are searched.
    summed : Samples
        Components that are summed.
    weighed : Weighed
        Those that are searched, over the noise variance.
    magnitude, region : ndarray or None
        Harmonics of ``|S|`` and of the weights, where the search uses them.
    held : HeldOut
        Components that are neither searched nor summed.
    """

    index: int
    seen: Samples
    summed: Samples
    weighed: Weighed
    magnitude: Real | None
    region: Real | None
    held: HeldOut

    @classmethod
    def at(
        cls, observer: Observer, search: Search, sums: Band, particles: Particles, index: int
    ) -> ObservedParticle:
        """ObservedParticle at particle ``index`` through the bands of a search and of the sums."""
        support = search.support
        if observer.window is None:
            seen, whole = observer.read(particles, index, support, sums)
        else:  # which carries components over to their neighbours
            seen = observer.read(Cleaned(particles), index, support)[0]
            whole = replace(observer, window=None).read(particles, index, sums)[0]
        out = chosen(sums, index)
        held, summed = apart(sums, whole, out, support.reach), without(whole, out)
        seen = without(seen, chosen(support, index))
        weighed = search.weigh(seen)
        magnitude = region = None
        if search.generators != "phase":
            magnitude = search.matcher.magnitudes(support, weighed.values)
        if observer.region is None:
            region = search.harmonics(weighed.weights)
        return cls(index, seen, summed, weighed, magnitude, region, held)
