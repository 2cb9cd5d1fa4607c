"""Numbers on the state of the whole service, read from the database in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from subtomo_store.database import tallies
from subtomo_store.database.engine import now
from subtomo_store.database.records import Worker
from subtomo_store.database.tables import DatasetRow, JobRow, TaskRow
from subtomo_store.jobs import workers

OPEN = ("waiting", "ready", "leased")


class Queue(NamedTuple):
    """Open tasks of one queue, kind and state, and how long their job was served by nobody.

    The longest such time among their jobs, counted from its making where it never was.
    """

    name: str
    kind: str
    state: str
    tasks: int
    oldest_seconds: float


class Seen(NamedTuple):
    """A worker and the seconds since its last sign of life."""

    worker: Worker
    age_seconds: float


class Census(NamedTuple):
    """Everything that is counted."""

    queues: list[Queue]
    jobs: dict[str, int]
    datasets: dict[str, int]
    workers: list[Seen]
    tallies: list[tallies.Tally]


def take(session: Session) -> Census:
    """Count. Only open tasks are looked at: what is over would grow without end."""
    moment = now(session)
    return Census(
        queues=_queues(session, moment),
        jobs=_by_status(session, JobRow),
        datasets=_by_status(session, DatasetRow),
        workers=[
            Seen(worker, max(0.0, (moment - worker.heartbeat).total_seconds()))
            for worker in workers.alive(session, timedelta(days=1).total_seconds())
        ],
        tallies=tallies.everything(session),
    )


def _queues(session: Session, moment: datetime) -> list[Queue]:
    rows = session.execute(
        select(
            JobRow.queue,
            TaskRow.kind,
            TaskRow.state,
            func.count(),
            func.min(func.coalesce(JobRow.served, JobRow.created)),
        )
        .join(JobRow, JobRow.id == TaskRow.job_id)
        .where(TaskRow.state.in_(OPEN))
        .group_by(JobRow.queue, TaskRow.kind, TaskRow.state)
    )
    return [
        Queue(name, kind, state, number, max(0.0, (moment - oldest).total_seconds()))
        for name, kind, state, number, oldest in rows
    ]


def _by_status(session: Session, table: type[JobRow] | type[DatasetRow]) -> dict[str, int]:
    rows = session.execute(select(table.status, func.count()).group_by(table.status))
    return {status: number for status, number in rows}  # noqa: C416 - a Row is no pair to mypy
