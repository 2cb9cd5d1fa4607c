"""The first task: the model before anything is averaged, and the first batches."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Model, Poses
from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.shells import low_pass
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.start import JobStart, MapStart
from subtomo_store.database.records import Job, Message
from subtomo_store.errors import NotFoundError
from subtomo_store.jobs import iterations, jobs
from subtomo_worker import folders
from subtomo_worker.arrays import read_arrays, write_arrays
from subtomo_worker.calculation import check_model
from subtomo_worker.context import Assignment, WorkerContext
from subtomo_worker.continuing import earlier_iteration
from subtomo_worker.keeping import LeaseKeeper
from subtomo_worker.maps import Use, unfit, uploaded
from subtomo_worker.starting_poses import starting_poses

Volumes = NDArray[np.float32]


def begin(context: WorkerContext, assignment: Assignment, keeper: LeaseKeeper) -> list[Message]:
    """Write the start, and release the first iteration."""
    clock = time.monotonic()
    store, job = context.store, assignment.job
    model, poses = _start(context, job)
    check_model(model)
    folders.write_spec(store.files, job)
    write_arrays(folders.start_model(store.files, job.id), model.to_arrays())
    if poses is not None:
        write_arrays(folders.start_poses(store.files, job.id), poses.to_arrays())
    keeper.check()
    with store.begin() as session:
        return iterations.begin(
            session,
            assignment.lease,
            batches_of(job),
            window=store.settings.window,
            seconds=time.monotonic() - clock,
        )


def _start(context: WorkerContext, job: Job) -> tuple[Model, Poses | None]:
    if job.continues is not None:
        return earlier_iteration(context, job, job.continues)
    loaded = context.loaded(job)
    references = starting_references(context, job, loaded.summary)
    poses = starting_poses(context, job, loaded)
    return loaded.method.start(references), poses


def batches_of(job: Job) -> list[iterations.Range]:
    """Ranges of particles of a job's batches, the same in each iteration."""
    size = job.parsed_spec.batch_particles or job.particles
    return iterations.cut(job.particles, size)


def starting_references(
    context: WorkerContext, job: Job, summary: DatasetSummary
) -> Volumes | None:
    """First references (1 or K, n, n, n), low-passed, or None where the job has none.

    Raises
    ------
    InputError
        If a map or an earlier job is gone or does not fit the dataset.
    """
    start = job.parsed_spec.start
    if isinstance(start, MapStart):
        volumes = [
            uploaded(context.store, job, map_id, summary, Use("starting map", "/start/maps"))
            for map_id in start.maps
        ]
    elif isinstance(start, JobStart):
        volumes = list(_earlier(context, job, start, summary))
    else:
        return None
    resolution = start.low_pass_angstrom
    if resolution is not None:
        volumes = [low_pass(v, summary.voxel_size_angstrom, resolution) for v in volumes]
    return np.stack(volumes).astype(np.float32)


def _earlier(context: WorkerContext, job: Job, start: JobStart, summary: DatasetSummary) -> Volumes:
    store = context.store
    try:
        with store.read() as session:
            earlier = jobs.get(session, start.job, job.user_id)
            number = iterations.get(session, earlier.id, start.iteration).number
    except NotFoundError as error:
        raise InputError(Problem(f"the start cannot be read: {error}", pointer="/start")) from error
    model = read_arrays(store.files.iteration_file(earlier.id, number, folders.MODEL))
    volumes: Volumes = model["maps"]
    if len(volumes) not in (1, job.parsed_spec.classes):
        detail = (
            f"the job {earlier.id} has {len(volumes)} classes and this one "
            f"{job.parsed_spec.classes}: give both the same number"
        )
        raise InputError(Problem(detail, pointer="/classes"))
    if volumes.shape[-1] != summary.box:
        voxel = summary.voxel_size_angstrom
        raise unfit(f"the job {earlier.id}", volumes.shape[-1], voxel, summary, "/start")
    return volumes
