"""A dataset is checked by one server at a time, and what a killed one left is taken up."""

from __future__ import annotations

import pytest

from subtomo_store.datasets import check_leases, datasets
from support.records import REGION, SUMMARY, opened, user_named


@pytest.fixture
def store(tmp_path, database_url):
    with opened(tmp_path, database_url) as made:
        yield made


@pytest.fixture
def dataset(store):
    with store.begin() as session:
        user = user_named(session)
        made = datasets.create(session, user_id=user.id, name="x", missing=REGION)
        return datasets.start_check(session, made.id, user.id)


def claim(store, dataset, server):
    with store.begin() as session:
        return check_leases.claim(session, dataset.id, server, 30.0)


def unattended(store):
    with store.read() as session:
        return check_leases.unattended(session)


def test_one_server_checks_and_another_does_not(store, dataset):
    assert unattended(store) == [dataset.id]
    assert claim(store, dataset, "server_1")
    assert unattended(store) == []
    assert not claim(store, dataset, "server_2")
    with store.begin() as session:
        assert check_leases.let_go(session, dataset.id, "server_1")
        datasets.accept(session, dataset.id, summary=SUMMARY)
    assert not claim(store, dataset, "server_2")
    assert unattended(store) == []


def test_what_a_killed_server_checked_another_checks_and_only_that_one_writes(store, dataset):
    assert claim(store, dataset, "server_1")
    with store.begin() as session:
        check_leases.renew(session, "server_1", [dataset.id], 0.0)
    assert unattended(store) == [dataset.id]
    assert claim(store, dataset, "server_2")
    with store.begin() as session:
        assert not check_leases.let_go(session, dataset.id, "server_1")
        check_leases.renew(session, "server_1", [dataset.id], 0.0)
    assert unattended(store) == []
