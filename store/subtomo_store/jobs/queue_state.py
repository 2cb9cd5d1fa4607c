"""Present place of each waiting job in the queue, and why it waits.

The order in which work is handed out is decided anew for every task (`jobs.dispatch`);
a place is what that order comes to if nothing new arrives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from subtomo_store.config.settings import Settings
from subtomo_store.database.engine import now
from subtomo_store.database.records import Job
from subtomo_store.database.tables import JobRow, TaskRow
from subtomo_store.jobs import dispatch, drains, workers

STILL_SECONDS = 15.0  # between two batches a running job waits for nothing worth telling


class Waiting(NamedTuple):
    """What a job waits for.

    Attributes
    ----------
    place : int or None
        Among the jobs that have not begun, from 1; None for a job that has.
    ahead : int
        Batches ready to be handed out before this job's.
    reason : str
        One sentence.
    """

    place: int | None
    ahead: int
    reason: str


@dataclass(frozen=True)
class Standing:
    """How everything that waits stood at one moment: one look tells it to all who ask.

    Attributes
    ----------
    places : mapping
        Of each job that has not begun, among those of its queue, from 1.
    ready : mapping
        Batches ready to be handed out, by queue and running job.
    begun : mapping
        Jobs that have begun and not ended, by user and queue.
    rest : str or None
        Why nobody is handed new work, if so.
    served : mapping
        The queues of live workers, and whether one of these is handed new work.
    """

    places: Mapping[str, int]
    ready: Mapping[str, Mapping[str, int]]
    begun: Mapping[tuple[str, str], int]
    rest: str | None
    served: Mapping[str, bool]


def look(session: Session) -> Standing:
    """See how everything stands now."""
    drained = {drain.worker: drain.reason for drain in drains.listed(session)}
    served: dict[str, bool] = {}
    for worker in workers.alive(session):
        for queue in worker.queues:
            served[queue] = served.get(queue, False) or worker.name not in drained
    return Standing(
        places=_places(session),
        ready=_ready(session),
        begun=_begun(session),
        rest=drained.get(drains.ALL),
        served=served,
    )


def waiting(
    session: Session, job: Job, settings: Settings, standing: Callable[[], Standing] | None = None
) -> Waiting | None:
    """Why a job waits; None for one that is at work or over.

    Parameters
    ----------
    session : Session
        For the job's own tasks and its user's limits.
    job : Job
        The job.
    settings : Settings
        Limits of users who have none of their own.
    standing : callable, optional
        Gives how everything stands, where somebody has looked already; asked only if it matters.
    """
    if job.status not in dispatch.OPEN or (job.status == "running" and _at_work(session, job)):
        return None
    stands = look(session) if standing is None else standing()
    place = stands.places.get(job.id) if job.status == "queued" else None
    ready = stands.ready.get(job.queue, {})
    ahead = sum(ready.values()) - ready.get(job.id, 0) + (place or 1) - 1
    return Waiting(place, ahead, _reason(session, job, settings, stands, ahead))


def _at_work(session: Session, job: Job) -> bool:
    moment = now(session)
    if job.served is not None and moment - job.served < timedelta(seconds=STILL_SECONDS):
        return True
    held = select(TaskRow.id).where(
        TaskRow.job_id == job.id, TaskRow.state == "leased", TaskRow.lease_until > moment
    )
    return session.scalar(held.limit(1)) is not None


def _places(session: Session) -> dict[str, int]:
    """Places of the queued jobs, when users take turns at each priority.

    The user's k-th job of a priority comes when each other user has had k of that priority.
    """
    rows = session.execute(
        select(JobRow.id, JobRow.user_id, JobRow.queue, JobRow.priority)
        .where(JobRow.status == "queued")
        .order_by(JobRow.created, JobRow.id)
    )
    turns, line = Counter[tuple[str, str, int]](), []
    for number, (job_id, user, queue, priority) in enumerate(rows):
        turns[user, queue, priority] += 1
        line.append((-priority, turns[user, queue, priority], number, queue, job_id))
    places, taken = {}, Counter[str]()
    for *_, queue, job_id in sorted(line):
        taken[queue] += 1
        places[job_id] = taken[queue]
    return places


def _ready(session: Session) -> dict[str, dict[str, int]]:
    """Batches of running jobs that wait for a worker."""
    rows = session.execute(
        select(JobRow.queue, JobRow.id, func.count(TaskRow.id))
        .join(TaskRow, TaskRow.job_id == JobRow.id)
        .where(JobRow.status == "running", TaskRow.state == "ready")
        .group_by(JobRow.queue, JobRow.id)
    )
    found: dict[str, dict[str, int]] = {}
    for queue, job_id, count in rows:
        found.setdefault(queue, {})[job_id] = count
    return found


def _begun(session: Session) -> dict[tuple[str, str], int]:
    rows = session.execute(
        select(JobRow.user_id, JobRow.queue, func.count(JobRow.id))
        .where(JobRow.status.in_(dispatch.STARTED))
        .group_by(JobRow.user_id, JobRow.queue)
    )
    return {(user, queue): count for user, queue, count in rows}


def _reason(session: Session, job: Job, settings: Settings, stands: Standing, ahead: int) -> str:
    if stands.rest is not None:
        return f"no new work is handed out for now: {stands.rest}"
    if job.queue not in stands.served:
        return f"no worker of queue {job.queue} is alive"
    if not stands.served[job.queue]:
        return f"every worker of queue {job.queue} is being drained"
    if job.status == "queued":
        count = stands.begun.get((job.user_id, job.queue), 0)
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
