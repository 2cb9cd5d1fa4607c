"""A job's steps as a worker takes them, without the work."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from subtomo_store.database.tables import TaskRow
from subtomo_store.jobs import iterations, jobs, tasks
from support.records import LEASE

EMPTY = iterations.Published(metrics={"sigma": 1.0}, files=(), alarms=())


def take(store, message, worker="worker_1", **changes):
    with store.begin() as session:
        return tasks.take(session, message.task_id, worker, **{**LEASE, **changes})


def begin(store, queued, window=8):
    lease = take(store, queued.messages[0])
    ranges = iterations.cut(10, 4)
    with store.begin() as session:
        return iterations.begin(session, lease, ranges, window=window, seconds=0.1)


def finish(store, lease):
    with store.begin() as session:
        return iterations.finish_batch(session, lease, seconds=0.1)


def publish(store, lease, published=EMPTY, place=lambda: None):
    with store.begin() as session:
        return iterations.publish(
            session, lease, published, place, iterations.cut(10, 4), window=8, seconds=0.1
        )


def let_time_pass(store, seconds):
    """Let leases and rests be so many seconds older, without waiting."""
    with store.begin() as session:
        for task in session.scalars(select(TaskRow).where(TaskRow.lease_until.is_not(None))):
            task.lease_until -= timedelta(seconds=seconds)


def job_of(store, queued):
    with store.read() as session:
        return jobs.get(session, queued.job.id)
