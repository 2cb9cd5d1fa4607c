"""Limits of each user: the user's own, or else those of the settings."""

from __future__ import annotations

from sqlalchemy.orm import Session

from subtomo_store.config.settings import Settings
from subtomo_store.database.people_records import Limits
from subtomo_store.people import users

ADMIN_HIGHEST_PRIORITY = 100
MOST_RUNNING = 100_000


def limits_of(session: Session, user_id: str, settings: Settings) -> Limits:
    """What a user may take.

    Raises
    ------
    NotFoundError
        If there is no such user.
    """
    user = users.get(session, user_id)
    usual = ADMIN_HIGHEST_PRIORITY if user.admin else settings.highest_priority
    return Limits(
        disk_quota_bytes=_first(user.disk_quota_bytes, settings.disk_quota_bytes),
        running_jobs=settings.running_jobs if user.running_jobs is None else user.running_jobs,
        highest_priority=usual if user.highest_priority is None else user.highest_priority,
    )


def _first(own: int | None, usual: int | None) -> int | None:
    return usual if own is None else own
