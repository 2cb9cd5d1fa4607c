"""Disk quota of a user, and whether more may be stored.

What counts is the size of what a user sees, also where several files share their bytes on the
disk: whether somebody else has the same file changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from subtomo_store.config.settings import Settings
from subtomo_store.database.people_tables import UserRow
from subtomo_store.database.records import TERMINAL
from subtomo_store.database.tables import (
    DatasetFileRow,
    DatasetRow,
    FileRow,
    JobRow,
    MapRow,
    UploadRow,
)
from subtomo_store.errors import QuotaError
from subtomo_store.people.limits import limits_of


@dataclass(frozen=True)
class Usage:
    """Bytes of a user's datasets, unfinished uploads, maps and jobs; and the quota, if any.

    A job that has not ended counts with what is held for it, or with its files if they are
    more.
    """

    datasets_bytes: int
    uploads_bytes: int
    maps_bytes: int
    jobs_bytes: int
    quota_bytes: int | None

    @property
    def used_bytes(self) -> int:
        """All together."""
        return self.datasets_bytes + self.uploads_bytes + self.maps_bytes + self.jobs_bytes

    @property
    def free_bytes(self) -> int | None:
        """What the quota leaves; None without one."""
        return None if self.quota_bytes is None else max(0, self.quota_bytes - self.used_bytes)


def usage(session: Session, user_id: str, settings: Settings) -> Usage:
    """Add up what a user takes."""
    return Usage(
        datasets_bytes=_sum(session, _sealed(user_id)) + _sum(session, _open(user_id)),
        uploads_bytes=_sum(session, _under_way(user_id)),
        maps_bytes=_sum(session, select(func.sum(MapRow.size)).where(MapRow.user_id == user_id)),
        jobs_bytes=_sum(session, _jobs(user_id)),
        quota_bytes=limits_of(session, user_id, settings).disk_quota_bytes,
    )


def check(session: Session, user_id: str, settings: Settings, *, more: int, noted: int = 0) -> None:
    """Refuse what would go beyond the quota: everything there is, and ``more`` bytes.

    Of what is asked for, ``noted`` bytes stand in this transaction's records already. The user's
    row is locked until the transaction ends, so that two requests cannot both take the last
    bytes.

    Raises
    ------
    QuotaError
        With the numbers and the remedy.
    """
    if limits_of(session, user_id, settings).disk_quota_bytes is None:
        return
    session.execute(select(UserRow.id).where(UserRow.id == user_id).with_for_update())
    found = usage(session, user_id, settings)
    quota = found.quota_bytes or 0
    if found.used_bytes + more > quota:
        free = max(0, quota - (found.used_bytes - noted))
        raise QuotaError(
            f"this needs {said(more + noted)}, and of your quota of {said(quota)} only "
            f"{said(free)} are free: delete datasets or jobs which you no longer need, "
            "or ask for a larger quota"
        )


def said(count: int) -> str:
    """Say a number of bytes as a person does, in the units in which quotas are set."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:.4g} TiB"


def _sum(session: Session, query: Select[int]) -> int:
    return int(session.scalar(query) or 0)


def _sealed(user_id: str) -> Select[int]:
    return select(func.sum(DatasetRow.size_bytes)).where(
        DatasetRow.user_id == user_id, DatasetRow.status == "ready"
    )


def _open(user_id: str) -> Select[int]:
    return (
        select(func.sum(DatasetFileRow.size))
        .join(DatasetRow, DatasetRow.id == DatasetFileRow.dataset_id)
        .where(DatasetRow.user_id == user_id, DatasetRow.status != "ready")
    )


def _under_way(user_id: str) -> Select[int]:
    return (
        select(func.sum(UploadRow.size))
        .join(DatasetRow, DatasetRow.id == UploadRow.dataset_id)
        .where(DatasetRow.user_id == user_id, UploadRow.finished.is_(None))
    )


def _jobs(user_id: str) -> Select[int]:
    files = (
        select(func.coalesce(func.sum(FileRow.size), 0))
        .where(FileRow.job_id == JobRow.id)
        .scalar_subquery()
    )
    over: ColumnElement[bool] = JobRow.status.in_(TERMINAL)
    taken = case((over | (files > JobRow.disk_bytes), files), else_=JobRow.disk_bytes)
    return select(func.sum(taken)).where(JobRow.user_id == user_id)
