"""Coarse-to-fine refinement: fewer poses in wider bands from stage to stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from subtomo_core.refiners.filtering import Shared, filtered
from subtomo_core.refiners.pairs import Array, FourierPair
from subtomo_core.refiners.scores import Score, local
from subtomo_core.refiners.seam import Refined

_WIDER = 2.0  # a pose right within one band lies in the basin of a band so much wider
_LAST = 3  # poses that see the whole band
_ROUNDS = 2  # of weighing shells by what is shared, and refining
_STILL = 1e-6


class Walker(Protocol):
    """One pose on its way down, by whichever steps.

    Attributes
    ----------
    rotation, shift : ndarray, (3, 3) and (3,)
    steps : float
        Looks at the whole band so far.
    """

    rotation: Array
    shift: Array
    steps: float

    def again(self, pair: FourierPair, least: float | None = None) -> Walker:
        """A new walker from here, on another band of the same volumes."""
        ...

    def descend(self) -> None:
        """Walk until a step promises less than a part ``least`` of the dissimilarity."""
        ...


@dataclass(frozen=True)
class Stages:
    """How a search at low resolution is brought to its end.

    Attributes
    ----------
    score : {"rcs", "fcs"}
    coarse : float
        Fourier radius of the search, pixels: from there bands double.
    finalists : int
        Poses that see the second band; half as many, but at least 3, see each wider one.
    weighed : bool
        Poses compete by what both volumes share (`filtering.Shared.information`), and in the
        last steps shells count by it. Otherwise the plain dissimilarity decides, and all shells
        count alike.
    """

    score: Score
    coarse: float
    finalists: int
    weighed: bool

    def inner(self, pair: FourierPair) -> FourierPair:
        """The pair in the band of the search."""
        return replace(pair, fixed=pair.fixed.within(self.coarse))

    def finish(self, pair: FourierPair, walkers: Sequence[Walker]) -> list[Refined]:
        """Refine the best of the walkers to their ends, best first.

        The steps told are those of all walkers, those before included.
        """
        steps = sum(w.steps for w in walkers)
        radius, count = self.coarse * _WIDER, self.finalists
        while radius < pair.fixed.support.reach:
            band = replace(pair, fixed=pair.fixed.within(radius))
            walkers = [w.again(band) for w in self.ordered(band, walkers)[:count]]
            steps += _descend(walkers)
            radius, count = radius * _WIDER, max(_LAST, count // 2)
        walkers = self.ordered(pair, walkers)[:count]
        for _ in range(_ROUNDS if self.weighed else 1):
            band = self._weighed(pair, walkers[0]) if self.weighed else pair
            walkers = [w.again(band, _STILL) for w in walkers]
            steps += _descend(walkers)
            walkers = self.ordered(pair, walkers)[:_LAST]
        return [self._refined(pair, w, steps) for w in walkers]

    def ordered(self, pair: FourierPair, walkers: Sequence[Walker]) -> list[Walker]:
        """Best first, by what decides."""
        if self.weighed:
            return sorted(walkers, key=lambda w: -_information(pair, w))
        return sorted(walkers, key=lambda w: self._value(pair, w))

    def _weighed(self, pair: FourierPair, best: Walker) -> FourierPair:
        return filtered(pair, Shared.at(pair, best.rotation, best.shift))

    def _value(self, pair: FourierPair, walker: Walker) -> float:
        return local(pair.moments(walker.rotation, walker.shift), self.score).value

    def _refined(self, pair: FourierPair, w: Walker, steps: float) -> Refined:
        value, information = self._value(pair, w), _information(pair, w)
        return Refined(w.rotation, w.shift, value, information, steps)


def _information(pair: FourierPair, walker: Walker) -> float:
    return Shared.at(pair, walker.rotation, walker.shift).information


def _descend(walkers: Sequence[Walker]) -> float:
    for walker in walkers:
        walker.descend()
    return sum(w.steps for w in walkers)
