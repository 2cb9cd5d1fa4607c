"""What a user has in the service at present."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from subtomo_store.tables import DatasetFileRow, DatasetRow, FileRow, JobRow, MapRow


class Usage(NamedTuple):
    """Records of a user, jobs which run, and bytes of all their files."""

    datasets: int
    jobs: int
    running_jobs: int
    disk_bytes: int


def usage_of(session: Session, user_id: str) -> Usage:
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
        disk_bytes=sum(_number(session, query) for query in _sizes(user_id)),
    )


def _sizes(user_id: str) -> tuple[Select[Any], ...]:
    return (
        select(func.sum(DatasetFileRow.size)).join(DatasetRow).where(DatasetRow.user_id == user_id),
        select(func.sum(FileRow.size)).join(JobRow).where(JobRow.user_id == user_id),
        select(func.sum(MapRow.size)).where(MapRow.user_id == user_id),
    )


def _number(session: Session, query: Select[Any]) -> int:
    return int(session.scalar(query) or 0)
