"""Jobs: their records, and what a user may do to them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from subtomo_core.spec.job import AnySpec
from subtomo_store.database.engine import now
from subtomo_store.database.identity import new_id
from subtomo_store.database.paging import newest_first
from subtomo_store.database.people_records import Role
from subtomo_store.database.records import (
    TERMINAL,
    Dataset,
    DatasetStatus,
    Job,
    JobStatus,
    Message,
    Page,
    copied,
)
from subtomo_store.database.tables import JobRow, TaskRow
from subtomo_store.errors import ConflictError
from subtomo_store.jobs import events, webhooks
from subtomo_store.jobs.orders import USUAL, Orders
from subtomo_store.jobs.transitions import lock, move, settle_cancelling
from subtomo_store.people import users
from subtomo_store.people.permissions import permitted, placed, readable

UNFINISHED = ("draft", "queued", "running")  # of which there may be tasks to choose
REMEDIES: dict[DatasetStatus, str] = {
    "open": "seal it, and start the job when it is ready",
    "checking": "start the job when it is ready",
    "rejected": "replace what its problems name, and seal it again",
}


class NewJob(NamedTuple):
    """A job just written, and the messages to send after the commit."""

    job: Job
    messages: list[Message]


def create(
    session: Session,
    *,
    user_id: str,
    dataset: Dataset,
    spec: AnySpec,
    orders: Orders = USUAL,
    disk_bytes: int = 0,
) -> NewJob:
    """Write a job with its first task. ``spec`` is resolved (`subtomo_core.spec.defaults.resolve`).

    The job belongs to the group that the orders name, or to the dataset's. ``disk_bytes`` of
    its user's quota are held for it until it ends.

    Raises
    ------
    ConflictError
        If the dataset is not ready.
    NotAllowedError
        If the user may only look at the dataset.
    """
    permitted(session, dataset, f"dataset {dataset.id}", user_id, "editor")
    require_ready(dataset)
    origin = orders.continues
    row = JobRow(
        id=new_id("job"),
        user_id=user_id,
        group_id=placed(session, user_id, orders.group) if orders.group else dataset.group_id,
        dataset_id=dataset.id,
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        asked=orders.asked,
        status="draft",
        priority=orders.priority,
        queue=orders.queue,
        particles=dataset.particles,
        disk_bytes=disk_bytes,
        first_iteration=origin.iteration + 1 if origin else 0,
        continues=origin.job if origin else None,
        version=1,
        created=now(session),
    )
    session.add(row)
    session.flush()
    if orders.webhook is not None:
        webhooks.arm(session, row.id, orders.webhook)
    move(session, row, "queued", "waiting for a worker")
    task = _first_task(row)
    session.add(task)
    session.flush()
    return NewJob(_record(session, row), [Message("begin", task.id, orders.queue)])


def _first_task(job: JobRow) -> TaskRow:
    return TaskRow(
        id=new_id("task"),
        job_id=job.id,
        iteration=job.first_iteration,
        kind="begin",
        batch=0,
        first=0,
        last=0,
        state="ready",
        attempts=0,
        fence=0,
        particles_done=0,
    )


def require_ready(dataset: Dataset) -> None:
    """Refuse a dataset on which no job can run yet.

    Raises
    ------
    ConflictError
        Saying what to do.
    """
    if dataset.status != "ready":
        remedy = REMEDIES[dataset.status]
        raise ConflictError(f"the dataset {dataset.id} is {dataset.status}: {remedy}")


def get(session: Session, job_id: str, user_id: str | None = None, need: Role = "viewer") -> Job:
    """One job; with ``user_id``, only if this user has the role ``need`` over it.

    Raises
    ------
    NotFoundError, NotAllowedError
        As `permissions.permitted` does.
    """
    row = session.get(JobRow, job_id, populate_existing=True)
    return copied(Job, permitted(session, row, f"job {job_id}", user_id, need))


def page(
    session: Session,
    user_id: str,
    *,
    status: JobStatus | None = None,
    dataset_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Job]:
    """Give the jobs that the user may read, newest first."""
    query = (
        select(JobRow)
        .where(readable(session, JobRow, user_id))
        .execution_options(populate_existing=True)
    )
    if status is not None:
        query = query.where(JobRow.status == status)
    if dataset_id is not None:
        query = query.where(JobRow.dataset_id == dataset_id)
    rows, following = newest_first(
        session,
        query,
        created=JobRow.created,
        row_id=JobRow.id,
        limit=limit,
        cursor=cursor,
    )
    return Page([copied(Job, row) for row in rows], following)


def cancel(session: Session, job_id: str, user_id: str) -> Job:
    """Ask for the end of a job. A finished job stays as it is; asking twice does no harm.

    A job that no live worker holds is cancelled at once, others within seconds.
    """
    row = lock(session, job_id, user_id)
    if row.status in ("draft", "queued"):
        move(session, row, "cancelled")
    elif row.status == "running":
        move(session, row, "cancelling", "stopping at the next particle")
        settle_cancelling(session, row)
    session.flush()
    return get(session, job_id)


def rename(session: Session, job_id: str, user_id: str, name: str) -> Job:
    """Give the job another name."""
    row = lock(session, job_id, user_id)
    row.name, row.version = name, row.version + 1
    session.flush()
    return _record(session, row)


def set_priority(session: Session, job_id: str, user_id: str, priority: int) -> Job:
    """Give the job another priority; it counts when the next task is chosen.

    Raises
    ------
    ConflictError
        If nothing of the job will be chosen any more.
    """
    row = lock(session, job_id, user_id)
    if row.status not in UNFINISHED:
        raise ConflictError(
            f"the job is {row.status}: only one which waits or runs can get another priority"
        )
    if row.priority != priority:
        name = users.get(session, user_id).name
        told = f"{name} changed the priority from {row.priority} to {priority}"
        row.priority = priority
        events.append(session, row.id, "note", {"iteration": None, "detail": told})
    session.flush()
    return _record(session, row)


def move_to_group(session: Session, job_id: str, user_id: str, group: str | None) -> Job:
    """Hand the job to a group, or with None back to its maker alone."""
    row = lock(session, job_id, user_id, "owner")
    row.group_id, row.version = placed(session, user_id, group), row.version + 1
    session.flush()
    return _record(session, row)


def remove(session: Session, job_id: str, user_id: str) -> None:
    """Delete a finished job's records; the caller removes its folder after the commit.

    Raises
    ------
    ConflictError
        If the job is not finished.
    """
    row = lock(session, job_id, user_id, "owner")
    if row.status not in TERMINAL:
        raise ConflictError(f"the job is {row.status}: cancel it before deleting it")
    session.execute(delete(JobRow).where(JobRow.id == row.id))


def _record(session: Session, row: JobRow) -> Job:
    session.refresh(row)
    return copied(Job, row)
