"""The moves of a job from status to status, all of them in one table.

Whoever changes a job or its tasks first locks the job's row (`lock`), and only then touches
tasks and iterations: the order is the same everywhere, so that transactions wait for each
other and never deadlock. (SQLite has one writer at a time and needs no row lock.)
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from subtomo_store.database import tallies
from subtomo_store.database.engine import now
from subtomo_store.database.people_records import Role
from subtomo_store.database.records import TERMINAL, JobStatus
from subtomo_store.database.tables import JobRow, TaskRow
from subtomo_store.errors import ConflictError
from subtomo_store.jobs import events, webhooks
from subtomo_store.people.permissions import permitted

MOVES: dict[str, frozenset[str]] = {
    "draft": frozenset({"queued", "cancelled"}),
    "queued": frozenset({"running", "failed", "cancelled"}),
    "running": frozenset({"cancelling", "succeeded", "failed"}),
    "cancelling": frozenset({"cancelled"}),
    "succeeded": frozenset(),
    "failed": frozenset({"queued"}),  # resumed
    "cancelled": frozenset(),
}


def lock(
    session: Session, job_id: str, user_id: str | None = None, need: Role = "editor"
) -> JobRow:
    """Lock a job's row until the end of the transaction; with ``user_id``, for this user.

    Raises
    ------
    NotFoundError, NotAllowedError
        As `permissions.permitted` does.
    """
    row = session.scalar(
        select(JobRow)
        .where(JobRow.id == job_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return permitted(session, row, f"job {job_id}", user_id, need)


def move(session: Session, row: JobRow, status: JobStatus, reason: str | None = None) -> None:
    """Move a locked job, note the time, and tell it as an event.

    Raises
    ------
    ConflictError
        If the table of moves does not allow it.
    """
    if status not in MOVES[row.status]:
        raise ConflictError(f"the job is {row.status} and cannot become {status}")
    row.status, row.status_reason = status, reason
    if status == "running" and row.started is None:
        row.started = now(session)
    if status in TERMINAL:
        row.finished = now(session)
        drop_open_tasks(session, row.id)
        webhooks.release(session, row.id)
        tallies.count(session, "jobs_ended", status)
    data: dict[str, Any] = {"status": status, "reason": reason}
    events.append(session, row.id, "status", data)


def fail(session: Session, row: JobRow, reason: str) -> None:
    """End a locked job that cannot go on; one being cancelled ends as cancelled."""
    if row.status == "cancelling":
        move(session, row, "cancelled")
    elif row.status not in TERMINAL:
        move(session, row, "failed", reason)


def drop_open_tasks(session: Session, job_id: str) -> None:
    """Drop every task which is not over; a worker that holds one learns it at its renewal."""
    session.flush()
    session.execute(
        update(TaskRow)
        .where(TaskRow.job_id == job_id, TaskRow.state.in_(("waiting", "ready", "leased")))
        .values(state="dropped", lease_until=None)
        .execution_options(synchronize_session=False)
    )


def settle_cancelling(session: Session, row: JobRow) -> bool:
    """End a locked job being cancelled as soon as no live worker holds a task of it."""
    if row.status != "cancelling":
        return False
    session.flush()
    held = session.scalar(
        select(TaskRow.id)
        .where(
            TaskRow.job_id == row.id,
            TaskRow.state == "leased",
            TaskRow.lease_until > now(session),
        )
        .limit(1)
    )
    if held is not None:
        return False
    move(session, row, "cancelled")
    return True
