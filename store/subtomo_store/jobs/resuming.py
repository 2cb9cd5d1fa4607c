"""Resuming a job that failed: from its last published iteration, under its own name."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from subtomo_store.database.engine import now
from subtomo_store.database.records import Job, Message
from subtomo_store.database.tables import DatasetRow, IterationRow, JobRow, LossRow, TaskRow
from subtomo_store.errors import ConflictError
from subtomo_store.jobs import tasks, webhooks
from subtomo_store.jobs.jobs import UNFINISHED, get
from subtomo_store.jobs.transitions import lock, move
from subtomo_store.people import users
from subtomo_store.people.permissions import permitted


class Resumed(NamedTuple):
    """A job which goes on, the messages to send after the commit, and the disk held for it."""

    job: Job
    messages: list[Message]
    disk_bytes: int


def resume(
    session: Session, job_id: str, user_id: str, *, window: int, highest_priority: int
) -> Resumed:
    """Let a failed job go on; one that waits or runs stays as it is, so that asking twice is safe.

    The iteration in which it failed is done again from its beginning. As for posting, the user
    has to be an editor of job and dataset; the priority is the highest which the user may give,
    if it was higher.

    Raises
    ------
    ConflictError
        If the job succeeded or was cancelled.
    NotFoundError, NotAllowedError
        As `permissions.permitted` does.
    """
    job = lock(session, job_id, user_id)
    if job.status in UNFINISHED:
        return Resumed(get(session, job_id), [], 0)
    if job.status != "failed":
        raise ConflictError(f"the job is {job.status}: only one that failed can be resumed")
    dataset = session.get(DatasetRow, job.dataset_id)
    permitted(session, dataset, f"dataset {job.dataset_id}", user_id, "editor")
    job.priority, job.finished = min(job.priority, highest_priority), None
    messages = _reopened(session, job, window)
    webhooks.arm_again(session, job.id)
    from_there = "its beginning" if job.iteration is None else f"iteration {job.iteration}"
    told = f"{users.get(session, user_id).name} resumed it: it goes on from {from_there}"
    move(session, job, "queued", told)
    session.flush()
    return Resumed(get(session, job_id), messages, job.disk_bytes)


def _reopened(session: Session, job: JobRow, window: int) -> list[Message]:
    """Make the tasks of the iteration which is not published ready again.

    They keep their fences, so that whoever still holds one of before publishes nothing.
    """
    failed = (IterationRow.job_id == job.id) & IterationRow.finished.is_(None)
    iteration = session.scalar(select(IterationRow).where(failed))
    of_job = select(TaskRow.id).where(TaskRow.job_id == job.id)
    session.execute(delete(LossRow).where(LossRow.task_id.in_(of_job)))
    if iteration is None:
        return _ready(session, job, job.first_iteration, "begin", 1)
    iteration.remaining, iteration.started = iteration.batches, now(session)
    session.execute(
        delete(TaskRow).where(
            TaskRow.job_id == job.id,
            TaskRow.iteration == iteration.number,
            TaskRow.kind == "reduce",
        )
    )
    return _ready(session, job, iteration.number, "align", window)


def _ready(session: Session, job: JobRow, number: int, kind: str, window: int) -> list[Message]:
    own = TaskRow.job_id == job.id, TaskRow.iteration == number, TaskRow.kind == kind
    fresh = {"attempts": 0, "particles_done": 0, "error": None, "seconds": None}
    for state, place in (("waiting", TaskRow.batch >= window), ("ready", TaskRow.batch < window)):
        session.execute(
            update(TaskRow)
            .where(*own, place)
            .values(state=state, worker=None, lease_until=None, **fresh)
            .execution_options(synchronize_session=False)
        )
    found = select(TaskRow.id).where(*own, TaskRow.state == "ready").order_by(TaskRow.batch)
    return [tasks.message(job, kind, task_id) for task_id in session.scalars(found)]
