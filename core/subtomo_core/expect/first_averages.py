"""Iteration 0: the first averages, and the noise in each shell.

A job may bring poses of its own, or begin from single particles (docs/decisions/0044); else
classes and orientations are random.

Averages of unrotated particles which share one wedge are a picture of the wedge, and a search
against them never leaves it (method: *The start trap*): so particles start in uniformly random
orientations, and these stay on record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.initial_poses import in_classes
from subtomo_core.data.noise_law import no_power
from subtomo_core.data.statistics import Batch, Expectation, Model, Poses
from subtomo_core.expect.backprojection import Share, Term
from subtomo_core.expect.batch_pass import Found, Row, Values, pass_over
from subtomo_core.likelihood.held_out import chosen, without
from subtomo_core.likelihood.observation import Samples
from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.plan import Settings


def survey(
    settings: Settings,
    batch: Batch,
    model: Model,
    *,
    threads: int,
    on_particle: Callable[[], None],
) -> Expectation:
    """Statistics of a batch in the poses which the job starts from.

    Where it has none (`Batch.poses` is None): equal random subsets, uniform rotations, no shift.
    The draw depends on the job's seed, the start and the particle alone.
    """
    starts, classes = model.contenders, settings.spec.classes
    first = _first_particles(settings) if settings.from_particles else None
    orders = [_rng(settings, 0, start).permutation(settings.summary.particles) for start in starts]
    whole = settings.observer.band(settings.box / 2 - 1.0)
    sums = settings.observer.band(settings.sum_radius(model.shell_in_use))
    asked = settings.window if settings.spec.mask.particles else None
    observer = replace(settings.observer, window=None if settings.weighted else asked)
    windows = (settings.window, settings.surroundings) if settings.weighted else ()
    parts = [replace(observer, window=window) for window in windows]

    def read(index: int) -> tuple[Samples, Samples, Values]:
        seen, summed = observer.read(batch.particles, index, whole, sums)
        if not parts:
            return seen, summed, no_power()
        three = [seen, *(part.read(batch.particles, index, whole)[0] for part in parts)]
        return seen, summed, np.stack([s.power_by_weight(whole, settings.shells) for s in three])

    def begins(start: Model, order: NDArray[np.int64], position: int) -> Poses:
        if batch.poses is not None:
            return batch.poses[position : position + 1]
        index, unmoved = int(batch.indices[position]), np.zeros((1, 3))
        if first is not None and index in first[start.start]:  # a reference, as it is
            own = np.flatnonzero(first[start.start] == index)
            return in_classes(np.eye(3)[None], unmoved, own, classes)
        rotation = random_rotations(_rng(settings, 1, start, index), 1)
        return in_classes(rotation, unmoved, order[index : index + 1] % classes, classes)

    def work(position: int) -> list[Found]:
        index = int(batch.indices[position])
        seen, summed, by_weight = read(index)
        if settings.holds_out:
            summed = without(summed, chosen(sums, index))
        power = seen.power(whole, settings.shells)
        term = Term(int(settings.fold_of[index]), summed, [])
        found = []
        for start, order in zip(starts, orders, strict=True):
            poses = begins(start, order, position)
            k = int(poses.best_class[0])
            share = Share(k, poses.rotations[0, k], poses.shifts[0, k], 1.0)
            row = _row(poses, share, power)._replace(power_by_weight=by_weight)
            counts = first is None or index == first[start.start, k]
            found.append(Found(row, term._replace(shares=[share] if counts else [])))
        return found

    return pass_over(
        batch,
        work,
        sums,
        folds=settings.folds,
        fold_of=settings.fold_of,
        starts=starts,
        groups=settings.groups,
        threads=threads,
        on_particle=on_particle,
    )


def _first_particles(settings: Settings) -> NDArray[np.int64]:
    """The particle which each class of each start begins as, (starts, K), all different.

    The poses of all others go on record and mean nothing.
    """
    rng = np.random.default_rng([settings.spec.seed, 3])
    shape = (settings.spec.starts or 1, settings.spec.classes)
    chosen = rng.permutation(settings.summary.particles)[: shape[0] * shape[1]]
    return chosen.reshape(shape)


def _row(poses: Poses, share: Share, power: tuple[Values, Values]) -> Row:
    """A particle in one class and pose, and its power and number of components per shell."""
    classes = poses.score.shape[1]
    return Row(
        rotations=poses.rotations[0],
        shifts=poses.shifts[0],
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
