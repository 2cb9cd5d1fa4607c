"""Jobs which end before their last iteration, and the time which starts side by side take."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from subtomo_core.errors import SubtomoError
from subtomo_store.database.tables import IterationRow, TaskRow
from subtomo_store.errors import LeaseLostError
from subtomo_store.jobs import events, iterations
from subtomo_store.jobs.progress import progress_of
from support.records import new_job, ready_dataset, user_named
from support.steps import EMPTY, begin, finish, job_of, publish, take

CONVERGED = iterations.Published(
    metrics={"sigma": 1.0},
    files=(),
    alarms=(),
    notes=("start 2 of 3 goes on alone",),
    ended="converged after 1 iterations",
)


@pytest.fixture
def long(store):
    """A job of 10 particles, three batches, ten iterations, three starts for four of them."""
    with store.begin() as session:
        user = user_named(session)
        changes = {"iterations": 10, "starts": 3, "trial_iterations": 4}
        return new_job(session, ready_dataset(session, user), user, **changes)


def aligned(store, messages):
    """The reduce message after all batches of an iteration."""
    after = [finish(store, take(store, message)) for message in messages]
    return after[-1][0]


def to_the_first_reduce(store, queued):
    """The reduce message of iteration 1."""
    reduce = aligned(store, begin(store, queued))
    return aligned(store, publish(store, take(store, reduce), EMPTY))


def test_a_converged_job_ends_at_once_and_says_so(store, long):
    reduce = to_the_first_reduce(store, long)
    assert publish(store, take(store, reduce), CONVERGED) == []
    job = job_of(store, long)
    assert (job.status, job.iteration) == ("succeeded", 1)
    assert job.status_reason == "converged after 1 iterations"
    with store.read() as session:
        told = events.after(session, job.id)
        progress = progress_of(session, job)
        assert list(session.scalars(select(IterationRow.number))) == [0, 1]
        assert not set(session.scalars(select(TaskRow.state))) - {"done"}
    assert (progress.iteration, progress.iterations, progress.fraction) == (1, 10, 1.0)
    assert progress.eta_seconds is None
    notes = [event.data for event in told if event.kind == "note"]
    assert notes == [{"iteration": 1, "detail": "start 2 of 3 goes on alone"}]
    assert told[-1].data == {"status": "succeeded", "reason": "converged after 1 iterations"}


def test_a_worker_killed_while_it_ends_a_job_leaves_it_to_the_next(store, long):
    reduce = to_the_first_reduce(store, long)
    first = take(store, reduce, lease_seconds=0.0)

    def killed():
        raise SubtomoError("killed")

    with pytest.raises(SubtomoError, match="killed"):
        publish(store, first, CONVERGED, killed)
    assert job_of(store, long).status == "running"
    with store.read() as session:
        assert [e.kind for e in events.after(session, long.job.id)].count("note") == 0
    second = take(store, reduce, "worker_2")
    with pytest.raises(LeaseLostError):
        publish(store, first, CONVERGED)
    assert publish(store, second, CONVERGED) == []
    assert job_of(store, long).status_reason == "converged after 1 iterations"
    assert take(store, reduce) is None


def test_the_time_left_counts_each_start_while_starts_are_compared(store, long):
    messages = publish(store, take(store, aligned(store, begin(store, long))), EMPTY)
    assert len(messages) == 3
    with store.begin() as session:
        session.execute(update(IterationRow).where(IterationRow.number == 0).values(seconds=6.0))
    with store.read() as session:
        left = progress_of(session, job_of(store, long)).eta_seconds
    # The survey of three starts took 6 s: 2 s a start. Three starts for 4 iterations, one for 6.
    assert timedelta(seconds=left) == timedelta(seconds=2.0 * (3 * 4 + 6))
