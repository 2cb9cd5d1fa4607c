"""Poses that a job starts from, as arrays."""

from __future__ import annotations

from subtomo_core.data.initial_poses import check_start, in_each_class, own_poses
from subtomo_core.data.statistics import Poses
from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.start import PosesStart
from subtomo_store.database.records import Job
from subtomo_store.datasets import datasets
from subtomo_store.datasets.provenance import places_among, read_provenance
from subtomo_store.errors import NotFoundError
from subtomo_store.jobs import iterations, jobs
from subtomo_worker import folders
from subtomo_worker.arrays import read_arrays
from subtomo_worker.context import LoadedJob, WorkerContext


def starting_poses(context: WorkerContext, job: Job, loaded: LoadedJob) -> Poses | None:
    """Poses for iteration 0, or None where the job does not start from poses.

    Raises
    ------
    InputError
        If the dataset gives none, the earlier job is gone, or they do not fit.
    """
    spec = job.parsed_spec
    if not isinstance(spec.start, PosesStart):
        return None
    poses: Poses | None
    if spec.start.job is None:
        poses = own_poses(spec, *loaded.particles.given_poses())
    else:
        earlier = _earlier(context, job, loaded, spec.start)
        poses = in_each_class(spec, earlier)
    check_start(spec, poses, loaded.summary)
    return poses


def _earlier(context: WorkerContext, job: Job, loaded: LoadedJob, start: PosesStart) -> Poses:
    """Poses that an earlier job found for these particles, in voxels of this dataset."""
    store = context.store
    try:
        with store.read() as session:
            earlier = jobs.get(session, str(start.job), job.user_id)
            number = iterations.get(session, earlier.id, start.iteration).number
            posed = datasets.get(session, earlier.dataset_id).summary
    except NotFoundError as error:
        raise InputError(Problem(f"the start cannot be read: {error}", pointer="/start")) from error
    theirs = read_provenance(store.files.dataset(earlier.dataset_id), posed)
    rows = places_among(loaded.particles.provenance(), theirs, earlier.id)
    poses = Poses.from_arrays(
        read_arrays(store.files.iteration_file(earlier.id, number, folders.POSES))
    )
    finer = posed.voxel_size_angstrom / loaded.summary.voxel_size_angstrom
    return poses[rows].resampled(finer)
