"""Posterior of classes and of empty space for one particle (docs/method.md#the-posterior).

See docs/decisions/0007-classes-compete-on-even-terms.md and 0048-junk.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Model
from subtomo_core.expect.limited_search import Centre, about, points_within
from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.likelihood.posterior import (
    balance,
    hard_posterior,
    log_evidence,
    log_weights,
    shown_at_some_contrast,
    soft_posterior,
)
from subtomo_core.orientation.pose_weights import PosePoints
from subtomo_core.plan import Settings

Values = NDArray[np.float64]

_ALL_ALIKE = 1e-9  # added to what each particle counts: where all seem to be junk all count


@dataclass(frozen=True, eq=False)
class Competition:
    """Priors of one iteration, and what turns evidence into posteriors.

    Attributes
    ----------
    points : PosePoints or None
        For the Voronoi weights; None for hard assignment, by correlation.
    xi : float
        Standard deviation of shifts, voxels.
    priors : ndarray, (K,)
        Logarithm of each class's prior.
    empty : float
        That of a particle that shows none of them.
    handicaps : ndarray, (K,)
        What gives every class its equal share, while classes are balanced.
    drawn_together : bool
        Whether references are mixtures of all classes, as they are then. Whether a particle
        shows anything is told at the contrast that suits it best: a mixture with a brighter
        structure explains the particles of a fainter one worse than nothing does.
    """

    points: PosePoints | None
    xi: float
    priors: Values
    empty: float
    handicaps: Values
    drawn_together: bool = False

    @classmethod
    def of(cls, settings: Settings, model: Model) -> Competition:
        """Soft where the algorithm is, once references have the particles' scale."""
        assignment, priors = settings.assignment, np.log(np.maximum(model.shares, 1e-12))
        nothing = np.zeros(len(priors))
        if not (assignment.soft and model.scaled):
            return cls(None, model.xi, priors, -math.inf, nothing)
        rng = np.random.default_rng([settings.spec.seed, 2, model.iteration + 1])
        reach, junk = settings.matching.search_range_deg, assignment.junk
        points = points_within(rng, assignment.voronoi_points, reach)
        empty = math.log(junk) if junk else -math.inf
        return cls(points, model.xi, priors + math.log1p(-junk), empty, nothing)

    @property
    def soft(self) -> bool:
        """Whether particles are shared out by likelihood."""
        return self.points is not None

    def posterior(
        self, candidates: list[Candidates], offsets: Values, here: list[Centre]
    ) -> tuple[list[Values], float]:
        """Posterior of each candidate in each class, (C_k,), and the log-likelihood.

        ``offsets`` (K,) joins the priors; candidates were searched about ``here``.
        """
        if self.points is None:
            return hard_posterior(candidates)
        weights = log_weights(about(candidates, here), self.points, self.xi)
        showing = self._showing(weights, candidates, offsets) if self.drawn_together else None
        return soft_posterior(weights, self.priors + offsets, self.empty, self.handicaps, showing)

    def evidence(self, found: list[Candidates], offsets: Values) -> tuple[Values, float]:
        """Log-evidence of each class for one particle, with its prior, (K,); where it is soft.

        And the probability that the particle shows anything.
        """
        if self.points is None:
            raise ValueError("correlations are no evidence")
        weights = log_weights(found, self.points, self.xi)
        evidence = self.priors + offsets + log_evidence(weights)
        return evidence, self._showing(weights, found, offsets)

    def _showing(self, weights: list[Values], found: list[Candidates], offsets: Values) -> float:
        return shown_at_some_contrast(weights, found, self.priors, offsets, self.empty)

    def balanced(self, evidence: Values, showing: Values) -> Competition:
        """The same with handicaps that give every class its equal share of some particles.

        From their `evidence`, (N, K) and (N,); particles that show something are shared out.
        """
        handicaps = balance(evidence, showing + _ALL_ALIKE)
        return replace(self, handicaps=handicaps, drawn_together=True)
