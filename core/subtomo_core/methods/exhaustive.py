"""Maximum likelihood and constrained correlation over every pose: start, expect, maximise.

Source: Scheres et al. (2009).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Batch, Expectation, Model, Statistics
from subtomo_core.expect.exhaustive import align_in_every_pose
from subtomo_core.expect.first_averages import survey
from subtomo_core.maximise import published_averages
from subtomo_core.maximise.convergence import at_rest, watched
from subtomo_core.maximise.job_verdict import judged
from subtomo_core.methods.iterative import FastAlignment
from subtomo_core.plan import Settings


def _nothing() -> None:
    """Default of a callback."""


@dataclass(frozen=True, eq=False)
class ExhaustiveAlignment:
    """Alignment that weighs every rotation of a grid and every whole shift."""

    settings: Settings

    def start(self, references: NDArray[np.float32] | None = None) -> Model:
        """Model before the survey; ``references`` (K or 1, n, n, n) where the job has some."""
        return FastAlignment(self.settings).start(references)

    def expect(
        self,
        batch: Batch,
        model: Model,
        *,
        threads: int = 1,
        on_particle: Callable[[], None] = _nothing,
    ) -> Expectation:
        """Statistics and poses of a batch under the present model."""
        step = survey if model.iteration < 0 else align_in_every_pose
        settings = self.settings.knowing(model)
        return step(settings, batch, model, threads=threads, on_particle=on_particle)

    def maximise(self, model: Model, statistics: Statistics) -> Model:
        """The next model from the sum of all batches' statistics."""
        after = published_averages.maximise(self.settings, model, statistics)
        result = watched(self.settings, model, after)
        return judged(self.settings, result, at_rest=at_rest(result))
