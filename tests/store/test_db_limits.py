"""A user's own limits come before the settings'."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from subtomo_store import Settings
from subtomo_store.database.people_records import Limits
from subtomo_store.database.people_tables import UserRow
from subtomo_store.errors import NotFoundError
from subtomo_store.people import users
from subtomo_store.people.limits import limits_of

USUAL = Settings(disk_quota_bytes=100, running_jobs=2, highest_priority=40)


def test_a_user_without_limits_has_the_settings(store):
    with store.begin() as session:
        user = users.ensure(session, "ada")
        assert limits_of(session, user.id, USUAL) == Limits(100, 2, 40)
        assert limits_of(session, user.id, Settings()) == Limits(None, 4, 50)


def test_own_limits_come_first_a_nought_too(store):
    with store.begin() as session:
        user = users.ensure(session, "ada")
        own = {"disk_quota_bytes": 0, "running_jobs": 9, "highest_priority": 0}
        session.execute(update(UserRow).where(UserRow.id == user.id).values(**own))
        assert limits_of(session, user.id, USUAL) == Limits(0, 9, 0)


def test_an_administrator_may_give_every_priority(store):
    with store.begin() as session:
        user = users.ensure(session, "root", "admin")
        assert limits_of(session, user.id, USUAL).highest_priority == 100


def test_a_stranger_has_none(store):
    with store.begin() as session, pytest.raises(NotFoundError):
        limits_of(session, "user_nobody", USUAL)
