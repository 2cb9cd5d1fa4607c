"""Tasks: who may work on what.

A lease is the right to work for some seconds, renewed while the work goes on. Each lease
carries a fence, one higher than the last: whoever holds an older one may not publish. Which
task a worker takes is decided in `subtomo_store.jobs.dispatch`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from subtomo_core.errors import Cancelled
from subtomo_store.database import tallies
from subtomo_store.database.engine import now
from subtomo_store.database.records import (
    Lease,
    Message,
    QueueName,
    Task,
    TaskKind,
    Verdict,
    copied,
)
from subtomo_store.database.tables import JobRow, TaskRow
from subtomo_store.errors import LeaseLostError
from subtomo_store.jobs import events, losses
from subtomo_store.jobs.jobs import get
from subtomo_store.jobs.progress import particles_done, progress_of
from subtomo_store.jobs.transitions import fail, lock, move, settle_cancelling


def take(
    session: Session,
    task_id: str,
    worker_id: str,
    *,
    lease_seconds: float,
    max_attempts: int,
) -> Lease | None:
    """Take a task which is ready, or whose lease ran out; None when there is nothing to do.

    A task whose workers were lost too often fails here, and its job with it (`jobs.losses`).
    """
    task = session.get(TaskRow, task_id)
    if task is None:
        return None
    job = lock(session, task.job_id)
    if job.status == "cancelling":
        settle_cancelling(session, job)
        return None
    if job.status not in ("queued", "running"):
        return None
    session.refresh(task)
    if _ran_out(session, task):
        lost = losses.settle(session, task, worker_id, max_attempts)
        if lost is not None:
            _fail(session, job, task, lost)
            return None
    if not _lease(session, task_id, worker_id, lease_seconds):
        return None
    session.refresh(task)
    job.served = now(session)
    if task.fence > 1:
        tallies.count(session, "task_retries", task.kind)
    if job.status == "queued":
        move(session, job, "running")
    session.flush()
    return Lease(task=record(task), worker=worker_id, fence=task.fence)


def _ran_out(session: Session, task: TaskRow) -> bool:
    """Whether somebody held the task and does not any more."""
    return (
        task.state == "leased" and task.lease_until is not None and task.lease_until <= now(session)
    )


def _lease(session: Session, task_id: str, worker_id: str, lease_seconds: float) -> bool:
    """Lease a task if it is free: one UPDATE, so that two workers never have the same."""
    moment = now(session)
    changed = session.execute(
        update(TaskRow)
        .where(TaskRow.id == task_id, free(moment))
        .values(
            state="leased",
            worker=worker_id,
            lease_until=moment + timedelta(seconds=lease_seconds),
            attempts=TaskRow.attempts + 1,
            fence=TaskRow.fence + 1,
            particles_done=0,
        )
        .returning(TaskRow.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


def free(moment: datetime) -> ColumnElement[bool]:
    """Tasks which may be taken: ready and not put off, or with a lease that ran out."""
    return and_(
        TaskRow.state.in_(("ready", "leased")),
        or_(TaskRow.lease_until.is_(None), TaskRow.lease_until <= moment),
    )


def renew(session: Session, lease: Lease, particles: int, *, lease_seconds: float) -> Verdict:
    """Stay at work, and say how far it is.

    Returns
    -------
    str
        ``keep`` to go on, ``cancel`` when the user stopped the job, ``lost`` when the task
        now belongs to somebody else or the job is over.
    """
    job = lock(session, lease.task.job_id)
    before = _percent(session, job, lease.task.iteration)
    if not _update(
        session,
        lease,
        lease_until=now(session) + timedelta(seconds=lease_seconds),
        particles_done=particles,
    ):
        return "lost"
    if job.status == "cancelling":
        return "cancel"
    _tell_progress(session, job, lease.task.iteration, before)
    return "keep"


def held(session: Session, lease: Lease) -> JobRow:
    """Lock the job of a lease which still holds, for the publication of its result.

    Raises
    ------
    Cancelled
        If the user stopped the job meanwhile: `drop` the task, the job waits for it.
    LeaseLostError
        If the task is no longer this worker's or the job is over.
    """
    job = lock(session, lease.task.job_id)
    if job.status == "cancelling":
        raise Cancelled("the job was cancelled")
    if job.status != "running":
        raise LeaseLostError(f"the job is {job.status}")
    if not _update(session, lease, state="leased"):
        raise LeaseLostError("the task was given to another worker meanwhile")
    return job


def complete(session: Session, lease: Lease, *, seconds: float) -> JobRow:
    """Mark the task of a held lease as done; raises as `held` does."""
    job = held(session, lease)
    task = lease.task
    before = _percent(session, job, task.iteration)
    _update(
        session,
        lease,
        state="done",
        seconds=seconds,
        lease_until=None,
        particles_done=task.last - task.first,
        error=None,
    )
    tallies.measure(session, "task_seconds", task.kind, seconds)
    if job.status_reason is not None:
        _tell_reason(session, job, None)
    if task.kind == "align":
        _tell_progress(session, job, task.iteration, before)
    return job


def give_back(
    session: Session,
    lease: Lease,
    *,
    error: str | None,
    max_attempts: int,
    pause_seconds: float = 0.0,
) -> list[Message]:
    """Stop working on a task: with ``error`` one attempt is used up, without it none is.

    After an error nobody takes it before the pause is over.

    Returns the message to send, or none when this was the last attempt: then the task and
    the job have failed, with ``error`` as the reason.
    """
    job = lock(session, lease.task.job_id)
    spent = lease.task.attempts if error else lease.task.attempts - 1
    pause = timedelta(seconds=pause_seconds)
    changed = _update(
        session,
        lease,
        state="ready",
        lease_until=now(session) + pause if error and pause else None,
        attempts=spent,
        particles_done=0,
        error=error,
    )
    if not changed or settle_cancelling(session, job) or job.status != "running":
        return []
    if error and spent >= max_attempts:
        _fail(session, job, session.get_one(TaskRow, lease.task.id, populate_existing=True), error)
        return []
    if error:
        _tell_reason(session, job, f"{lease.task}: {error} (will be tried again)")
    return [message(job, lease.task.kind, lease.task.id)]


def give_up(session: Session, lease: Lease, error: str) -> None:
    """Fail a task, and its job, at once: another attempt would end the same."""
    job = lock(session, lease.task.job_id)
    if _update(session, lease, error=error) and not settle_cancelling(session, job):
        _fail(session, job, session.get_one(TaskRow, lease.task.id, populate_existing=True), error)


def drop(session: Session, lease: Lease) -> None:
    """Let go of a task of a cancelled job; the last one to do so ends the job."""
    job = lock(session, lease.task.job_id)
    _update(session, lease, state="dropped", lease_until=None)
    settle_cancelling(session, job)


def sweep_cancelling(session: Session) -> list[str]:
    """End the jobs being cancelled whose workers are gone; returns which."""
    stuck = select(JobRow.id).where(JobRow.status == "cancelling").order_by(JobRow.id)
    found = session.scalars(stuck).all()
    return [job_id for job_id in found if settle_cancelling(session, lock(session, job_id))]


def message(job: JobRow, kind: str, task_id: str) -> Message:
    """The bell of a task, in its job's queue."""
    return Message(cast("TaskKind", kind), task_id, cast("QueueName", job.queue))


def get_task(session: Session, task_id: str) -> Task | None:
    """One task, or None."""
    row = session.get(TaskRow, task_id)
    return None if row is None else record(row)


def record(row: TaskRow) -> Task:
    """Copy a row into a record."""
    return copied(Task, row)


def _update(session: Session, lease: Lease, **values: object) -> bool:
    """Change the task if, and only if, the lease's fence is still the newest."""
    session.flush()
    changed = session.execute(
        update(TaskRow)
        .where(TaskRow.id == lease.task.id, TaskRow.fence == lease.fence, TaskRow.state == "leased")
        .values(**values)
        .returning(TaskRow.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


def _fail(session: Session, job: JobRow, task: TaskRow, error: str) -> None:
    task.state, task.error, task.lease_until = "failed", error, None
    tallies.count(session, "tasks_failed", task.kind)
    fail(session, job, f"{record(task)}: {error}")


def _tell_reason(session: Session, job: JobRow, reason: str | None) -> None:
    job.status_reason = reason
    events.append(session, job.id, "status", {"status": job.status, "reason": reason})


def _percent(session: Session, job: JobRow, iteration: int) -> int:
    return 100 * particles_done(session, job.id, iteration) // max(job.particles, 1)


def _tell_progress(session: Session, job: JobRow, iteration: int, before: int) -> None:
    """Tell a new percent; at most a hundred events an iteration."""
    if _percent(session, job, iteration) > before:
        current = get(session, job.id)
        events.append(session, job.id, "progress", progress_of(session, current).as_dict())
