"""All pairs of a dataset as a method: compared as they lie, aligned, clustered, averaged.

Source: Xu & Alber (2012), Figure 6. An iteration sums particles at the poses that the one before
came to, so that the last one's averages are those of the aligned clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.clusters import Clusters
from subtomo_core.data.pairs import Pairs
from subtomo_core.data.statistics import Batch, Expectation, Model, Statistics
from subtomo_core.errors import InputError, Problem
from subtomo_core.expect.first_averages import survey
from subtomo_core.expect.ordered_threads import nothing
from subtomo_core.expect.pair_comparison import Aligned, AsTheyLie, Comparing, compare
from subtomo_core.maximise import next_model
from subtomo_core.methods.iterative import IterativeAlignment
from subtomo_core.plan import Settings
from subtomo_core.refiners.gradient import GradientRefiner
from subtomo_core.spec.pairwise import PairwiseSpec

_COARSE_GRID = 3.5  # Fourier pixels in which a body of half the box is found from 60 degrees off
_FINALISTS = 8


@dataclass(frozen=True, eq=False)
class PairwiseAlignment:
    """Alignment of every particle to every other one, and their clusters."""

    settings: Settings
    spec: PairwiseSpec

    def start(self, references: NDArray[np.float32] | None = None) -> Model:
        """Model before the survey; there are no references."""
        if references is not None:
            detail = "particles are aligned to each other: leave out the starting references"
            raise InputError(Problem(detail, pointer="/start"))
        return IterativeAlignment(self.settings).start()

    def expect(
        self,
        batch: Batch,
        model: Model,
        *,
        threads: int = 1,
        on_particle: Callable[[], None] = nothing,
    ) -> Expectation:
        """Sums of a batch at its present poses, and its share of the pairs."""
        way = self._comparing(model.iteration + 1)
        told = on_particle if way is None else nothing
        summed = survey(self.settings, batch, model, threads=threads, on_particle=told)
        if way is None:
            return summed
        table = compare(self.settings, batch, way, threads=threads, on_particle=on_particle)
        return replace(summed, statistics=replace(summed.statistics, pairs=table))

    def maximise(self, model: Model, statistics: Statistics) -> Model:
        """The next averages; and clusters, where pairs were compared."""
        result = next_model.maximise(self.settings, model, statistics)
        if not statistics.pairs.size:
            return replace(result, clusters=model.clusters)
        linkage = self.spec.parameters.linkage
        clusters = Clusters.of(Pairs.of(statistics.pairs), self.spec.classes, linkage)
        metrics = replace(result.metrics, notes=(clusters.told,))
        return replace(result, clusters=clusters, metrics=metrics)

    def _comparing(self, iteration: int) -> Comparing | None:
        """How an iteration compares pairs; None where it does not."""
        parameters = self.spec.parameters
        if iteration == 0:
            return AsTheyLie(parameters.score)
        if iteration > 1:
            return None
        coarse = _COARSE_GRID * 60.0 / parameters.grid_deg
        refiner = GradientRefiner(parameters.score, coarse, _FINALISTS, seed=self.spec.seed)
        return Aligned(refiner, parameters.grid_deg)
