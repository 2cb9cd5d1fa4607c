"""Iteration 0: the first averages, and the noise in each shell.

A job may bring poses of its own, or begin from single particles (docs/decisions/0044); else
classes and orientations are random.

Averages of unrotated particles that share one wedge are a picture of the wedge, and a search
against them never leaves it (docs/method.md#expect). So particles start in uniformly random
orientations, and these stay on record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.initial_poses import in_classes
from subtomo_core.data.noise_law import no_power
from subtomo_core.data.particles import Particles
from subtomo_core.data.statistics import Batch, Expectation, Model, Poses
from subtomo_core.expect.backprojection import Share, Term
from subtomo_core.expect.batch_pass import Found, Row, Values, pass_over
from subtomo_core.fourier.band import Band
from subtomo_core.likelihood.held_out import chosen, without
from subtomo_core.likelihood.observation import Observer, Samples
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
    """Statistics of a batch in the poses that the job starts from.

    Where it has none (`Batch.poses` is None): equal random subsets, uniform rotations, no shift.
    Where it has poses alone: equal random subsets.
    The draw depends on the job's seed, the start and the particle alone.
    """
    reader = _Reader.of(settings, settings.observer.band(settings.sum_radius(model.shell_in_use)))
    drawn = _Drawn.of(settings, model.contenders)

    def work(position: int) -> list[Found]:
        index = int(batch.indices[position])
        seen, summed, by_weight = reader.read(batch.particles, index)
        power = seen.power(reader.whole, settings.shells)
        term = Term(int(settings.fold_of[index]), summed, [])
        found = []
        for number in range(len(drawn.starts)):
            poses = drawn.poses(number, batch, position)
            k = int(poses.best_class[0])
            share = Share(k, poses.rotations[0, k], poses.shifts[0, k], 1.0)
            row = _row(poses, share, power)._replace(power_by_weight=by_weight)
            shares = [share] if drawn.counts(number, index, k) else []
            found.append(Found(row, term._replace(shares=shares)))
        return found

    return pass_over(
        batch,
        work,
        reader.sums,
        folds=settings.folds,
        fold_of=settings.fold_of,
        starts=drawn.starts,
        groups=settings.groups,
        threads=threads,
        on_particle=on_particle,
    )


@dataclass(frozen=True, eq=False)
class _Reader:
    """Reads particles whole; where they bring weights, within the mask and around it as well."""

    settings: Settings
    sums: Band
    whole: Band
    observer: Observer
    parts: list[Observer]

    @classmethod
    def of(cls, settings: Settings, sums: Band) -> _Reader:
        asked = settings.window if settings.spec.mask.particles else None
        observer = replace(settings.observer, window=None if settings.weighted else asked)
        windows = (settings.window, settings.surroundings) if settings.weighted else ()
        parts = [replace(observer, window=window) for window in windows]
        return cls(settings, sums, settings.observer.band(settings.box / 2 - 1.0), observer, parts)

    def read(self, particles: Particles, index: int) -> tuple[Samples, Samples, Values]:
        """All components, those that are summed, and power by weight."""
        seen, summed = self.observer.read(particles, index, self.whole, self.sums)
        if self.settings.holds_out:
            summed = without(summed, chosen(self.sums, index))
        if not self.parts:
            return seen, summed, no_power()
        three = [seen, *(part.read(particles, index, self.whole)[0] for part in self.parts)]
        powers = [s.power_by_weight(self.whole, self.settings.shells) for s in three]
        return seen, summed, np.stack(powers)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What is drawn of each start: the order in which particles go to classes, and rotations."""

    settings: Settings
    starts: tuple[Model, ...]
    first: NDArray[np.int64] | None
    orders: list[NDArray[np.int64]]

    @classmethod
    def of(cls, settings: Settings, starts: tuple[Model, ...]) -> _Drawn:
        count = settings.summary.particles
        first = _first_particles(settings) if settings.from_particles else None
        orders = [_rng(settings, 0, start).permutation(count) for start in starts]
        return cls(settings, starts, first, orders)

    def poses(self, number: int, batch: Batch, position: int) -> Poses:
        """Pose of a particle of the batch in a start."""
        start, classes = self.starts[number], self.settings.spec.classes
        index, unmoved = int(batch.indices[position]), np.zeros((1, 3))
        if batch.poses is not None:
            given = batch.poses[position : position + 1]
            if not self.settings.spec.deals_classes:
                return given
            own = self.orders[number][index : index + 1] % classes
            return in_classes(given.best_rotation, given.best_shift, own, classes)
        if self.first is not None and index in self.first[start.start]:  # a reference, as it is
            own = np.flatnonzero(self.first[start.start] == index)
            return in_classes(np.eye(3)[None], unmoved, own, classes)
        rotation = random_rotations(_rng(self.settings, 1, start, index), 1)
        own = self.orders[number][index : index + 1] % classes
        return in_classes(rotation, unmoved, own, classes)

    def counts(self, number: int, index: int, class_index: int) -> bool:
        """Whether a particle counts in a class: where classes begin as one each, only that."""
        if self.first is None:
            return True
        return bool(index == self.first[self.starts[number].start, class_index])


def _first_particles(settings: Settings) -> NDArray[np.int64]:
    """The particle that each class of each start begins as, (starts, K), all different.

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
