"""Servers of a facility which do the same at the same moment, on each kind of database."""

from __future__ import annotations

import contextlib

import pytest

from subtomo_store.errors import ConflictError
from subtomo_store.jobs import drains, webhooks
from subtomo_store.people import groups, users
from support.racing import at_once
from support.records import user_named

NAMES = ["ada", "bob", "cleo", "dan"]  # one chance to meet is not enough


def results(store, work):
    """What four servers get from ``work`` in a transaction each; None for a conflict."""

    def begin(_):
        with contextlib.suppress(ConflictError), store.begin() as session:
            return work(session)

    return at_once(begin)


@pytest.mark.parametrize("name", NAMES)
def test_a_user_and_a_group_are_made_once(store, name):
    found = results(store, lambda session: users.ensure(session, name).id)
    assert len(set(found)) == 1
    assert None not in found
    assert results(store, lambda session: users.create(session, f"{name}.b")).count(None) == 3
    owner = found[0]
    assert results(store, lambda session: groups.create(session, name, owner)).count(None) == 3
    with store.begin() as session:
        other = user_named(session, f"{name}.c").id
    results(store, lambda session: groups.set_member(session, owner, name, other, "viewer"))
    with store.read() as session:
        roles = {member.user_id: member.role for member in groups.members(session, owner, name)}
    assert roles == {owner: "owner", other: "viewer"}


@pytest.mark.parametrize("name", NAMES)
def test_all_sign_with_one_secret(store, name):
    with store.begin() as session:
        owner = user_named(session, name).id
    found = results(store, lambda session: webhooks.secret_of(session, owner))
    assert len(set(found)) == 1
    assert found[0].startswith("whsec_")


@pytest.mark.parametrize("name", NAMES)
def test_a_drain_is_one_drain(store, name):
    found = results(store, lambda session: drains.drain(session, "new disks", name))
    assert {drain.reason for drain in found} == {"new disks"}
    with store.begin() as session:
        assert drains.undrain(session, name)
        assert not drains.undrain(session, name)
