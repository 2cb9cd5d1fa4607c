"""Aligning one batch of particles."""

from __future__ import annotations

import time

import numpy as np

from subtomo_core.data.statistics import Batch
from subtomo_store.database.records import Message
from subtomo_store.datasets.checksums import damage
from subtomo_store.errors import DamagedError
from subtomo_store.jobs import iterations
from subtomo_worker import folders
from subtomo_worker.calculation import check_expectation
from subtomo_worker.context import Assignment, WorkerContext
from subtomo_worker.keeping import LeaseKeeper


def align(context: WorkerContext, assignment: Assignment, keeper: LeaseKeeper) -> list[Message]:
    """Compute a batch's statistics, write them, and release what follows."""
    clock = time.monotonic()
    store, job, task = context.store, assignment.job, assignment.lease.task
    loaded = context.loaded(job)
    model = folders.model_before(store.files, job, task.iteration)
    poses = folders.poses_before(store.files, job, task.iteration)
    batch = Batch(
        particles=loaded.particles,
        indices=np.arange(task.first, task.last),
        poses=None if poses is None else poses[task.first : task.last],
    )
    keeper.check()
    try:
        expectation = loaded.method.expect(
            batch, model, threads=store.settings.threads, on_particle=keeper.on_particle
        )
    except DamagedError:  # of the first one met: name all of the batch
        raise damage(job.dataset_id, loaded.particles.damaged(batch.indices.tolist())) from None
    check_expectation(expectation, f"particles {task.first + 1} to {task.last}")
    key = folders.BatchKey(task.iteration, task.batch, assignment.lease.fence)
    folders.write_batch(store.files, job.id, key, expectation)
    keeper.check()
    with store.begin() as session:
        return iterations.finish_batch(session, assignment.lease, seconds=time.monotonic() - clock)
