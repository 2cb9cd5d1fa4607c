"""Dispatch: which task a worker takes next.

A bell only wakes a worker; what it takes is decided here, at that moment, by one query:

1. The *user*: whoever has the job of the highest priority; among equals who has the least
   running work; among those who was served the longest ago. A user who waits while none of his
   work runs gains a point of priority a minute, so that nobody starves.
2. That user's *job*: by priority, which also gains a point a minute since the job was last
   served; then the oldest. A preview counts as a hundred points more.
3. That job's first batch, those which were taken before behind the others: a batch that takes
   its workers down with it holds up no other.

A job which has not begun counts only while its user has fewer running than the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Float,
    Integer,
    Select,
    Subquery,
    and_,
    case,
    cast,
    extract,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from subtomo_core.errors import InputError, Problem
from subtomo_store.config.settings import Settings
from subtomo_store.database.engine import Store, now
from subtomo_store.database.people_tables import UserRow
from subtomo_store.database.records import TERMINAL, Job, Lease, Message, QueueName
from subtomo_store.database.tables import JobRow, TaskRow
from subtomo_store.jobs import drains, tasks
from subtomo_store.jobs.jobs import get
from subtomo_store.jobs.transitions import lock
from subtomo_store.people import limits

QUEUES: tuple[QueueName, ...] = ("cpu", "preview")
OPEN = ("queued", "running")
STARTED = ("running", "cancelling")
PREVIEW_POINTS = 100
MOST_TRIES = 100


class Seeker(NamedTuple):
    """Who asks for work: the worker's id, its name, and the queues it serves."""

    worker_id: str
    name: str
    queues: tuple[QueueName, ...]


class Given(NamedTuple):
    """A leased task and its job."""

    lease: Lease
    job: Job


def queues_in(text: str) -> tuple[QueueName, ...]:
    """Read ``cpu,preview``.

    Raises
    ------
    InputError
        If a name is not a queue's, or there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = tuple(queue for queue in QUEUES if queue in names)
    if not names or len(known) != len(set(names)):
        raise InputError(Problem(f"there are no queues {text!r}: choose from {', '.join(QUEUES)}"))
    return known


def take(
    store: Store, seeker: Seeker, on_end: Callable[[str], None] = lambda _: None
) -> Given | None:
    """Take the best task there is; None when there is none for this worker.

    Choosing holds no lock; taking checks again, and begins anew when somebody was quicker.
    ``on_end`` is told the id of a job which ended by it: its task had been tried too often.
    """
    for _ in range(MOST_TRIES):
        with store.read() as session:
            found = best(session, seeker, store.settings)
        if found is None:
            return None
        with store.begin() as session:
            given, job_id = _take(session, seeker, found.task_id, store.settings)
        if given is not None:
            return given
        if job_id is not None:
            on_end(job_id)
    return None


def best(session: Session, seeker: Seeker, settings: Settings) -> Message | None:
    """The bell of the task which this worker should take next, or None."""
    if drains.drained(session, seeker.name) is not None:
        return None
    row = session.execute(candidates(now(session), seeker.queues, settings)).first()
    return None if row is None else Message(row.kind, row.id, row.queue)


def _take(
    session: Session, seeker: Seeker, task_id: str, settings: Settings
) -> tuple[Given | None, str | None]:
    """A lease on the task, or the job which ended instead."""
    task = tasks.get_task(session, task_id)
    if task is None:
        return None, None
    job = lock(session, task.job_id)
    if job.status == "queued" and not _room(session, job, settings):
        return None, None
    lease = tasks.take(
        session,
        task_id,
        seeker.worker_id,
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
    )
    if lease is None:
        return None, job.id if job.status in TERMINAL else None
    return Given(lease, get(session, job.id)), None


def _room(session: Session, job: JobRow, settings: Settings) -> bool:
    """Whether the user may have one more job running.

    The user's row stays locked until the commit, so that two jobs cannot begin on one place.
    """
    session.execute(
        select(UserRow.id).where(UserRow.id == job.user_id).with_for_update(key_share=True)
    )
    return running(session, job.user_id, job.queue) < limit_of(session, job, settings)


def running(session: Session, user_id: str, queue: str) -> int:
    """Jobs of a user which have begun and not ended, in a queue."""
    count = session.scalar(
        select(func.count(JobRow.id)).where(
            JobRow.status.in_(STARTED), JobRow.queue == queue, JobRow.user_id == user_id
        )
    )
    return int(count or 0)


def limit_of(session: Session, job: JobRow | Job, settings: Settings) -> int:
    """Jobs which the user may have running in the job's queue."""
    if job.queue == "preview":
        return settings.preview_jobs
    return limits.limits_of(session, job.user_id, settings).running_jobs


def candidates(
    moment: datetime, queues: tuple[QueueName, ...], settings: Settings
) -> Select[str, str, str]:
    """Tasks which may be taken, the best one alone."""
    begun, leased, served = _begun(), _leased(moment), _served()
    running = func.coalesce(UserRow.running_jobs, settings.running_jobs)
    allowed = case((JobRow.queue == "preview", settings.preview_jobs), else_=running)
    own = JobRow.priority + case((JobRow.queue == "preview", PREVIEW_POINTS), else_=0)
    idle_since = func.coalesce(
        _seconds(served.c.served),
        func.min(_seconds(JobRow.created)).over(partition_by=JobRow.user_id),
    )
    load = func.coalesce(leased.c.leased, 0)
    standing = func.max(own).over(partition_by=JobRow.user_id) + case(
        (load > 0, 0), else_=_points(moment, idle_since, settings)
    )
    waiting_since = func.coalesce(_seconds(JobRow.served), _seconds(JobRow.created))
    return (
        select(TaskRow.id, TaskRow.kind, JobRow.queue)
        .join(JobRow, JobRow.id == TaskRow.job_id)
        .join(UserRow, UserRow.id == JobRow.user_id)
        .outerjoin(begun, _same_user_and_queue(begun))
        .outerjoin(leased, leased.c.user_id == JobRow.user_id)
        .outerjoin(served, served.c.user_id == JobRow.user_id)
        .where(
            JobRow.status.in_(OPEN),
            JobRow.queue.in_(queues),
            tasks.free(moment),
            or_(JobRow.status == "running", func.coalesce(begun.c.begun, 0) < allowed),
        )
        .order_by(
            standing.desc(),
            load,
            served.c.served.asc().nulls_first(),
            func.min(JobRow.created).over(partition_by=JobRow.user_id),
            JobRow.user_id,
            (own + _points(moment, waiting_since, settings)).desc(),
            JobRow.created,
            JobRow.id,
            TaskRow.fence,
            TaskRow.batch,
        )
        .limit(1)
    )


def _begun() -> Subquery:
    return (
        select(JobRow.user_id, JobRow.queue, func.count(JobRow.id).label("begun"))
        .where(JobRow.status.in_(STARTED))
        .group_by(JobRow.user_id, JobRow.queue)
        .subquery()
    )


def _same_user_and_queue(begun: Subquery) -> ColumnElement[bool]:
    return and_(begun.c.user_id == JobRow.user_id, begun.c.queue == JobRow.queue)


def _leased(moment: datetime) -> Subquery:
    return (
        select(JobRow.user_id, func.count(TaskRow.id).label("leased"))
        .join(TaskRow, TaskRow.job_id == JobRow.id)
        .where(TaskRow.state == "leased", TaskRow.lease_until > moment)
        .group_by(JobRow.user_id)
        .subquery()
    )


def _served() -> Subquery:
    return (
        select(JobRow.user_id, func.max(JobRow.served).label("served"))
        .where(JobRow.status.in_(OPEN), JobRow.served.is_not(None))
        .group_by(JobRow.user_id)
        .subquery()
    )


def _seconds(column: Any) -> ColumnElement[float]:
    return cast(extract("epoch", column), Float)


def _points(moment: datetime, since: Any, settings: Settings) -> ColumnElement[int]:
    """Whole points of priority which a wait is worth."""
    waited = moment.timestamp() - since
    return cast(waited / settings.priority_point_seconds, Integer)
