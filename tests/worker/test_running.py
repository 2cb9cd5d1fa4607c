"""A job's way through a real worker."""

from __future__ import annotations

import psutil

from subtomo_store.jobs import jobs, workers
from subtomo_store.jobs.progress import particles_done
from support.services import wait_until


def test_a_worker_shows_itself_and_leaves(place):
    def alive():
        with place.store.read() as session:
            return workers.alive(session, 60.0)

    worker = place.worker()
    wait_until(alive, "a heartbeat")
    assert alive()[0].pid == worker.process.pid
    # It makes way for a server on the same machine.
    assert psutil.Process(worker.process.pid).nice() == min(19, psutil.Process().nice() + 10)
    assert worker.terminate() == 0
    assert alive() == []


def test_a_soft_end_gives_the_batch_back_at_once(place, standard):
    job = place.submit(**{**standard, "batch_particles": 12})
    for end in ("terminate", "interrupt"):
        worker = place.worker(ADDING_SECONDS="0.3")
        place.wait_for_particles(job, 0, 2)
        getattr(worker, end)()
        assert place.job(job).status == "running"
    place.worker()
    assert place.wait(job).status == "succeeded"
    assert "attempt 2" not in place.logs()


def test_a_worker_ends_when_its_parent_is_gone(place):
    worker = place.worker(ADDING_LIFELINE="1")
    wait_until(lambda: "worker worker_" in place.logs(), "the worker starts")
    assert worker.hang_up() == 0


def test_cancel_takes_seconds(place, standard):
    """The batch under way is not finished before."""
    job = place.submit(**{**standard, "batch_particles": 12})
    place.worker(ADDING_SECONDS="1.0")
    place.wait_for_particles(job, 0, 1)
    with place.store.begin() as session:
        assert jobs.cancel(session, job.id, job.user_id).status == "cancelling"
    assert place.wait(job).status == "cancelled"
    with place.store.read() as session:
        assert particles_done(session, job.id, 0) < 12
    place.wait_until_tidy(job)


def test_cancel_takes_seconds_though_the_batch_ends_first(place, standard):
    """The worker does not ask before the batch is done: its publication tells it."""
    job = place.submit(**{**standard, "batch_particles": 12, "iterations": 50})
    place.worker(ADDING_SECONDS="0.2", SUBTOMO_LEASE_SECONDS="600", SUBTOMO_REPORT_SECONDS="200")
    wait_until(lambda: "particles 1 to 12" in place.logs(), "the batch is under way")
    with place.store.begin() as session:
        assert jobs.cancel(session, job.id, job.user_id).status == "cancelling"
    assert place.wait(job).status == "cancelled"
    place.wait_until_tidy(job)


def test_numbers_that_make_no_sense_fail_the_batch(place, standard):
    job = place.submit(**standard)
    place.worker(ADDING_FAULT="nan")
    ended = place.wait(job)
    assert ended.status == "failed"
    assert "not finite numbers" in ended.status_reason
    assert "iteration 0, particles 1 to 3" in ended.status_reason


def test_a_fault_fails_the_job_after_three_attempts(place, standard):
    job = place.submit(**{**standard, "batch_particles": 12})
    place.worker(ADDING_FAULT="raise")
    ended = place.wait(job)
    assert ended.status == "failed"
    assert "ZeroDivisionError: a planned fault" in ended.status_reason
    assert place.logs().count("iteration 0, particles 1 to 12, attempt") == 3


def test_the_check_of_a_worker_believes_its_heartbeat(place):
    """As a container's health check asks: a process which runs but shows nothing is not well."""

    def check() -> int:
        asked = place.worker("-m", "subtomo_worker", "--check")
        place.workers.remove(asked)
        status = asked.process.wait(60)
        asked.process.stdin.close()
        return status

    assert check() == 1
    worker = place.worker()
    wait_until(lambda: "worker worker_" in place.logs(), "the worker starts")
    wait_until(lambda: check() == 0, "it shows itself")
    assert worker.terminate() == 0
    assert check() == 1
