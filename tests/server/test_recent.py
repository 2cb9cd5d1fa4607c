"""Many who look at one job at once are told what one of them was told."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from subtomo_server.jobs import recent
from subtomo_store.database.engine import Store
from subtomo_store.jobs import jobs, queue_state
from subtomo_store.jobs.transitions import lock, move
from subtomo_store.people import users
from support.records import new_job, ready_dataset
from support.serving import Served


@pytest.fixture
def made(service: Served):
    with service.store.begin() as session:
        user = users.ensure(session, "tester")
        job = new_job(session, ready_dataset(session, user), user).job
        move(session, lock(session, job.id), "running")
        return jobs.get(session, job.id)


def told(store: Store, kept: recent.Recent, job):
    with store.read() as session:
        return kept.told(session, job, store.settings)


def place(store: Store, kept: recent.Recent, job) -> int:
    return json.loads(told(store, kept, job).body)["queue"]["place"]


def test_a_document_is_made_once_for_a_moment_and_anew_for_a_new_version(service, made):
    kept = recent.Recent(seconds=60.0)
    first = told(service.store, kept, made)
    assert told(service.store, kept, made) is first
    assert told(service.store, kept, replace(made, version=made.version + 1)) is not first


def test_nothing_is_kept_longer_than_the_moment(service, made):
    kept = recent.Recent(seconds=0.05)
    first = told(service.store, kept, made)
    time.sleep(0.06)
    assert told(service.store, kept, made) is not first


def test_few_are_kept(service, made, monkeypatch):
    monkeypatch.setattr(recent, "MOST", 2)
    kept = recent.Recent(seconds=60.0)
    versions = [replace(made, version=number) for number in range(4)]
    documents = [told(service.store, kept, one) for one in versions]
    again = [told(service.store, kept, one) for one in versions[2:]]
    assert [a is b for a, b in zip(documents[2:], again, strict=True)] == [True, True]
    assert told(service.store, kept, versions[0]) is not documents[0]


def test_a_change_is_seen_at_once(service, made):
    before = service.client.get(f"/jobs/{made.id}").json()
    assert before["status"] == "running"
    with service.store.begin() as session:
        jobs.cancel(session, made.id, users.ensure(session, "tester").id)
    assert service.client.get(f"/jobs/{made.id}").json()["status"] != "running"


def test_all_who_wait_are_told_by_one_look_until_another_one_comes(service, monkeypatch):
    looks = []

    def look(session):
        looks.append(queue_state.look(session))
        return looks[-1]

    monkeypatch.setattr(recent, "look", look)
    kept = recent.Recent(seconds=60.0)

    def add():
        with service.store.begin() as session:
            user = users.ensure(session, "tester")
            return new_job(session, ready_dataset(session, user), user).job

    jobs = [add() for _ in range(3)]
    places = [place(service.store, kept, job) for job in jobs]
    assert places == list(range(places[0], places[0] + 3))
    assert len(looks) == 1
    assert place(service.store, kept, add()) == places[-1] + 1
    assert len(looks) == 2
