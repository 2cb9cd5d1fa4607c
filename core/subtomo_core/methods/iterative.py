"""Alignment to references as a method: start, expect, maximise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Batch, Expectation, Model, Statistics
from subtomo_core.errors import InputError, Problem
from subtomo_core.expect.alignment import align
from subtomo_core.expect.first_averages import survey
from subtomo_core.expect.ordered_threads import nothing
from subtomo_core.maximise import symmetry
from subtomo_core.maximise.convergence import at_rest, watched
from subtomo_core.maximise.half_alignment import Motions
from subtomo_core.maximise.job_verdict import judged
from subtomo_core.methods import restarts
from subtomo_core.plan import Settings
from subtomo_core.spec.restart_schedule import starts_in

Advance = Callable[[Settings, Model, Statistics], Model]


class Step(Protocol):
    """A pass over a batch."""

    def __call__(
        self,
        settings: Settings,
        batch: Batch,
        model: Model,
        /,
        *,
        threads: int,
        on_particle: Callable[[], None],
    ) -> Expectation:
        """Statistics and poses of the batch."""


@dataclass(frozen=True, eq=False)
class IterativeAlignment:
    """Alignment of particles to the averages of the iteration before.

    Attributes
    ----------
    settings : Settings
    step : callable
        Meets a batch with the model's references: by rotational matching, unless told.
    advance : callable
        Makes the next model, without its convergence and verdict.
    """

    settings: Settings
    step: Step = align
    advance: Advance = restarts.maximise

    def start(self, references: NDArray[np.float32] | None = None) -> Model:
        """Model before the survey; ``references`` (K or 1, n, n, n) where the job has some."""
        classes, box, shells = self.settings.spec.classes, self.settings.box, self.settings.shells
        maps = np.zeros((classes, box, box, box), np.float32)
        standing = symmetry.nothing_stands(self.settings)
        if references is not None:
            if references.shape not in ((1, box, box, box), maps.shape):
                raise InputError(
                    Problem(
                        f"starting references of shape {references.shape} do not fit "
                        f"{classes} classes in a box of {box} voxels",
                        pointer="/start",
                    )
                )
            even, standing = symmetry.given(self.settings, np.broadcast_to(references, maps.shape))
            maps = np.stack([self.settings.shape(v, self.settings.start_shell) for v in even])
        model = Model(
            iteration=-1,
            maps=maps,
            fold_maps=np.repeat(maps[None], self.settings.folds, 0),
            half_maps=np.zeros((2, classes, box, box, box), np.float32),
            fsc=np.zeros((classes, shells), np.float32),
            fsc_parts=np.zeros((3, classes, shells), np.float32),
            half_order=np.arange(classes),
            half_motions=Motions.none(classes).packed,
            shares=np.full(classes, 1.0 / classes),
            noise=np.zeros(shells),
            reference_noise=np.zeros((self.settings.folds, classes, shells), np.float32),
            xi=self.settings.first_xi,
            scaled=references is None,
            shell_in_use=self.settings.start_shell,
            vain=np.zeros(classes, np.int64),
            divided_from=np.full(classes, -1),
            adopted=np.full(classes, -1),
            **standing._asdict(),
        )
        rivals = range(1, starts_in(self.settings.spec, 0))
        return replace(model, rivals=tuple(replace(model, start=start) for start in rivals))

    def expect(
        self,
        batch: Batch,
        model: Model,
        *,
        threads: int = 1,
        on_particle: Callable[[], None] = nothing,
    ) -> Expectation:
        """Statistics and poses of a batch under the present model."""
        step = survey if model.iteration < 0 else self.step
        settings = self.settings.knowing(model)
        return step(settings, batch, model, threads=threads, on_particle=on_particle)

    def maximise(self, model: Model, statistics: Statistics) -> Model:
        """The next model from the sum of all batches' statistics."""
        result = watched(self.settings, model, self.advance(self.settings, model, statistics))
        return judged(self.settings, result, at_rest=at_rest(result))
