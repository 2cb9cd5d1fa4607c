"""The algorithms, each behind the same seam (docs/method.md#methods).

``start -> Model``, ``expect(batch, model) -> statistics and poses``, statistics add,
``maximise(model, statistics) -> Model``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.folds import Labels
from subtomo_core.data.statistics import Batch, Expectation, Model, Statistics
from subtomo_core.expect.exhaustive import align_in_every_pose
from subtomo_core.maximise import published_averages
from subtomo_core.methods.iterative import IterativeAlignment
from subtomo_core.methods.pairwise import PairwiseAlignment
from subtomo_core.plan import Settings
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.exhaustive import ExhaustiveBase
from subtomo_core.spec.job import AnySpec
from subtomo_core.spec.pairwise import PairwiseSpec


class Method(Protocol):
    """The only seam between the core and whatever runs it."""

    def start(self, references: NDArray[np.float32] | None = None) -> Model:
        """Model before the first pass over the particles."""

    def expect(
        self,
        batch: Batch,
        model: Model,
        *,
        threads: int = ...,
        on_particle: Callable[[], None] = ...,
    ) -> Expectation:
        """Statistics and poses of a batch. ``on_particle`` may raise `Cancelled`."""

    def maximise(self, model: Model, statistics: Statistics) -> Model:
        """The next model from the sum of all batches' statistics."""


def create(
    spec: AnySpec,
    summary: DatasetSummary,
    mask: NDArray[np.float32] | None = None,
    folds: Labels | None = None,
) -> Method:
    """Method for a resolved specification (`spec.defaults.resolve`) and a dataset.

    ``mask`` (n, n, n) is the map that ``spec.mask`` names, where it names one. ``folds`` (N,)
    are those of the particles, where some belong together (`data.folds.folds_of`).
    """
    settings = Settings.of(spec, summary, mask, folds)
    if isinstance(spec, PairwiseSpec):
        return PairwiseAlignment(settings, spec)
    if isinstance(spec, ExhaustiveBase):
        return IterativeAlignment(settings, align_in_every_pose, published_averages.maximise)
    return IterativeAlignment(settings)


__all__ = ["Method", "create"]
