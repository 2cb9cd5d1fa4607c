"""Gradient-guided refinement by Levenberg and Marquardt (Xu & Alber 2012)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from subtomo_core.refiners.pairs import FourierPair
from subtomo_core.refiners.parallel import Rules, search
from subtomo_core.refiners.scores import Score
from subtomo_core.refiners.seam import Refined, Starts
from subtomo_core.refiners.stages import Stages

_LEAST_CONTRAST = 0.02  # less than this of the particle's power would be no likeness at all


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
        if self.score == "fcs":
            pair = in_contrast(pair, stages.inner(pair), starts)
        found = search(stages.inner(pair), self.score, starts, self.rules, self.seed)
        # Climbers that were dropped made steps too.
        dropped = found.steps - sum(c.steps for c in found.climbers)
        refined = stages.finish(pair, found.climbers)
        return [replace(r, steps=r.steps + dropped) for r in refined]


def in_contrast(pair: FourierPair, inner: FourierPair, starts: Starts) -> FourierPair:
    """The pair with f in the contrast of g, by least squares at the start that fits best.

    FCS compares grey values as they are (RCS does not), and noise gives a particle more power
    than a reference of the same contrast has.
    """
    poses = zip(starts.rotations, starts.shifts, strict=True)
    sums = np.array([inner.moments(R, t).sums for R, t in poses])
    best = sums[int(np.argmax(sums[:, 1] / np.sqrt(np.maximum(sums[:, 0] * sums[:, 2], 1e-30))))]
    contrast = max(best[1] / max(best[2], 1e-30), _LEAST_CONTRAST)
    samples = (pair.fixed.samples / contrast).astype(np.float32)
    return replace(pair, fixed=replace(pair.fixed, samples=samples))
