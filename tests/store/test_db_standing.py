"""What a waiting job is told: its place, and why it waits."""

from __future__ import annotations

import pytest

from subtomo_store.jobs import dispatch, drains, iterations, jobs, queue_state, tasks, workers
from subtomo_store.jobs.orders import Orders
from subtomo_store.jobs.transitions import lock, move
from subtomo_store.people import users
from support.records import new_job, ready_dataset, user_named


@pytest.fixture
def post(store):
    with store.begin() as session:
        dataset = ready_dataset(session, user_named(session, "curator"))

    def made(user="ada", **orders):
        with store.begin() as session:
            return new_job(
                session, dataset, users.ensure(session, user, "admin"), Orders(**orders)
            ).job

    return made


@pytest.fixture
def told(store):
    def look(job):
        with store.read() as session:
            return queue_state.waiting(session, jobs.get(session, job.id), store.settings)

    return look


def alive(store, name="node7", queues=("cpu",)):
    with store.begin() as session:
        workers.beat(
            session,
            worker_id=f"worker_{name}",
            name=name,
            queues=queues,
            host="h",
            namespace="",
            pid=1,
            born=0.0,
            threads=1,
        )


def test_places_count_users_in_turns(store, post, told):
    alive(store)
    ada = [post("ada") for _ in range(3)]
    bob = [post("bob") for _ in range(2)]
    high = post("bob", priority=60)
    assert [told(job).place for job in (high, ada[0], bob[0], ada[1], bob[1], ada[2])] == [
        *range(1, 7)
    ]
    assert told(high).reason == "waiting for a worker: next in the queue"
    assert told(bob[0]).reason == "waiting for a worker: 2 batches are ahead"


def test_the_first_place_is_the_next_to_be_handed_out(store, post, told):
    alive(store)
    priorities = (50, 50, 50, 70, 10, 50)
    left = [post(user, priority=p) for user, p in zip("aabcab", priorities, strict=True)]
    seeker = dispatch.Seeker("worker_1", "node7", ("cpu",))
    while left:
        (first,) = [job for job in left if told(job).place == 1]
        given = dispatch.take(store, seeker)
        assert given.job.id == first.id
        with store.begin() as session:
            tasks.give_up(session, given.lease, "enough")
        left.remove(first)


def test_batches_of_running_jobs_are_ahead(store, post, told):
    alive(store)
    first, second = post("ada"), post("bob")
    given = dispatch.take(store, dispatch.Seeker("worker_1", "node7", ("cpu",)))
    assert given.job.id == first.id
    assert told(first) is None
    with store.begin() as session:
        iterations.begin(session, given.lease, iterations.cut(10, 2), window=4, seconds=0.1)
    waiting = told(second)
    assert (waiting.place, waiting.ahead) == (1, 4)
    assert waiting.reason == "waiting for a worker: 4 batches are ahead"


def test_why_a_job_waits(store, post, told):
    job = post("ada", queue="preview")
    assert told(job).reason == "no worker of queue preview is alive"
    alive(store)
    assert told(job).reason == "no worker of queue preview is alive"
    alive(store, "node8", ("cpu", "preview"))
    assert told(job).reason == "waiting for a worker: next in the queue"
    with store.begin() as session:
        drains.drain(session, "a fan is loud", "node8")
    assert told(job).reason == "every worker of queue preview is being drained"
    with store.begin() as session:
        drains.drain(session, "new disks")
    assert told(job).reason == "no new work is handed out for now: new disks"
    with store.begin() as session:
        drains.undrain(session)
        drains.undrain(session, "node8")
    other = post("ada", queue="preview")
    with store.begin() as session:
        move(session, lock(session, other.id), "running")
    assert told(job).reason == "waiting: 1 of your previews is running, which is your limit"
    assert told(other).place is None
