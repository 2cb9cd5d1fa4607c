"""Gradient-guided refinement by Levenberg and Marquardt (Xu & Alber 2012)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from subtomo_core.refiners.climbing import Climber
from subtomo_core.refiners.finish import finish, last_bands, told
from subtomo_core.refiners.pairs import FourierPair
from subtomo_core.refiners.parallel import Rules, search
from subtomo_core.refiners.scores import Score
from subtomo_core.refiners.seam import Refined, Starts


@dataclass(frozen=True)
class GradientRefiner:
    """Many starts refined together at low resolution, the best of them to the end.

    Attributes
    ----------
    score : {"rcs", "fcs"}
    coarse : float
        Fourier radius, in pixels, of the search from all starts: starts 60 degrees apart lie in
        the basins of a body half the box wide up to about 3.5.
    weighed : bool
        Poses compete by what both volumes share (`filtering.Shared.information`) and the last
        steps weigh shells by it. Otherwise by the plain dissimilarity in all of the band.
    finalists : int
        Poses which are refined beyond the coarse band.
    rules : Rules
    seed : int
    """

    score: Score = "rcs"
    coarse: float = 3.5
    weighed: bool = True
    finalists: int = 8
    rules: Rules = field(default_factory=Rules)
    seed: int = 0

    def refine(self, pair: FourierPair, starts: Starts) -> list[Refined]:
        """Refined poses, best first; the steps told are those of all of them together."""
        inner = replace(pair, fixed=pair.fixed.within(self.coarse))
        found = search(inner, self.score, starts, self.rules, self.seed)
        steps = float(found.steps)
        climbers: list[Climber] = found.climbers
        for band, count in last_bands(pair, self.coarse, self.finalists):
            climbers = told(band, climbers, self.score, weighed=self.weighed)[:count]
            climbers = [c.again(band, self.score) for c in climbers]
            for climber in climbers:
                climber.descend(band, self.score)
                steps += climber.steps
        refined, more = finish(pair, climbers, self.score, weighed=self.weighed)
        return [replace(r, steps=steps + more) for r in refined]
