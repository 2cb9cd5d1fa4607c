"""Why a job waits, and its place in the queue, as things stand now.

The order in which work is handed out is decided anew for every task (`subtomo_store.dispatch`);
a place is what that order comes to if nothing new arrives.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from subtomo_store import dispatch, drains, workers
from subtomo_store.database import now
from subtomo_store.records import Job
from subtomo_store.settings import Settings
from subtomo_store.tables import JobRow, TaskRow

STILL_SECONDS = 15.0  # between two batches a running job waits for nothing worth telling


class Waiting(NamedTuple):
    """What a job waits for.

    Attributes
    ----------
    place : int or None
        Among the jobs which have not begun, from 1; None for a job which has.
    ahead : int
        Batches ready to be handed out before this job's.
    reason : str
        One sentence.
    """

    place: int | None
    ahead: int
    reason: str


def waiting(session: Session, job: Job, settings: Settings) -> Waiting | None:
    """Why a job waits; None for one which is at work or over."""
    if job.status not in dispatch.OPEN or (job.status == "running" and _at_work(session, job)):
        return None
    place = _place(session, job) if job.status == "queued" else None
    ahead = _ready(session, job) + (place or 1) - 1
    return Waiting(place, ahead, _reason(session, job, settings, ahead))


def _at_work(session: Session, job: Job) -> bool:
    moment = now(session)
    if job.served is not None and moment - job.served < timedelta(seconds=STILL_SECONDS):
        return True
    held = select(TaskRow.id).where(
        TaskRow.job_id == job.id, TaskRow.state == "leased", TaskRow.lease_until > moment
    )
    return session.scalar(held.limit(1)) is not None


def _place(session: Session, job: Job) -> int:
    """Place among the queued jobs, when users take turns at each priority.

    The user's k-th job of a priority comes when each other user has had k of that priority.
    """
    earlier = or_(
        JobRow.created < job.created, and_(JobRow.created == job.created, JobRow.id <= job.id)
    )
    higher, same = JobRow.priority > job.priority, JobRow.priority == job.priority
    rows = session.execute(
        select(
            JobRow.user_id,
            func.sum(case((higher, 1), else_=0)),
            func.sum(case((same, 1), else_=0)),
            func.sum(case((and_(same, earlier), 1), else_=0)),
        )
        .where(JobRow.status == "queued", JobRow.queue == job.queue)
        .group_by(JobRow.user_id)
    ).all()
    mine = next((own for user, _, _, own in rows if user == job.user_id), 1)
    before = sum(above for _, above, _, _ in rows)
    for user, _, equal, sooner in rows:
        if user != job.user_id:
            before += min(equal, mine if sooner >= mine else mine - 1)
    return int(before + mine)


def _ready(session: Session, job: Job) -> int:
    """Batches of other running jobs which wait for a worker of the queue."""
    count = session.scalar(
        select(func.count(TaskRow.id))
        .join(JobRow, JobRow.id == TaskRow.job_id)
        .where(
            JobRow.status == "running",
            JobRow.queue == job.queue,
            JobRow.id != job.id,
            TaskRow.state == "ready",
        )
    )
    return int(count or 0)


def _reason(session: Session, job: Job, settings: Settings, ahead: int) -> str:
    rest = drains.drained(session)
    if rest is not None:
        return f"no new work is handed out for now: {rest.reason}"
    serving = [w for w in workers.alive(session) if job.queue in w.queues]
    if not serving:
        return f"no worker of queue {job.queue} is alive"
    if all(drains.drained(session, worker.name) for worker in serving):
        return f"every worker of queue {job.queue} is being drained"
    if job.status == "queued":
        count = dispatch.running(session, job.user_id, job.queue)
        if count >= dispatch.limit_of(session, job, settings):
            return f"waiting: {_yours(count, job.queue)} running, which is your limit"
    if ahead == 0:
        return "waiting for a worker: next in the queue"
    return f"waiting for a worker: {_batches(ahead)} ahead"


def _yours(count: int, queue: str) -> str:
    kind = " previews" if queue == "preview" else " jobs"
    return f"{count} of your{kind} {'is' if count == 1 else 'are'}"


def _batches(count: int) -> str:
    return f"{count} batch is" if count == 1 else f"{count} batches are"
