"""Which lost workers count against a task, and when it has been enough."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from subtomo_store.database.tables import LossRow, TaskRow, WorkerRow
from subtomo_store.jobs import dispatch, losses, workers
from support.steps import begin, job_of, let_time_pass, take


def working(store, name, host):
    """A worker of a host which has just given a sign of life."""
    with store.begin() as session:
        workers.beat(
            session,
            worker_id=name,
            name=host,
            queues=("cpu",),
            host=host,
            namespace="",
            pid=1,
            born=0.0,
            threads=1,
        )
    return name


def lost(store, message, worker, *, machine_lived):
    """Take a task and be lost with it."""
    lease = take(store, message, worker)
    if lease is not None:
        with store.begin() as session:
            losses.release(session, worker, machine_lived=machine_lived)
    return lease


def witnesses(store):
    with store.read() as session:
        rows = session.scalars(select(LossRow).order_by(LossRow.fence))
        return [(row.witness, row.counts) for row in rows]


def test_a_worker_lost_three_times_fails_the_job(store, queued):
    message = begin(store, queued)[0]
    for attempt in (1, 2, 3):
        assert lost(store, message, "w", machine_lived=True).task.attempts == attempt
    assert take(store, message) is None
    assert "the worker was lost 3 times while at it" in job_of(store, queued).status_reason


def test_what_went_down_with_everything_around_it_uses_up_no_attempt(store, queued):
    message = begin(store, queued)[0]
    for fence in range(1, 21):
        lease = lost(store, message, "w", machine_lived=False)
        assert (lease.task.attempts, lease.fence) == (1, fence)
    assert take(store, message).task.attempts == 1
    assert witnesses(store) == [("nobody", False)] * 20


def test_what_takes_everything_down_for_an_hour_fails_in_the_end(store, queued):
    message = begin(store, queued)[0]
    for _ in range(9):
        lost(store, message, "w", machine_lived=False)
    with store.begin() as session:
        for row in session.scalars(select(LossRow)):
            row.time -= timedelta(hours=1.5)
    assert take(store, message) is None
    reason = job_of(store, queued).status_reason
    assert "went down 9 times in 1.5 hours while at it" in reason


def test_few_losses_are_forgiven_however_long_ago_the_first_was(store, queued):
    message = begin(store, queued)[0]
    for _ in range(8):
        lost(store, message, "w", machine_lived=False)
    with store.begin() as session:
        for row in session.scalars(select(LossRow)):
            row.time -= timedelta(days=3)
    assert take(store, message) is not None


@pytest.mark.parametrize(
    ("other", "found"),
    [("near", ("machine", True)), ("far", ("others", True)), (None, ("nobody", False))],
)
def test_whoever_lived_through_it_is_a_witness(store, queued, other, found):
    message = begin(store, queued)[0]
    if other:
        working(store, "witness", other)
    take(store, message, working(store, "dead", "near"))
    with store.begin() as session:
        dead = session.get_one(WorkerRow, "dead")
        dead.heartbeat += timedelta(milliseconds=1)
    let_time_pass(store, 31)
    assert take(store, message, "witness" if other else working(store, "new", "near")) is not None
    assert witnesses(store) == [found]


def test_who_came_later_or_fell_silent_before_is_no_witness(store, queued):
    message = begin(store, queued)[0]
    working(store, "fell too", "far")
    take(store, message, working(store, "dead", "near"))
    let_time_pass(store, -31)
    with store.begin() as session:
        for row in session.scalars(select(TaskRow).where(TaskRow.worker == "dead")):
            row.lease_until -= timedelta(seconds=61)
        for row in session.scalars(select(WorkerRow)):
            row.started -= timedelta(minutes=5)
            row.heartbeat -= timedelta(minutes=4)
    take(store, message, working(store, "came later", "elsewhere"))
    assert witnesses(store) == [("nobody", False)]


def test_one_machine_that_falls_again_and_again_counts_once(store, queued):
    message = begin(store, queued)[0]
    working(store, "witness", "far")
    for number in range(3):
        take(store, message, working(store, f"dead_{number}", "faulty"))
        with store.begin() as session:
            session.get_one(WorkerRow, f"dead_{number}").heartbeat += timedelta(milliseconds=1)
        let_time_pass(store, 31)
        lease = take(store, message, "witness")
        with store.begin() as session:
            losses.release(session, "witness", machine_lived=False)
            workers.leave(session, f"dead_{number}")
    assert lease is not None
    counted = [counts for witness, counts in witnesses(store) if witness == "others"]
    assert counted == [True, False, False]


def test_what_was_lost_before_waits_behind_the_rest_of_its_iteration(store, queued):
    first, second, third = begin(store, queued)
    lost(store, first, "w", machine_lived=False)
    seeker = dispatch.Seeker("w2", "here", ("cpu",))
    taken = [dispatch.take(store, seeker).lease.task.id for _ in range(3)]
    assert taken == [second.task_id, third.task_id, first.task_id]
