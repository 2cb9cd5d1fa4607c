"""Counts grow, whoever counts, and only with what was committed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from subtomo_store.database import tallies
from subtomo_store.upkeep import census
from support.records import new_job, opened, ready_dataset, user_named
from support.steps import begin, finish, publish, take


@pytest.fixture
def store(tmp_path, database_url):
    with opened(tmp_path, database_url) as made:
        yield made


@pytest.fixture
def queued(store):
    with store.begin() as session:
        user = user_named(session)
        return new_job(session, ready_dataset(session, user), user)


def counted(store):
    with store.read() as session:
        return {tuple(tally.key): tally for tally in tallies.everything(session)}


def test_many_at_once_lose_no_count(store):
    def one(index):
        with store.begin() as session:
            for name in ("b", "a") if index % 2 else ("a", "b"):
                tallies.measure(session, name, "x", 3.0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    found = counted(store)
    assert found["a", "x", "5"][1:] == found["b", "x", "5"][1:] == (40, 120.0)


def test_what_is_rolled_back_was_not_counted(store):
    def fails():
        with store.begin() as session:
            tallies.count(session, "a", "x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert counted(store) == {}


@pytest.mark.parametrize(
    ("seconds", "edge"), [(0, "0.5"), (0.5, "0.5"), (0.51, "1"), (9e9, "+Inf")]
)
def test_edges_belong_to_their_bucket(seconds, edge):
    assert tallies.bucket_of(seconds) == edge


def test_a_jobs_way_is_counted_and_outlives_the_job(store, queued):
    reduces = [finish(store, take(store, message)) for message in begin(store, queued)]
    take(store, reduces[-1][0], lease_seconds=0.0)
    publish(store, take(store, reduces[-1][0]))
    found = counted(store)
    assert found["task_seconds", "begin", "0.5"].number == 1
    assert found["task_seconds", "align", "0.5"].number == 3
    assert found["task_retries", "reduce", ""].number == 1
    assert ("jobs_ended", "succeeded", "") not in found


def test_the_census_counts_open_tasks_only(store, queued):
    messages = begin(store, queued, window=1)
    with store.read() as session:
        seen = census.take(session)
    assert {(q.kind, q.state): q.tasks for q in seen.queues} == {
        ("align", "ready"): 1,
        ("align", "waiting"): 2,
    }
    assert (seen.jobs, seen.datasets, seen.workers) == ({"running": 1}, {"ready": 1}, [])
    take(store, messages[0])
    with store.read() as session:
        seen = census.take(session)
    ages = {(q.kind, q.state): q.oldest_seconds for q in seen.queues}
    assert 0 <= ages["align", "waiting"] < 30
    assert 0 <= ages["align", "leased"] < 30
