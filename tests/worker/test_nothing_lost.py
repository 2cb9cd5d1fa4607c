"""Whatever happens to workers and messages, the bits are those of an undisturbed run."""

from __future__ import annotations

import pytest

from subtomo_store.database.records import Message
from subtomo_store.errors import LeaseLostError
from subtomo_store.jobs import dispatch, iterations, tasks
from support.services import wait_until
from support.workplace import workplace


@pytest.mark.parametrize("count", [2, 3])
def test_any_number_of_workers_gives_the_same_bits(place, standard, undisturbed, count):
    """The undisturbed run had one."""
    for _ in range(count):
        place.worker()
    job = place.submit(**standard)
    assert place.wait(job).status == "succeeded"
    assert place.bits(job) == undisturbed


def test_killing_the_worker_in_the_middle(place, standard, undisturbed):
    job = place.submit(**standard)
    for iteration in (0, 1):
        worker = place.worker(ADDING_SECONDS="0.4")
        place.wait_for_particles(job, iteration, 4)
        worker.kill()
        assert place.job(job).status == "running"
    place.worker()
    assert place.wait(job).status == "succeeded"
    assert place.bits(job) == undisturbed


def test_a_killed_workers_batch_waits_for_no_lease(place, standard, undisturbed):
    """The next worker of the machine sees that the process is gone; leases last minutes here."""
    job = place.submit(**standard)
    leases = {"SUBTOMO_LEASE_SECONDS": "300"}
    first = place.worker(ADDING_SECONDS="0.2", **leases)
    place.wait_for_particles(job, 0, 4)
    bystander = place.worker(**leases)
    first.kill()
    assert place.wait(job).status == "succeeded"
    assert place.bits(job) == undisturbed
    assert "was killed" in bystander.log.read_text()
    assert "attempt 2" in bystander.log.read_text()


def test_each_message_twice(place, standard, undisturbed):
    job = place.submit(**standard, ring=2)
    place.worker(ADDING_RING_TWICE="1")
    place.worker(ADDING_RING_TWICE="1")
    assert place.wait(job).status == "succeeded"
    assert place.bits(job) == undisturbed
    assert "nothing to do for" in place.logs()
    assert "attempt 2" not in place.logs()


def test_each_message_lost(place, standard, undisturbed):
    job = place.submit(**standard, ring=0)
    place.worker(ADDING_DEAF="1")
    assert place.wait(job).status == "succeeded"
    assert place.bits(job) == undisturbed


def test_the_broker_restarts_and_forgets_everything(place, standard, undisturbed):
    job = place.submit(**standard)
    place.worker(ADDING_SECONDS="0.1")
    place.wait_for_particles(job, 0, 4)
    place.redis.stop()
    place.redis.start()
    assert place.wait(job).status == "succeeded"
    assert place.bits(job) == undisturbed


def test_an_attempt_that_lost_its_lease_publishes_nothing(place, standard, undisturbed):
    """A worker sleeps over its lease's end; another does its batch; the sleeper wakes."""
    job = place.submit(**standard)
    sleeper = place.worker(ADDING_SECONDS="2.0", SUBTOMO_LEASE_SECONDS="1.5")
    place.wait_for_particles(job, 0, 1)
    with place.store.begin():
        sleeper.pause()  # while the lock of the database is here, and not with the worker
    other = place.worker()
    wait_until(lambda: _finished(place, job) >= 1, "the other worker goes on")
    sleeper.resume()
    assert place.wait(job).status == "succeeded"
    assert place.bits(job) == undisturbed
    wait_until(lambda: "was put aside" in sleeper.log.read_text(), "the sleeper finds out")
    assert other.running


def _finished(place, job):
    with place.store.read() as session:
        return len(iterations.published(session, job.id))


def test_workers_on_postgresql(tmp_path, broker, postgres_database, standard, undisturbed):
    with workplace(tmp_path, postgres_database, broker) as place:
        job = place.submit(**standard)
        first = place.worker(ADDING_SECONDS="0.1")
        place.wait_for_particles(job, 0, 4)
        first.kill()
        for _ in range(2):
            place.worker()
        assert place.wait(job).status == "succeeded"
        assert place.bits(job) == undisturbed


def test_a_disk_that_is_full_fails_the_job_and_spares_what_stood(
    tmp_path, broker, postgres_database, standard
):
    """The database stands elsewhere, so that the limit on a file's size hits results alone."""
    with workplace(tmp_path, postgres_database, broker) as place:
        job = place.submit(**standard)
        before = place.worker(ADDING_SECONDS="0.4")
        place.wait_for_particles(job, 1, 1)
        assert before.terminate() == 0
        bits = place.bits(job)
        place.worker(ADDING_LARGEST_FILE="60000")
        ended = place.wait(job)
        assert ended.status == "failed"
        assert "iteration 1" in ended.status_reason
        assert "could not be written" in ended.status_reason
        assert "larger than this system allows" in ended.status_reason
        assert place.bits(job) == bits
        assert {number for number, _ in bits} == {0}
        place.wait_until_tidy(job)
        folder = place.store.files.job(job.id)
        assert sorted(path.name for path in folder.iterdir()) == [
            "iteration_000",
            "spec.json",
            "start",
        ]


def test_a_lease_is_lost_to_a_second_delivery_after_its_end(place, standard):
    job = place.submit(**standard, ring=0)
    settings = place.store.settings
    with place.store.begin() as session:
        message = dispatch.best(session, dispatch.Seeker("a", "here", ("cpu",)), settings)
        assert isinstance(message, Message)
        old = tasks.take(session, message.task_id, "a", lease_seconds=0.0, max_attempts=3)
        new = tasks.take(session, message.task_id, "b", lease_seconds=9.0, max_attempts=3)
    with pytest.raises(LeaseLostError), place.store.begin() as session:
        iterations.begin(session, old, [iterations.Range(0, 12)], window=8, seconds=0.0)
    with place.store.begin() as session:
        messages = iterations.begin(session, new, [iterations.Range(0, 12)], window=8, seconds=0.0)
    assert len(messages) == 1
    assert place.job(job).status == "running"


def test_a_converged_job_ends_early_with_the_bits_of_its_iterations(place, standard, undisturbed):
    job = place.submit(**standard | {"iterations": 5})
    first = place.worker(ADDING_FAULT="converge", ADDING_SECONDS="0.4")
    place.wait_for_particles(job, 1, 4)
    first.kill()
    place.worker(ADDING_FAULT="converge")
    ended = place.wait(job)
    assert (ended.status, ended.status_reason) == ("succeeded", "converged after 1 iterations")
    assert ended.iteration == 1
    maps = {key: bits for key, bits in undisturbed.items() if "class" in key[1] and key[0] < 2}
    assert maps.items() <= place.bits(job).items()
    assert {number for number, _ in place.bits(job)} == {0, 1}
    notes = [event.data["detail"] for event in place.events(job) if event.kind == "note"]
    assert notes == ["all is well"]
