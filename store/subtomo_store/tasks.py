"""Tasks: who may work on what.

A lease is the right to work for some seconds, renewed while the work goes on. Each lease
carries a fence, one higher than the last: whoever holds an older one may not publish. A
message is only a bell; a task whose message was lost, or whose worker died, is `due` again.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from subtomo_core.errors import Cancelled
from subtomo_store import events, tallies
from subtomo_store.database import now
from subtomo_store.errors import LeaseLostError
from subtomo_store.jobs import get, particles_done, progress
from subtomo_store.records import Lease, Message, Task, Verdict, copied
from subtomo_store.tables import JobRow, TaskRow
from subtomo_store.transitions import fail, lock, move, settle_cancelling

LONGEST_RESEND_DOUBLINGS = 5


def take(
    session: Session,
    task_id: str,
    worker_id: str,
    *,
    lease_seconds: float,
    max_attempts: int,
) -> Lease | None:
    """Take a task which is ready, or whose lease ran out; None when there is nothing to do.

    A task tried too often fails here, and its job with it: its worker died each time.
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
    if not _free(session, task):
        return None
    if task.attempts >= max_attempts:
        _fail(session, job, task, f"the worker was lost {task.attempts} times while at it")
        return None
    return _lease(session, job, task, worker_id, lease_seconds)


def _free(session: Session, task: TaskRow) -> bool:
    expired = task.lease_until is None or task.lease_until <= now(session)
    return task.state == "ready" or (task.state == "leased" and expired)


def _lease(
    session: Session, job: JobRow, task: TaskRow, worker_id: str, lease_seconds: float
) -> Lease:
    task.state, task.worker = "leased", worker_id
    task.lease_until = now(session) + timedelta(seconds=lease_seconds)
    task.attempts += 1
    task.fence += 1
    task.particles_done = 0
    task.sends = 0
    if task.attempts > 1:
        tallies.count(session, "task_retries", task.kind)
    if job.status == "queued":
        move(session, job, "running")
    session.flush()
    return Lease(task=record(task), worker=worker_id, fence=task.fence)


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
    session: Session, lease: Lease, *, error: str | None, max_attempts: int
) -> list[Message]:
    """Stop working on a task: with ``error`` one attempt is used up, without it none is.

    Returns the message to send, or none when this was the last attempt: then the task and
    the job have failed, with ``error`` as the reason.
    """
    job = lock(session, lease.task.job_id)
    spent = lease.task.attempts if error else lease.task.attempts - 1
    changed = _update(
        session,
        lease,
        state="ready",
        lease_until=None,
        attempts=spent,
        particles_done=0,
        error=error,
        sent_at=now(session),
        sends=1,
    )
    if not changed or settle_cancelling(session, job) or job.status != "running":
        return []
    if error and spent >= max_attempts:
        _fail(session, job, session.get_one(TaskRow, lease.task.id, populate_existing=True), error)
        return []
    if error:
        _tell_reason(session, job, f"{describe(lease.task)}: {error} (will be tried again)")
    return [Message(lease.task.kind, lease.task.id)]


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


def due(session: Session, *, resend_seconds: float, everything: bool = False) -> list[Message]:
    """Messages to send again: nobody answered them, or the worker's lease ran out.

    Each time the wait doubles, so that a long queue is not filled with repetitions.
    ``everything`` sends each ready task's message whatever its age, as after a broker's loss.
    """
    moment = now(session)
    open_tasks = or_(
        TaskRow.state == "ready",
        (TaskRow.state == "leased") & (TaskRow.lease_until <= moment),
    )
    query = select(TaskRow).where(open_tasks).order_by(TaskRow.sent_at).limit(1000)
    messages = []
    for row in session.scalars(query.with_for_update(skip_locked=True)):
        wait = resend_seconds * 2 ** min(max(row.sends - 1, 0), LONGEST_RESEND_DOUBLINGS)
        unanswered = row.sent_at is None or moment - row.sent_at >= timedelta(seconds=wait)
        if everything or unanswered or (row.state == "leased" and row.sends == 0):
            row.sent_at, row.sends = moment, row.sends + 1
            messages.append(Message(record(row).kind, row.id))
    return messages


def release(session: Session, worker_id: str) -> list[str]:
    """End the leases of a worker which is gone: its tasks are due at once.

    The attempts stay used up, and whoever takes a task next gets a higher fence as ever.
    Returns the jobs which were being cancelled and now are.
    """
    held = (TaskRow.worker == worker_id) & (TaskRow.state == "leased")
    jobs_held = select(TaskRow.job_id).where(held).distinct().order_by(TaskRow.job_id)
    ended = []
    for job_id in session.scalars(jobs_held).all():
        job = lock(session, job_id)
        session.execute(
            update(TaskRow)
            .where(held, TaskRow.job_id == job_id)
            .values(lease_until=now(session))
            .execution_options(synchronize_session=False)
        )
        if settle_cancelling(session, job):
            ended.append(job_id)
    return ended


def sweep_cancelling(session: Session) -> list[str]:
    """End the jobs being cancelled whose workers are gone; returns which."""
    stuck = select(JobRow.id).where(JobRow.status == "cancelling").order_by(JobRow.id)
    found = session.scalars(stuck).all()
    return [job_id for job_id in found if settle_cancelling(session, lock(session, job_id))]


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
    fail(session, job, f"{describe(record(task))}: {error}")


def describe(task: Task) -> str:
    """Name a task in words: ``iteration 3, particles 1 to 100``."""
    if task.kind == "begin":
        return "starting the job"
    if task.kind == "reduce":
        return f"iteration {task.iteration}, averaging"
    return f"iteration {task.iteration}, particles {task.first + 1} to {task.last}"


def _tell_reason(session: Session, job: JobRow, reason: str | None) -> None:
    job.status_reason = reason
    events.append(session, job.id, "status", {"status": job.status, "reason": reason})


def _percent(session: Session, job: JobRow, iteration: int) -> int:
    return 100 * particles_done(session, job.id, iteration) // max(job.particles, 1)


def _tell_progress(session: Session, job: JobRow, iteration: int, before: int) -> None:
    """Tell a new percent; at most a hundred events an iteration."""
    if _percent(session, job, iteration) > before:
        current = get(session, job.id)
        events.append(session, job.id, "progress", progress(session, current).as_dict())
