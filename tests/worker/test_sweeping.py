"""What a sweep makes of workers that were killed: did their machine live through it?"""

from __future__ import annotations

import pytest

from subtomo_store.jobs import dispatch, workers
from subtomo_store.jobs.bell import Bell
from subtomo_worker.context import WorkerContext
from subtomo_worker.processes import Birth, own_birth, parent_birth
from subtomo_worker.sweeper import Sweeper
from support.adding import create_adding
from support.records import new_job, opened, ready_dataset, user_named

NOBODY = 4_000_000  # above every process id


@pytest.fixture
def store(tmp_path):
    with opened(tmp_path, f"sqlite:///{tmp_path}/subtomo.db") as made:
        yield made


def context(store, **changes):
    return WorkerContext(
        store=store, bell=Bell("memory://"), methods=create_adding, stop_asked=bool, **changes
    )


def gone(store, parent):
    """A worker that took a task and whose process is gone; the attempt, or None."""
    birth = Birth(own_birth().namespace, NOBODY, 1.0)
    dead = context(store, birth=birth, parent=parent)
    with store.begin() as session:
        workers.beat(
            session,
            worker_id=dead.worker_id,
            name=dead.name,
            queues=dead.queues,
            host=dead.host,
            **birth._asdict(),
            threads=1,
            parent=(parent.pid, parent.born),
        )
    given = dispatch.take(store, dead.seeker)
    return None if given is None else given.lease.task.attempts


@pytest.fixture
def job(store):
    with store.begin() as session:
        user = user_named(session)
        return new_job(session, ready_dataset(session, user), user).job


def test_a_start_after_a_power_cut_blames_nobody(store, job):
    fallen = Birth(own_birth().namespace, NOBODY - 1, 1.0)
    for _ in range(6):
        assert gone(store, fallen) == 1
        Sweeper(context(store)).sweep()  # a worker of the next start


def test_a_worker_whose_parent_lives_died_alone(store, job):
    for attempt in (1, 2, 3):
        assert gone(store, own_birth()) == attempt
        Sweeper(context(store)).sweep()
    assert gone(store, own_birth()) is None


def test_a_worker_which_was_there_before_is_a_witness(store, job):
    witness = Sweeper(context(store))
    witness.sweep()
    fallen = Birth(own_birth().namespace, NOBODY - 1, 1.0)
    for attempt in (1, 2, 3):
        assert gone(store, fallen) == attempt
        witness.sweep()
    assert gone(store, fallen) is None


def test_a_process_knows_its_parent():
    found = parent_birth()
    assert found is not None
    assert found.pid != own_birth().pid
