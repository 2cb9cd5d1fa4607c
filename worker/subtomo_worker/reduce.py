"""Ending an iteration: sums, the next model, and its files."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

from subtomo_core.data.adding import total
from subtomo_core.data.folds import half_of
from subtomo_core.data.statistics import Expectation, Model
from subtomo_core.maximise.half_alignment import follow
from subtomo_store.database.records import Message
from subtomo_store.jobs import iterations
from subtomo_worker import folders
from subtomo_worker.begin import batches_of
from subtomo_worker.calculation import check_model
from subtomo_worker.context import Assignment, WorkerContext
from subtomo_worker.keeping import LeaseKeeper
from subtomo_worker.publication import IterationFolder
from subtomo_worker.results import Results, write_results


def reduce(context: WorkerContext, assignment: Assignment, keeper: LeaseKeeper) -> list[Message]:
    """Sum the batches in their order, maximise, publish, and release the next iteration."""
    clock = time.monotonic()
    store, job, number = context.store, assignment.job, assignment.lease.task.iteration
    loaded = context.loaded(job)
    summed = _sum(context, assignment, keeper)
    before = folders.model_before(store.files, job, number)
    model: Model = loaded.method.maximise(before, summed.statistics)
    check_model(model)
    poses = follow(model, summed.poses)
    keeper.check()
    spec = job.parsed_spec
    half_sets = half_of(loaded.folds) + 1 if spec.half_sets else None
    soft = spec.parameters.assignment.soft
    results = Results(job.id, number, loaded.particles, model, poses, half_sets, soft)
    with IterationFolder(store.files.iteration(job.id, number)) as folder:
        metrics = write_results(folder, results)
        keeper.check()
        with store.begin() as session:
            messages = iterations.publish(
                session,
                assignment.lease,
                iterations.Published(
                    metrics,
                    tuple(folder.records),
                    model.metrics.alarms,
                    model.metrics.notes,
                    ended=_ended(model),
                    verdict=_verdict(model),
                ),
                folder.place,
                batches_of(job),
                window=store.settings.window,
                seconds=time.monotonic() - clock,
            )
    shutil.rmtree(folders.batches(store.files, job.id, number), ignore_errors=True)
    return messages


def _ended(model: Model) -> str | None:
    """Why the job is over, if the averages say so."""
    return f"converged after {model.iteration} iterations" if model.metrics.converged else None


def _verdict(model: Model) -> str | None:
    """What the averages of a job that is over are worth, in a sentence."""
    verdict = model.metrics.verdict
    if verdict is None:
        return None
    still = "" if model.metrics.converged else "still moving; "
    return still + verdict.summary


def _sum(context: WorkerContext, assignment: Assignment, keeper: LeaseKeeper) -> Expectation:
    """Add the batches in batch order, so that the bits do not depend on who computed them."""
    store, job, number = context.store, assignment.job, assignment.lease.task.iteration
    with store.read() as session:
        tasks = iterations.batches(session, job.id, number)
    if not tasks:
        raise RuntimeError(f"iteration {number} of {job.id} has no batches")

    def parts() -> Iterator[Expectation]:
        for task in tasks:
            key = folders.BatchKey(number, task.batch, task.fence)
            yield folders.read_batch(store.files, job.id, key)
            keeper.check()

    return total(parts())
