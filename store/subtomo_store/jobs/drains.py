"""Drains: workers that get no new work, so that a machine can be maintained.

What they hold they finish. A drain is a row, so that it outlives every process, and a worker
that starts meanwhile is drained as well.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from subtomo_store.database.engine import now
from subtomo_store.database.service_tables import DrainRow
from subtomo_store.database.tables import TaskRow, WorkerRow
from subtomo_store.database.upserts import ensured

ALL = "*"


class Drain(NamedTuple):
    """Which workers get no work (a name, or ``*`` for all of them), why, and since when."""

    worker: str
    reason: str
    since: datetime


def drain(session: Session, reason: str, worker: str = ALL) -> Drain:
    """Hand no new work to the workers of a name, or to none at all; again changes the reason."""
    row = ensured(
        session,
        DrainRow,
        worker,
        lambda: {"worker": worker, "reason": reason, "since": now(session)},
    )
    row.reason = reason
    session.flush()
    return Drain(row.worker, row.reason, row.since)


def undrain(session: Session, worker: str = ALL) -> bool:
    """Hand out work again; False when nothing was drained."""
    ended = session.execute(
        delete(DrainRow).where(DrainRow.worker == worker).returning(DrainRow.worker)
    )
    return ended.first() is not None


def drained(session: Session, worker: str = ALL) -> Drain | None:
    """The drain that keeps work from a worker of this name, the service's own first."""
    rows = session.execute(
        select(DrainRow.worker, DrainRow.reason, DrainRow.since)
        .where(DrainRow.worker.in_((ALL, worker)))
        .order_by(DrainRow.worker != ALL)
    )
    first = rows.first()
    return Drain(*first) if first else None


def listed(session: Session) -> list[Drain]:
    """Every drain."""
    rows = session.scalars(select(DrainRow).order_by(DrainRow.since))
    return [Drain(row.worker, row.reason, row.since) for row in rows]


def at_work(session: Session, worker: str = ALL) -> int:
    """Tasks that live workers of a name (or all) still hold."""
    query = select(func.count(TaskRow.id)).where(
        TaskRow.state == "leased", TaskRow.lease_until > now(session)
    )
    if worker != ALL:
        query = query.where(
            TaskRow.worker.in_(select(WorkerRow.id).where(WorkerRow.name == worker))
        )
    return int(session.scalar(query) or 0)
