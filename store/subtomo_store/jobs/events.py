"""Events: everything that happens to a job, in the order in which it became true.

An event first raises the job's version, which locks the job's row until the commit: the
events of one job are therefore committed in the order of their ids, and a reader who has
seen id 7 will never be surprised by a late 6.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from subtomo_store.database.engine import now
from subtomo_store.database.records import Event, EventKind, copied
from subtomo_store.database.tables import EventRow, JobRow


def append(session: Session, job_id: str, kind: EventKind, data: dict[str, Any]) -> None:
    """Write an event and raise the job's version."""
    touch(session, job_id)
    session.add(EventRow(job_id=job_id, time=now(session), kind=kind, data=data))
    session.flush()


def touch(session: Session, job_id: str) -> None:
    """Raise the job's version: something visible changed."""
    session.flush()
    session.execute(
        update(JobRow)
        .where(JobRow.id == job_id)
        .values(version=JobRow.version + 1)
        .execution_options(synchronize_session=False)
    )


def after(session: Session, job_id: str, last_id: int = 0, limit: int = 500) -> list[Event]:
    """Events of a job with an id above ``last_id``, oldest first."""
    query = (
        select(EventRow)
        .where(EventRow.job_id == job_id, EventRow.id > last_id)
        .order_by(EventRow.id)
        .limit(limit)
    )
    return [copied(Event, row) for row in session.scalars(query)]
