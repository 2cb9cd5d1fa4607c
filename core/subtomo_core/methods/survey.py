"""Iteration 0: random classes and orientations, and the noise in each shell.

Averages of unrotated particles which share one wedge are a picture of the wedge, and a search
against them never leaves it (method: *The start trap*): so particles start in uniformly random
orientations, and these stay on record.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from subtomo_core.methods.accumulate import Share, Term
from subtomo_core.methods.passes import Found, Row, Values, pass_over
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

    The draw depends on the job's seed, the start and the particle alone.
    """
    starts, classes = model.contenders, settings.spec.classes
    orders = [_rng(settings, 0, start).permutation(settings.summary.particles) for start in starts]
    whole = settings.observer.band(settings.box / 2 - 1.0)
    sums = settings.observer.band(settings.sum_radius(model.shell_in_use))

    def work(position: int) -> list[Found]:
        index = int(batch.indices[position])
        seen, summed = settings.observer.read(batch.particles, index, whole, sums)
        power = seen.power(whole, settings.shells)
        term = Term(index % settings.folds, summed, [])
        found = []
        for start, order in zip(starts, orders, strict=True):
            rotation = random_rotations(_rng(settings, 1, start, index), 1)[0]
            share = Share(int(order[index]) % classes, rotation, np.zeros(3), 1.0)
            found.append(Found(_row(share, classes, power), term._replace(shares=[share])))
        return found

    return pass_over(
        batch,
        work,
        (sums, np.ones(len(sums.index), np.float32)),
        folds=settings.folds,
        starts=starts,
        threads=threads,
        on_particle=on_particle,
    )


def _row(share: Share, classes: int, power: tuple[Values, Values]) -> Row:
    """A particle in one class and pose, and its power and number of components per shell."""
    return Row(
        rotations=np.repeat(share.rotation[None], classes, 0),
        shifts=np.zeros((classes, 3)),
        probability=np.eye(classes)[share.class_index],
        score=np.zeros(classes),
        noise_sum=power[0],
        noise_count=power[1],
        log_likelihood=0.0,
    )


def _rng(settings: Settings, purpose: int, start: Model, *more: int) -> np.random.Generator:
    """Random numbers of a start; those of the first are the ones of a job with one start."""
    own = [start.start] if start.start else []
    return np.random.default_rng([settings.spec.seed, purpose, *more, *own])
