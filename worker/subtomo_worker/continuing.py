"""Start of a job from an iteration of another job."""

from __future__ import annotations

from subtomo_core.data.statistics import Model, Poses
from subtomo_core.errors import InputError, Problem
from subtomo_core.methods.continued_model import carried_on
from subtomo_store.database.records import Job
from subtomo_store.errors import NotFoundError
from subtomo_store.jobs import jobs
from subtomo_worker import folders
from subtomo_worker.arrays import read_arrays
from subtomo_worker.context import WorkerContext


def earlier_iteration(context: WorkerContext, job: Job, earlier_id: str) -> tuple[Model, Poses]:
    """Model and poses before a continued job's first iteration.

    They are copied into the job's own folder then, and the other job may be deleted.

    Raises
    ------
    InputError
        If the other job or its files are gone.
    """
    store, number = context.store, job.first_iteration - 1
    gone = f"iteration {number} of the job {earlier_id} is gone, and this job cannot go on from it"
    try:
        with store.read() as session:
            earlier = jobs.get(session, earlier_id)
    except NotFoundError as error:
        raise InputError(Problem(gone)) from error
    model, poses = (
        store.files.iteration_file(earlier.id, number, name)
        for name in (folders.MODEL, folders.POSES)
    )
    if not (model.exists() and poses.exists()):
        raise InputError(Problem(gone))
    begun = Model.from_arrays(read_arrays(model))
    carried = carried_on(begun, earlier.parsed_spec, job.parsed_spec)
    return carried, Poses.from_arrays(read_arrays(poses))
