"""Workers that were lost with a task, and what of it the task is to blame for.

A task counts as tried once more only if somebody lived through the loss: then it was not the
whole machine, or the whole service, that went down (docs/decisions/0066).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, TypeAlias

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from subtomo_store.database.engine import now
from subtomo_store.database.tables import LossRow, TaskRow, WorkerRow
from subtomo_store.jobs.transitions import lock, settle_cancelling

# Who lived through it: something on the worker's machine, workers elsewhere, or nobody.
Witness: TypeAlias = Literal["machine", "others", "nobody"]
# So often, in attempts, and for so long may a task go down with everything around it.
MOST_UNSEEN = 3
UNSEEN_TIME = timedelta(hours=1)


def release(session: Session, worker_id: str, *, machine_lived: bool) -> list[str]:
    """End the leases of a worker which is gone: its tasks may be taken at once.

    Whoever takes a task next gets a higher fence as ever. ``machine_lived`` says that the worker
    went alone: its attempts stay used up. Returns the jobs which were being cancelled and now are.
    """
    held = (TaskRow.worker == worker_id) & (TaskRow.state == "leased")
    jobs_held = select(TaskRow.job_id).where(held).distinct().order_by(TaskRow.job_id)
    ended = []
    for job_id in session.scalars(jobs_held).all():
        job = lock(session, job_id)
        rows = select(TaskRow).where(held, TaskRow.job_id == job_id)
        for task in session.scalars(rows.execution_options(populate_existing=True)):
            _note(session, task, "machine" if machine_lived else "nobody")
        session.execute(
            update(TaskRow)
            .where(held, TaskRow.job_id == job_id)
            .values(lease_until=now(session))
            .execution_options(synchronize_session=False)
        )
        if settle_cancelling(session, job):
            ended.append(job_id)
    return ended


def settle(session: Session, task: TaskRow, seeker_id: str, max_attempts: int) -> str | None:
    """Why a task whose lease ran out must not be tried again, or None where it may.

    The job's row is locked. ``seeker_id`` is the worker that wants the task.
    """
    if session.get(LossRow, (task.id, task.fence)) is None:
        _note(session, task, _witness(session, task, seeker_id))
    if task.attempts >= max_attempts:
        return f"the worker was lost {max_attempts} times while at it"
    unseen = LossRow.task_id == task.id, LossRow.counts.is_(False)
    times, first = session.execute(
        select(func.count(), func.min(LossRow.time)).where(*unseen)
    ).one()
    if times < MOST_UNSEEN * max_attempts or now(session) - first < UNSEEN_TIME:
        return None
    hours = (now(session) - first) / timedelta(hours=1)
    return (
        f"the worker and all around it went down {times} times in {hours:.1f} hours while at it: "
        "give the machine more memory or the job smaller batches, and resume the job"
    )


def _note(session: Session, task: TaskRow, witness: Witness) -> None:
    """Write a loss down; one that does not count gives the attempt back."""
    worker = session.get(WorkerRow, task.worker) if task.worker else None
    host = worker.host if worker else ""
    counts = witness == "machine" or (witness == "others" and _is_new(session, task, host))
    session.add(
        LossRow(
            task_id=task.id,
            fence=task.fence,
            host=host,
            time=now(session),
            witness=witness,
            counts=counts,
        )
    )
    if not counts:
        task.attempts -= 1
    session.flush()


def _is_new(session: Session, task: TaskRow, host: str) -> bool:
    """Whether a task was not lost on this machine before: one machine may be the faulty part."""
    before = select(LossRow.fence).where(LossRow.task_id == task.id, LossRow.host == host)
    return session.scalar(before.limit(1)) is None


def _witness(session: Session, task: TaskRow, seeker_id: str) -> Witness:
    """Who lived through a loss that no process of the machine has told.

    Somebody who was there before the worker's last sign of life, and is after its lease.
    """
    dead = session.get(WorkerRow, task.worker) if task.worker else None
    if dead is None:
        return "nobody"
    hosts = session.scalars(
        select(WorkerRow.host).where(
            WorkerRow.id != dead.id,
            WorkerRow.started < dead.heartbeat,
            or_(WorkerRow.heartbeat > task.lease_until, WorkerRow.id == seeker_id),
        )
    ).all()
    if dead.host in hosts:
        return "machine"
    return "others" if hosts else "nobody"
