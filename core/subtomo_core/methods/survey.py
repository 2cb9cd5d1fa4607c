"""Iteration 0: random classes and orientations, and the noise in each shell.

Averages of unrotated particles which share one wedge are a picture of the wedge, and a search
against them never leaves it (method: *The start trap*): so particles start in uniformly random
orientations, and these stay on record.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from subtomo_core.methods.accumulate import Share, Term
from subtomo_core.methods.passes import Row, pass_over
from subtomo_core.methods.settings import Settings
from subtomo_core.rotations import random_rotations
from subtomo_core.statistics import Batch, Expectation, Model


def survey(
    settings: Settings,
    batch: Batch,
    model: Model,
    *,
    threads: int,
    on_particle: Callable[[], None],
) -> Expectation:
    """Statistics of a batch in random poses: equal random subsets, uniform rotations, no shift.

    The draw depends on the job's seed and the particle alone.
    """
    seed, classes = settings.spec.seed, settings.spec.classes
    order = np.random.default_rng([seed, 0]).permutation(settings.summary.particles)
    whole = settings.observer.band(settings.box / 2 - 1.0)
    sums = settings.observer.band(settings.sum_radius(model.shell_in_use))

    def work(position: int) -> tuple[Row, Term]:
        index = int(batch.indices[position])
        seen, summed = settings.observer.read(batch.particles, index, whole, sums)
        rotation = random_rotations(np.random.default_rng([seed, 1, index]), 1)[0]
        share = Share(int(order[index]) % classes, rotation, np.zeros(3), 1.0)
        power, count = seen.power(whole, settings.shells)
        row = Row(
            rotations=np.repeat(rotation[None], classes, 0),
            shifts=np.zeros((classes, 3)),
            probability=np.eye(classes)[share.class_index],
            score=np.zeros(classes),
            noise_sum=power,
            noise_count=count,
            log_likelihood=0.0,
        )
        return row, Term(index % settings.folds, summed, [share])

    return pass_over(
        batch,
        work,
        (sums, np.ones(len(sums.index), np.float32)),
        folds=settings.folds,
        groups=settings.groups,
        threads=threads,
        on_particle=on_particle,
    )
