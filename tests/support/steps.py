"""A job's steps as a worker takes them, without the work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from subtomo_store import Store
from subtomo_store.database.records import Job, Lease, Message
from subtomo_store.database.tables import TaskRow
from subtomo_store.jobs import iterations, jobs, tasks
from subtomo_store.jobs.jobs import NewJob
from support.records import LEASE

EMPTY = iterations.Published(metrics={"sigma": 1.0}, files=(), alarms=())


def take(store: Store, message: Message, worker: str = "worker_1", **changes: Any) -> Any:
    with store.begin() as session:
        return tasks.take(session, message.task_id, worker, **{**LEASE, **changes})


def begin(store: Store, queued: NewJob, window: int = 8) -> list[Message]:
    lease = take(store, queued.messages[0])
    ranges = iterations.cut(10, 4)
    with store.begin() as session:
        return iterations.begin(session, lease, ranges, window=window, seconds=0.1)


def finish(store: Store, lease: Lease) -> list[Message]:
    with store.begin() as session:
        return iterations.finish_batch(session, lease, seconds=0.1)


def publish(
    store: Store,
    lease: Lease,
    published: iterations.Published = EMPTY,
    place: Callable[[], None] = lambda: None,
) -> list[Message]:
    with store.begin() as session:
        return iterations.publish(
            session, lease, published, place, iterations.cut(10, 4), window=8, seconds=0.1
        )


def let_time_pass(store: Store, seconds: float) -> None:
    """Let leases and rests be so many seconds older, without waiting."""
    with store.begin() as session:
        for task in session.scalars(select(TaskRow).where(TaskRow.lease_until.is_not(None))):
            assert task.lease_until is not None
            task.lease_until -= timedelta(seconds=seconds)


def job_of(store: Store, queued: NewJob) -> Job:
    with store.read() as session:
        return jobs.get(session, queued.job.id)
