"""Expect: a batch of particles in every pose of a grid against the model (Scheres et al. 2009)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from subtomo_core.data.statistics import Batch, Expectation, Model
from subtomo_core.expect.batch_pass import poses_of, statistics_of
from subtomo_core.expect.every_pose import portions
from subtomo_core.expect.exhaustive_pass import Pass
from subtomo_core.expect.exhaustive_sums import ScatteredSums
from subtomo_core.plan import Settings


class _Progress:
    """Tells of particles one by one while all are worked on at once."""

    def __init__(self, particles: int, steps: int, on_particle: Callable[[], None]):
        self._particles, self._steps, self._on_particle = particles, steps, on_particle
        self._done = self._told = 0

    def step(self) -> None:
        """One step more is done."""
        self._done += 1
        while self._told * self._steps < self._done * self._particles:
            self._told += 1
            self._on_particle()


def align_in_every_pose(
    settings: Settings,
    batch: Batch,
    model: Model,
    *,
    threads: int,
    on_particle: Callable[[], None],
) -> Expectation:
    """Statistics and poses of a batch, every pose of which is weighed."""
    search = Pass.prepare(settings, batch, model, threads)
    looks = search.looks()
    every = search.classes(search.samples)
    progress = _Progress(search.count, len(every) * portions(looks), on_particle)
    found = [one.weigh(looks, k, progress.step) for k, one in enumerate(every)]
    shared = search.posterior(found, looks)
    rows = search.rows(every, found, looks, shared)
    poses = poses_of(rows)
    sums = ScatteredSums.of(search, every, looks, shared, settings.fold_of[batch.indices])
    moments = (sums.mass, sums.shift_square)
    told = statistics_of(rows, poses, batch.poses, settings.groups, moments=moments)
    statistics = replace(
        told,
        numerator=sums.numerator,
        denominator=sums.denominator,
        noise_sum=told.noise_sum + sums.distance,
    )
    return Expectation(statistics, poses)
