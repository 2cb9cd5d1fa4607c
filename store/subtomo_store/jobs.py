"""Jobs: their records, and what a user may do to them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from subtomo_core.defaults import work_of
from subtomo_core.spec import AnySpec
from subtomo_store.database import now
from subtomo_store.errors import ConflictError, NotFoundError
from subtomo_store.identity import new_id
from subtomo_store.paging import newest_first
from subtomo_store.records import (
    TERMINAL,
    Dataset,
    DatasetStatus,
    Job,
    JobStatus,
    Message,
    Page,
    Progress,
    copied,
)
from subtomo_store.tables import IterationRow, JobRow, TaskRow
from subtomo_store.transitions import lock, move, settle_cancelling

REMEDIES: dict[DatasetStatus, str] = {
    "open": "seal it, and start the job when it is ready",
    "checking": "start the job when it is ready",
    "rejected": "replace what its problems name, and seal it again",
}


class NewJob(NamedTuple):
    """A job just written, and the messages to send after the commit."""

    job: Job
    messages: list[Message]


def create(session: Session, *, user_id: str, dataset: Dataset, spec: AnySpec) -> NewJob:
    """Write a job with its first task. ``spec`` is resolved (`subtomo_core.spec.resolve`).

    Raises
    ------
    ConflictError
        If the dataset is not ready.
    """
    require_ready(dataset)
    row = JobRow(
        id=new_id("job"),
        user_id=user_id,
        dataset_id=dataset.id,
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        status="draft",
        particles=dataset.particles,
        version=1,
        created=now(session),
    )
    session.add(row)
    session.flush()
    move(session, row, "queued", "waiting for a worker")
    task = TaskRow(
        id=new_id("task"),
        job_id=row.id,
        iteration=0,
        kind="begin",
        batch=0,
        first=0,
        last=0,
        state="ready",
        attempts=0,
        fence=0,
        particles_done=0,
        sent_at=now(session),
        sends=1,
    )
    session.add(task)
    session.flush()
    return NewJob(_record(session, row), [Message("begin", task.id)])


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


def get(session: Session, job_id: str, user_id: str | None = None) -> Job:
    """One job; with ``user_id``, only if it is this user's.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    row = session.get(JobRow, job_id, populate_existing=True)
    if row is None or user_id not in (None, row.user_id):
        raise NotFoundError(f"there is no job {job_id}")
    return _record(session, row)


def page(
    session: Session,
    user_id: str,
    *,
    status: JobStatus | None = None,
    dataset_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Job]:
    """Give the user's jobs, newest first."""
    query = select(JobRow).where(JobRow.user_id == user_id)
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
    return Page([_record(session, row) for row in rows], following)


def cancel(session: Session, job_id: str, user_id: str) -> Job:
    """Ask for the end of a job. A finished job stays as it is; asking twice does no harm.

    A job which no live worker holds is cancelled at once, others within seconds.
    """
    row = lock(session, job_id, user_id)
    if row.status in ("draft", "queued"):
        move(session, row, "cancelled")
    elif row.status == "running":
        move(session, row, "cancelling", "stopping at the next particle")
        settle_cancelling(session, row)
    session.flush()
    return get(session, job_id)


def remove(session: Session, job_id: str, user_id: str) -> None:
    """Delete a finished job's records; the caller removes its folder after the commit.

    Raises
    ------
    ConflictError
        If the job is not finished.
    """
    row = lock(session, job_id, user_id)
    if row.status not in TERMINAL:
        raise ConflictError(f"the job is {row.status}: cancel it before deleting it")
    session.execute(delete(JobRow).where(JobRow.id == row.id))


def progress(session: Session, job: Job) -> Progress:
    """How far a job is; the time left is judged by the iterations already done."""
    last = job.iterations
    number = _current_iteration(session, job)
    done = particles_done(session, job.id, number) if number <= last else 0
    number_shown = min(number, last)
    share = done / max(job.particles, 1)
    fraction = (number_shown + share) / (last + 1)
    if job.status == "succeeded":
        number_shown, done, fraction = number, job.particles, 1.0
    return Progress(
        iteration=number_shown,
        iterations=last,
        particles_done=done,
        particles=job.particles,
        fraction=min(fraction, 1.0),
        eta_seconds=_eta(session, job, number, share),
    )


def particles_done(session: Session, job_id: str, iteration: int) -> int:
    """Particles of an iteration already aligned, running batches included."""
    total = session.scalar(
        select(func.coalesce(func.sum(TaskRow.particles_done), 0)).where(
            TaskRow.job_id == job_id, TaskRow.iteration == iteration, TaskRow.kind == "align"
        )
    )
    return int(total or 0)


def _current_iteration(session: Session, job: Job) -> int:
    newest = session.scalar(
        select(func.max(IterationRow.number)).where(IterationRow.job_id == job.id)
    )
    return int(newest or 0)


def _eta(session: Session, job: Job, number: int, share: float) -> float | None:
    """Remaining seconds if no iteration is spared, by the last three which are finished.

    ``share`` of iteration ``number`` is done. An iteration costs as many times as much as starts
    run side by side in it.
    """
    if job.terminal:
        return None
    spec = job.parsed_spec
    rows = session.execute(
        select(IterationRow.number, IterationRow.seconds)
        .where(IterationRow.job_id == job.id, IterationRow.seconds.is_not(None))
        .order_by(IterationRow.number.desc())
        .limit(3)
    ).all()
    if not rows:
        return None
    unit = float(sum(row.seconds / work_of(spec, row.number) for row in rows) / len(rows))
    left = float(sum(work_of(spec, later) for later in range(number + 1, job.iterations + 1)))
    if number <= job.iterations:
        left += (1.0 - share) * work_of(spec, number)
    return max(0.0, unit * left)


def _record(session: Session, row: JobRow) -> Job:
    session.refresh(row)
    return copied(Job, row)
