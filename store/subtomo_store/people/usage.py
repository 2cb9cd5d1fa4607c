"""Present disk usage and job counts of a user."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from subtomo_store.config.settings import Settings
from subtomo_store.database.tables import DatasetRow, JobRow
from subtomo_store.people import quotas


class Usage(NamedTuple):
    """Records of a user, jobs that run, and bytes of all their files."""

    datasets: int
    jobs: int
    running_jobs: int
    disk_bytes: int


def usage_of(session: Session, user_id: str, settings: Settings) -> Usage:
    """Count what a user has made, shared or not."""
    return Usage(
        datasets=_number(session, select(func.count()).where(DatasetRow.user_id == user_id)),
        jobs=_number(session, select(func.count()).where(JobRow.user_id == user_id)),
        running_jobs=_number(
            session,
            select(func.count()).where(
                JobRow.user_id == user_id, JobRow.status.in_(("running", "cancelling"))
            ),
        ),
        disk_bytes=quotas.usage(session, user_id, settings).used_bytes,
    )


def _number(session: Session, query: Select[Any]) -> int:
    return int(session.scalar(query) or 0)
