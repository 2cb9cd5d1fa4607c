"""From a coarse search to the last resolution: fewer and fewer poses, wider and wider bands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from subtomo_core.refiners.climbing import Climber
from subtomo_core.refiners.filtering import Shared, filtered
from subtomo_core.refiners.pairs import FourierPair
from subtomo_core.refiners.scores import Score, local
from subtomo_core.refiners.seam import Refined

_WIDER = 2.0  # a pose right within one band lies in the basin of a band so much wider
_LAST = 3  # poses which see the whole band
_ROUNDS = 2  # of weighing shells by what is shared, and refining
_STILL = 1e-6


def last_bands(pair: FourierPair, coarse: float, count: int) -> Iterator[tuple[FourierPair, int]]:
    """The pair in bands which double from ``coarse`` to all of it, and how many poses see each."""
    radius = coarse * _WIDER
    while radius < pair.fixed.support.reach:
        yield replace(pair, fixed=pair.fixed.within(radius)), count
        radius *= _WIDER
        count = max(_LAST, count // 2)
    yield pair, max(_LAST, count // 2)


def told(
    pair: FourierPair, climbers: list[Climber], score: Score, *, weighed: bool
) -> list[Climber]:
    """Poses in the order of what both volumes share there, or of the dissimilarity."""
    if weighed:
        return sorted(climbers, key=lambda c: -Shared.at(pair, c.rotation, c.shift).information)
    return sorted(climbers, key=lambda c: local(pair.moments(c.rotation, c.shift), score).value)


def finish(
    pair: FourierPair, climbers: list[Climber], score: Score, *, weighed: bool
) -> tuple[list[Refined], float]:
    """Refine the last poses to their ends, and tell them best first."""
    steps = 0.0
    for _ in range(_ROUNDS if weighed else 1):
        climbers = told(pair, climbers, score, weighed=weighed)
        best = climbers[0]
        shared = Shared.at(pair, best.rotation, best.shift)
        last = filtered(pair, shared) if weighed else pair
        climbers = [c.again(last, score, _STILL) for c in climbers]
        for climber in climbers:
            climber.descend(last, score)
            steps += climber.steps
    climbers = told(pair, climbers, score, weighed=weighed)
    refined = []
    for c in climbers:
        value = local(pair.moments(c.rotation, c.shift), score).value
        information = Shared.at(pair, c.rotation, c.shift).information
        refined.append(Refined(c.rotation, c.shift, value, information, steps))
    return refined, steps
