"""Gradient-guided refinement by Levenberg and Marquardt (Xu & Alber 2012)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from subtomo_core.refiners.pairs import FourierPair
from subtomo_core.refiners.parallel import Rules, search
from subtomo_core.refiners.scores import Score
from subtomo_core.refiners.seam import Refined, Starts
from subtomo_core.refiners.stages import Stages


@dataclass(frozen=True)
class GradientRefiner:
    """Many starts refined together at low resolution, the best of them to the end.

    Attributes
    ----------
    score : {"rcs", "fcs"}
    coarse : float
        Fourier radius, in pixels, of the search from all starts: starts 60 degrees apart lie in
        the basins of a body half the box wide up to about 3.5.
    finalists : int
    weighed : bool
        See `stages.Stages`.
    rules : Rules
    seed : int
    """

    score: Score = "rcs"
    coarse: float = 3.5
    finalists: int = 16
    weighed: bool = True
    rules: Rules = field(default_factory=Rules)
    seed: int = 0

    def refine(self, pair: FourierPair, starts: Starts) -> list[Refined]:
        """Refined poses, best first; the steps told are those of all of them together."""
        stages = Stages(self.score, self.coarse, self.finalists, self.weighed)
        found = search(stages.inner(pair), self.score, starts, self.rules, self.seed)
        # Climbers which were dropped made steps too.
        dropped = found.steps - sum(c.steps for c in found.climbers)
        refined = stages.finish(pair, found.climbers)
        return [replace(r, steps=r.steps + dropped) for r in refined]
