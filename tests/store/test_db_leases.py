"""Leases, fences, attempts, cancelling, and what is sent again."""

from __future__ import annotations

import pytest

from subtomo_core.errors import Cancelled
from subtomo_store.errors import LeaseLostError
from subtomo_store.jobs import iterations, jobs, losses, tasks
from support.racing import at_once
from support.steps import begin, finish, job_of, let_time_pass, publish, take


def test_a_task_is_leased_to_one_of_many(store, queued):
    messages = begin(store, queued)
    leases = at_once(lambda number: take(store, messages[0], f"worker_{number}"))
    assert sum(lease is not None for lease in leases) == 1


def test_the_last_batches_ending_at_once_release_one_reduce(store, queued):
    leases = [take(store, message) for message in begin(store, queued)]
    assert len(leases) == 3
    released = at_once(lambda number: finish(store, leases[number]), 3)
    assert [message.kind for messages in released for message in messages] == ["reduce"]


def test_only_the_newest_fence_may_publish(store, queued):
    message = begin(store, queued)[0]
    old = take(store, message, lease_seconds=0.0)
    new = take(store, message, "worker_2")
    assert new.fence == old.fence + 1
    with pytest.raises(LeaseLostError):
        finish(store, old)
    with store.begin() as session:
        assert tasks.renew(session, old, 3, lease_seconds=30) == "lost"
        assert tasks.give_back(session, old, error="late", max_attempts=3) == []
        assert tasks.renew(session, new, 3, lease_seconds=30) == "keep"
    assert finish(store, new) == []
    assert take(store, message) is None


def test_an_old_reduce_places_nothing(store, queued):
    (reduce,) = [finish(store, take(store, message)) for message in begin(store, queued)][2]
    old = take(store, reduce, lease_seconds=0.0)
    take(store, reduce, "worker_2")
    placed = []
    with pytest.raises(LeaseLostError):
        publish(store, old, place=lambda: placed.append(1))
    assert placed == []


def test_three_attempts_then_the_job_fails_in_words(store, queued):
    message = begin(store, queued)[0]
    for attempt in range(1, 4):
        lease = take(store, message)
        assert lease.task.attempts == attempt
        with store.begin() as session:
            again = tasks.give_back(session, lease, error="the disk is full", max_attempts=3)
        assert again == ([message] if attempt < 3 else [])
        expected = "running" if attempt < 3 else "failed"
        assert job_of(store, queued).status == expected
        assert "the disk is full" in job_of(store, queued).status_reason
    job = job_of(store, queued)
    assert job.status == "failed"
    assert job.status_reason == "iteration 0, particles 1 to 4: the disk is full"
    with store.read() as session:
        states = {task.state for task in iterations.batches(session, job.id, 0)}
    assert states == {"failed", "dropped"}


def test_a_soft_end_uses_up_no_attempt(store, queued):
    message = begin(store, queued)[0]
    for _ in range(5):
        lease = take(store, message)
        with store.begin() as session:
            assert tasks.give_back(session, lease, error=None, max_attempts=3) == [message]
    assert lease.task.attempts == 1


def test_cancel_is_at_once_where_nobody_works(store, queued):
    with store.begin() as session:
        assert jobs.cancel(session, queued.job.id, queued.job.user_id).status == "cancelled"
        assert jobs.cancel(session, queued.job.id, queued.job.user_id).status == "cancelled"
    assert take(store, queued.messages[0]) is None


def test_cancel_waits_for_the_worker(store, queued):
    lease = take(store, begin(store, queued)[0])
    with store.begin() as session:
        assert jobs.cancel(session, queued.job.id, queued.job.user_id).status == "cancelling"
        assert tasks.renew(session, lease, 1, lease_seconds=30) == "cancel"
    with pytest.raises(Cancelled):
        finish(store, lease)
    with store.begin() as session:
        tasks.drop(session, lease)
    assert job_of(store, queued).status == "cancelled"


def test_cancel_does_not_wait_for_a_dead_worker(store, queued):
    lease = take(store, begin(store, queued)[0])
    with store.begin() as session:
        assert jobs.cancel(session, queued.job.id, queued.job.user_id).status == "cancelling"
    let_time_pass(store, 31)
    with store.begin() as session:
        tasks.sweep_cancelling(session)
    assert job_of(store, queued).status == "cancelled"
    assert lease is not None


def test_a_task_of_a_dead_worker_is_free_once_its_lease_ran_out(store, queued):
    message = begin(store, queued)[0]
    old = take(store, message)
    assert take(store, message) is None
    let_time_pass(store, 31)
    new = take(store, message)
    assert (new.fence, new.task.attempts) == (old.fence + 1, 1)  # nobody lived through


def test_a_task_that_failed_rests_before_it_is_tried_again(store, queued):
    message = begin(store, queued)[0]
    lease = take(store, message)
    with store.begin() as session:
        given = {"error": "the disk is full", "max_attempts": 3, "pause_seconds": 20.0}
        assert tasks.give_back(session, lease, **given) == [message]
    assert take(store, message) is None
    let_time_pass(store, 21)
    assert take(store, message).task.attempts == 2


def test_what_a_dead_worker_held_is_free_at_once_and_fenced(store, queued):
    first, second, _ = begin(store, queued)
    old, other = take(store, first, "worker_1"), take(store, second, "worker_2")
    with store.begin() as session:
        losses.release(session, "worker_1", machine_lived=True)
    new = take(store, first, "worker_3")
    assert (new.fence, new.task.attempts) == (old.fence + 1, 2)
    with pytest.raises(LeaseLostError):
        finish(store, old)
    assert finish(store, new) == finish(store, other) == []


def test_a_dead_worker_does_not_hold_up_a_cancel(store, queued):
    take(store, begin(store, queued)[0], "worker_1")
    with store.begin() as session:
        assert jobs.cancel(session, queued.job.id, queued.job.user_id).status == "cancelling"
        losses.release(session, "worker_1", machine_lived=True)
    assert job_of(store, queued).status == "cancelled"
