"""What docs/failures.md promises of a worker, its broker, its database and its folder."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager

import pytest

from subtomo_store.jobs import iterations, jobs, resuming, tasks, workers
from subtomo_store.jobs.bell import Bell
from support.services import fresh_database, own_postgres, redis_server, wait_until
from support.workplace import SCRIPT, workplace

SHORT = {"SUBTOMO_LEASE_SECONDS": "1.5"}


def test_a_machine_that_is_gone_costs_a_lease(place, standard, undisturbed):
    """Nobody on another machine can see that the process is gone: the lease runs out."""
    job = place.submit(**standard)
    gone = place.worker(ADDING_SECONDS="0.3", ADDING_HOST="far-away", **SHORT)
    place.wait_for_particles(job, 0, 1)
    gone.kill()
    with place.store.read() as session:
        assert [worker.host for worker in workers.alive(session)] == ["far-away"]
    other = place.worker()
    assert place.settle(job).status == "succeeded"
    assert place.bits(job) == undisturbed
    with place.store.read() as session:
        assert 2 in [task.fence for task in iterations.batches(session, job.id, 0)]
    assert "attempt 2" not in other.log.read_text()  # nobody lived through: it may be a power cut
    assert "was killed" not in other.log.read_text()


def test_a_broker_gone_for_a_while_delays_and_loses_nothing(tmp_path, standard, undisturbed):
    with redis_server() as own, workplace(tmp_path, f"sqlite:///{tmp_path}/s.db", own) as place:
        running = place.submit(**standard)
        place.worker(ADDING_SECONDS="0.1")
        place.wait_for_particles(running, 0, 2)
        own.stop()
        meanwhile = place.submit(**standard)
        time.sleep(3)
        assert not place.job(meanwhile).terminal
        own.start()
        for job in (running, meanwhile):
            assert place.settle(job).status == "succeeded"
            assert place.bits(job) == undisturbed


def test_a_database_restarted_in_mid_job_loses_nothing(tmp_path, broker, standard, undisturbed):
    with (
        own_postgres() as postgres,
        fresh_database(postgres.url) as url,
        workplace(tmp_path, url, broker) as place,
    ):
        job = place.submit(**standard)
        for _ in range(2):
            place.worker(ADDING_SECONDS="0.1")
        place.wait_for_particles(job, 0, 2)
        postgres.stop()
        time.sleep(1)
        postgres.start()
        assert place.settle(job).status == "succeeded"
        assert place.bits(job) == undisturbed
        assert all(worker.running for worker in place.workers)


def test_a_batch_which_kills_its_workers_fails_its_job_and_no_other(place, standard):
    poisoned = place.submit(**standard)
    deaths = 0

    def over() -> bool:
        nonlocal deaths
        if not place.workers or not place.workers[-1].running:
            for dead in place.workers[-1:]:
                dead.kill()
                deaths += 1
            place.worker(ADDING_FAULT="kill")
        return place.job(poisoned).terminal

    wait_until(over, "the poisoned job ends", 120)
    ended = place.settle(poisoned)
    assert ended.status == "failed"
    assert "particles 4 to 6: the worker was lost 3 times while at it" in ended.status_reason
    assert deaths == 3
    place.workers[-1].kill()
    sound = place.submit(**standard)
    place.worker()
    assert place.settle(sound).status == "succeeded"


ITS_OWN_PARENT = ("sh", "-c", '"$@" & wait', "sh")


def test_a_batch_at_which_all_went_down_again_and_again_is_not_to_blame(
    place, standard, undisturbed
):
    job = place.submit(**standard)
    for _ in range(5):
        cut = place.worker(prefix=ITS_OWN_PARENT, ADDING_FAULT="cut")
        wait_until(lambda cut=cut: not cut.running, "all went down")
    assert place.logs().count("particles 4 to 6, attempt 1") == 5
    place.worker()
    assert place.settle(job).status == "succeeded"
    assert place.bits(job) == undisturbed


def test_a_failed_job_is_resumed_where_it_stood(place, standard, undisturbed):
    job = place.submit(**standard)
    slow = place.worker(ADDING_SECONDS="0.1")
    place.wait_for_particles(job, 1, 1)
    slow.kill()
    for _ in range(3):
        dead = place.worker(ADDING_FAULT="kill")
        wait_until(lambda dead=dead: not dead.running, "it died")
    before = place.worker()
    assert place.settle(job).status == "failed"
    stood = place.bits(job)
    assert {number for number, _ in stood} == {0}
    with place.store.begin() as session:
        found = resuming.resume(session, job.id, job.user_id, window=8, highest_priority=50)
    place.ring(*found.messages)
    assert place.wait(job).status == "succeeded"
    assert before.running
    assert place.bits(job) == undisturbed
    place.wait_until_tidy(job)


@pytest.mark.parametrize("hours", ["1", "-1"])
def test_a_worker_whose_clock_is_wrong_does_no_harm(
    tmp_path, broker, postgres_database, standard, undisturbed, hours
):
    """Leases run by the clock of the database: nobody takes what a live worker holds."""
    with workplace(tmp_path, postgres_database, broker) as place:
        wrong = place.worker(ADDING_SECONDS="0.1", ADDING_CLOCK=hours)
        right = place.worker(ADDING_SECONDS="0.1")
        job = place.submit(**standard)
        assert place.settle(job).status == "succeeded"
        assert place.bits(job) == undisturbed
        for worker in (wrong, right):
            assert ", attempt 1" in worker.log.read_text()
            assert "attempt 2" not in worker.log.read_text()
        with place.store.read() as session:
            assert len(workers.alive(session, 60.0)) == 2


@contextmanager
def read_only(folder):
    """Let nobody write below a folder."""
    below = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in below if path.is_dir()}
    for path in modes:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def test_a_folder_which_cannot_be_written_fails_the_job_in_words(
    tmp_path, broker, postgres_database, standard
):
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root writes everywhere, and setpriv is not here to change that")
        prefix = ("setpriv", "--bounding-set=-dac_override")
    with workplace(tmp_path / "data", postgres_database, broker) as place:
        job = place.submit(**standard)
        place.worker(ADDING_SECONDS="0.4")
        place.wait_for_particles(job, 1, 1)
        place.workers[-1].terminate()
        bits = place.bits(job)
        with read_only(place.store.files.job(job.id)):
            place.worker(str(SCRIPT), prefix=prefix)
            ended = place.wait(job)
        assert ended.status == "failed"
        assert "could not be written" in ended.status_reason
        assert place.bits(job) == bits


def test_the_bell_of_a_broker_which_hangs_does_not_hang_with_it(tmp_path):
    """A post answers soon: its message is sent again by the sweeper."""
    with redis_server() as own:
        bell = Bell(own.url)
        assert bell.ring([tasks.Message("begin", "task_1", "cpu")])
        assert own.process is not None
        own.process.send_signal(19)
        began = time.monotonic()
        try:
            assert not bell.ring([tasks.Message("begin", "task_1", "cpu")])
        finally:
            own.process.send_signal(18)
        assert time.monotonic() - began < 20
        bell.close()


def test_a_job_cancelled_while_its_worker_is_gone_leaves_no_working_files(place, standard):
    job = place.submit(**standard)
    gone = place.worker(ADDING_SECONDS="0.3", ADDING_HOST="far-away", **SHORT)
    place.wait_for_particles(job, 0, 4)
    with place.store.begin() as session:
        jobs.cancel(session, job.id, job.user_id)
    gone.kill()
    place.worker()
    assert place.settle(job).status == "cancelled"
