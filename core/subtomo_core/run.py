"""A whole job in one process: for benchmarks, tests and users of the library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core import methods
from subtomo_core.data.adding import total
from subtomo_core.data.folds import NOTHING_TOLD, Grouping, folds_of, grouping_problems
from subtomo_core.data.initial_poses import check_start, in_each_class
from subtomo_core.data.particles import Particles
from subtomo_core.data.statistics import Batch, Metrics, Model, Poses
from subtomo_core.errors import InputError
from subtomo_core.maximise.half_alignment import follow
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import AnySpec


@dataclass(frozen=True, eq=False)
class Result:
    """Last model and poses, and the metrics of every iteration until the job converged."""

    model: Model
    poses: Poses
    history: tuple[Metrics, ...]


def run(
    particles: Particles,
    spec: AnySpec,
    *,
    references: NDArray[np.float32] | None = None,
    poses: Poses | None = None,
    mask: NDArray[np.float32] | None = None,
    grouping: Grouping = NOTHING_TOLD,
    threads: int = 1,
    on_iteration: Callable[[Model, Poses], None] | None = None,
) -> Result:
    """Run a job over particles.

    Parameters
    ----------
    particles : Particles
    spec : AnySpec
        Open fields are filled from the particles' physics.
    references : ndarray of float32, (K or 1, n, n, n), optional
        First references instead of random ones.
    poses : Poses, optional
        What a start from poses starts from.
    mask : ndarray of float32, (n, n, n), optional
        The map that ``spec.mask`` names, where it names one.
    grouping : Grouping, optional
        Which particles belong together.
    threads : int
        Threads over particles; the result does not depend on them.
    on_iteration : callable, optional
        Told the model and poses of each iteration; 0 is the start.
    """
    spec = resolve(spec, particles.summary)
    poses = in_each_class(spec, poses)
    check_start(spec, poses, particles.summary)
    count, size = particles.summary.particles, spec.batch_particles or particles.summary.particles
    if problems := grouping_problems(spec, count, grouping):
        raise InputError(*problems)
    method = methods.create(spec, particles.summary, mask, folds_of(spec, count, grouping))
    ranges = [np.arange(s, min(s + size, count)) for s in range(0, count, size)]
    start = method.start(references)
    model, poses = _iterate(method, particles, start, poses, ranges, threads=threads)
    history = [model.metrics]
    if on_iteration:
        on_iteration(model, model.own(poses))
    for _ in range(spec.iterations):
        model, poses = _iterate(method, particles, model, poses, ranges, threads=threads)
        history.append(model.metrics)
        if on_iteration:
            on_iteration(model, model.own(poses))
        if model.metrics.converged:
            break
    return Result(model, model.own(poses), tuple(history))


def _iterate(
    method: methods.Method,
    particles: Particles,
    model: Model,
    poses: Poses | None,
    ranges: list[NDArray[np.int64]],
    *,
    threads: int,
) -> tuple[Model, Poses]:
    """One expectation over all batches, and one maximisation."""
    batches = [Batch(particles, rows, None if poses is None else poses[rows]) for rows in ranges]
    summed = total(method.expect(batch, model, threads=threads) for batch in batches)
    after = method.maximise(model, summed.statistics)
    return after, follow(after, summed.poses)
