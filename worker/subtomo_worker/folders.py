"""Where a job's working files lie, below the places which `files.data_folder` names."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from subtomo_core.data.statistics import Expectation, Model, Poses, Statistics
from subtomo_store.database.engine import Store
from subtomo_store.database.records import TERMINAL, Job
from subtomo_store.errors import NotFoundError
from subtomo_store.files.data_folder import Files, temporary_beside
from subtomo_store.files.whole import write_whole
from subtomo_store.jobs.transitions import lock
from subtomo_worker.arrays import prefixed, read_arrays, unprefixed, write_arrays

MODEL = "model.npz"
POSES = "poses.npz"


class BatchKey(NamedTuple):
    """A batch and the fence under which it was computed.

    The fence is in the file's name: an attempt which lost its lease writes beside the one
    that counts, never over it.
    """

    iteration: int
    batch: int
    fence: int


def batches(files: Files, job_id: str, iteration: int | None = None) -> Path:
    """Folder of the batches of an iteration, or of all of them."""
    folder = files.job(job_id) / "batches"
    return folder if iteration is None else folder / f"{iteration:03d}"


def drop_batches(store: Store, job_id: str) -> bool:
    """Remove the batches of a job which is over; whether it is.

    They lose their name while nobody can resume the job: later they might be another attempt's.
    """
    working = batches(store.files, job_id)
    aside = temporary_beside(working)
    with store.begin() as session:
        try:
            if lock(session, job_id).status not in TERMINAL:
                return False
        except NotFoundError:  # deleted
            pass
        with suppress(OSError):
            working.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
    return True


def _batch(files: Files, job_id: str, key: BatchKey) -> Path:
    return batches(files, job_id, key.iteration) / f"batch_{key.batch:05d}_{key.fence}.npz"


def write_batch(files: Files, job_id: str, key: BatchKey, expectation: Expectation) -> None:
    """Write a batch's statistics and poses."""
    arrays = {
        **prefixed("statistics_", expectation.statistics.to_arrays()),
        **prefixed("poses_", expectation.poses.to_arrays()),
    }
    write_arrays(_batch(files, job_id, key), arrays)


def read_batch(files: Files, job_id: str, key: BatchKey) -> Expectation:
    """Read a batch's statistics and poses."""
    arrays = read_arrays(_batch(files, job_id, key))
    return Expectation(
        Statistics.from_arrays(unprefixed("statistics_", arrays)),
        Poses.from_arrays(unprefixed("poses_", arrays)),
    )


def start_model(files: Files, job_id: str) -> Path:
    """Path of the model before a job's first iteration."""
    return files.job(job_id) / "start" / MODEL


def start_poses(files: Files, job_id: str) -> Path:
    """Path of the poses before a job's first iteration, where it starts from poses."""
    return files.job(job_id) / "start" / POSES


def model_before(files: Files, job: Job, iteration: int) -> Model:
    """Model which an iteration starts from."""
    if iteration == job.first_iteration:
        path = start_model(files, job.id)
    else:
        path = files.iteration_file(job.id, iteration - 1, MODEL)
    return Model.from_arrays(read_arrays(path))


def poses_before(files: Files, job: Job, iteration: int) -> Poses | None:
    """Poses of all particles from the iteration before; in the first those given, or None."""
    if iteration == job.first_iteration:
        given = start_poses(files, job.id)
        return Poses.from_arrays(read_arrays(given)) if given.exists() else None
    return Poses.from_arrays(read_arrays(files.iteration_file(job.id, iteration - 1, POSES)))


def write_spec(files: Files, job: Job) -> None:
    """Write the resolved specification beside the results."""
    text = json.dumps(job.spec, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    write_whole(files.job(job.id) / "spec.json", lambda file: file.write(text.encode()))
