"""Limits, shares and drains with real workers, PostgreSQL and Redis."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select, update

from subtomo_store.database.people_tables import UserRow
from subtomo_store.database.tables import JobRow, TaskRow
from subtomo_store.jobs import drains, iterations, jobs
from subtomo_store.jobs.orders import Orders
from subtomo_store.people import users
from support.records import new_job
from support.services import wait_until
from support.workplace import workplace

SMALL = {"iterations": 1, "batch_particles": 3}


@pytest.fixture
def facility(tmp_path, broker, postgres_database):
    with workplace(tmp_path, postgres_database, broker) as place:
        yield place


def post(place, user, orders=None, **changes):
    with place.store.begin() as session:
        made = new_job(
            session,
            place.dataset,
            users.ensure(session, user, "admin"),
            orders or Orders(),
            **changes,
        )
    place.bell.ring(made.messages)
    return made.job


def limit(place, user, count):
    with place.store.begin() as session:
        found = users.ensure(session, user, "admin")
        session.execute(update(UserRow).where(UserRow.id == found.id).values(running_jobs=count))


@contextmanager
def watching(look, pause=0.01):
    """Look again and again within the block; what was seen is the list that comes out."""
    seen, over = [], threading.Event()

    def run():
        while not over.wait(pause):
            seen.append(look())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def test_two_workers_never_pass_a_limit_and_users_share(facility):
    limit(facility, "ada", 2)
    ada = [post(facility, "ada", **SMALL) for _ in range(5)]
    bob = post(facility, "bob", **SMALL)

    def running():
        with facility.store.read() as session:
            query = (
                select(JobRow.user_id, func.count(JobRow.id))
                .where(JobRow.status.in_(("running", "cancelling")))
                .group_by(JobRow.user_id)
            )
            return dict(session.execute(query).all())

    with watching(running) as seen:
        for _ in range(2):
            facility.worker()
        ended = [facility.wait(job) for job in (*ada, bob)]
    assert {job.status for job in ended} == {"succeeded"}
    assert max(count.get(ada[0].user_id, 0) for count in seen) == 2
    assert any(len(count) == 2 for count in seen)
    # Bob came last and has but one job: of five of Ada's it is done before the third ends.
    order = sorted(ended, key=lambda job: job.finished)
    assert [job.id for job in order].index(bob.id) <= 2
    with facility.store.read() as session:
        fences = session.scalars(select(TaskRow.fence)).all()
    assert set(fences) == {1}  # nothing was handed out twice


def test_a_preview_starts_next_to_a_long_job(facility):
    long = post(facility, "ada", iterations=6, batch_particles=2)
    facility.worker(ADDING_SECONDS="0.1")
    facility.wait_for_particles(long, 0, 3)
    preview = post(facility, "ada", Orders(queue="preview"), iterations=1, batch_particles=12)
    assert facility.wait(preview).status == "succeeded"
    assert facility.job(long).status == "running"
    assert facility.wait(long).status == "succeeded"


def test_a_drain_lets_a_batch_finish_and_then_nothing_begins(facility):
    job = post(facility, "ada", iterations=1, batch_particles=6)
    worker = facility.worker(ADDING_SECONDS="1.0")
    facility.wait_for_particles(job, 0, 1)
    with facility.store.begin() as session:
        drains.drain(session, "new disks")

    def at_rest():
        with facility.store.read() as session:
            return drains.at_work(session) == 0

    wait_until(at_rest, "the batch is finished")
    with facility.store.read() as session:
        states = Counter(task.state for task in iterations.batches(session, job.id, 0))
        assert jobs.get(session, job.id).status == "running"
    assert states == {"done": 1, "ready": 1}
    wait_until(lambda: worker.running and at_rest(), "nothing begins")
    with facility.store.begin() as session:
        drains.undrain(session)
    assert facility.wait(job).status == "succeeded"
    assert "attempt 2" not in facility.logs()
