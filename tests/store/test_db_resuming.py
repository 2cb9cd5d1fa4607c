"""A job that failed goes on from its last published iteration."""

from __future__ import annotations

import pytest

from subtomo_store.errors import ConflictError, LeaseLostError, NotAllowedError, NotFoundError
from subtomo_store.jobs import events, iterations, jobs, resuming, tasks, webhooks
from subtomo_store.people import groups, users
from support.steps import begin, finish, job_of, publish, take


def failed(store, message):
    """Fail a task, and its job with it; the lease."""
    lease = take(store, message)
    with store.begin() as session:
        tasks.give_up(session, lease, "not a number")
    return lease


def resumed(store, queued, user_id=None, window=8):
    with store.begin() as session:
        return resuming.resume(
            session,
            queued.job.id,
            user_id or queued.job.user_id,
            window=window,
            highest_priority=40,
        )


def first_iteration(store, queued):
    (reduce,) = [finish(store, take(store, message)) for message in begin(store, queued)][2]
    return publish(store, take(store, reduce))


def ended(store, messages):
    """Run an iteration's tasks to its publication."""
    (reduce,) = [finish(store, take(store, message)) for message in messages][-1]
    return publish(store, take(store, reduce))


def test_it_goes_on_from_the_last_published_iteration(store, queued):
    messages = first_iteration(store, queued)
    finish(store, take(store, messages[0]))
    failed(store, messages[1])
    assert job_of(store, queued).status == "failed"
    found = resumed(store, queued)
    job = job_of(store, queued)
    assert (job.status, job.finished, job.iteration, job.priority) == ("queued", None, 0, 40)
    assert job.status_reason == "ada resumed it: it goes on from iteration 0"
    assert [message.kind for message in found.messages] == ["align"] * 3
    ended(store, ended(store, found.messages))
    assert job_of(store, queued).status == "succeeded"
    with store.read() as session:
        told = [e.data["status"] for e in events.after(session, job.id) if e.kind == "status"]
        assert [i.number for i in iterations.published(session, job.id)] == [0, 1, 2]
    assert told == ["queued", "running", "failed", "queued", "running", "succeeded"]


def test_it_goes_on_where_the_average_failed(store, queued):
    (reduce,) = [finish(store, take(store, message)) for message in begin(store, queued)][2]
    failed(store, reduce)
    messages = ended(store, resumed(store, queued).messages)
    assert [message.kind for message in messages] == ["align"] * 3


def test_it_begins_anew_where_it_failed_to_begin(store, queued):
    failed(store, queued.messages[0])
    found = resumed(store, queued)
    assert [message.kind for message in found.messages] == ["begin"]
    assert "from its beginning" in job_of(store, queued).status_reason
    assert take(store, found.messages[0]) is not None


def test_what_somebody_still_does_for_the_failed_attempt_counts_for_nothing(store, queued):
    first, second, _ = begin(store, queued)
    old = take(store, first)
    failed(store, second)
    again = resumed(store, queued).messages[0]
    with pytest.raises(LeaseLostError):
        finish(store, old)
    new = take(store, again, "worker_2")
    assert (new.task.id, new.fence, new.task.attempts) == (old.task.id, old.fence + 1, 1)


def test_a_window_of_batches_is_out_after_it(store, queued):
    failed(store, begin(store, queued)[0])
    assert len(resumed(store, queued, window=2).messages) == 2


def test_asking_twice_does_no_harm_and_only_failed_jobs_are_resumed(store, queued):
    failed(store, begin(store, queued)[0])
    assert len(resumed(store, queued).messages) == 3
    assert resumed(store, queued).messages == []
    with store.begin() as session:
        jobs.cancel(session, queued.job.id, queued.job.user_id)
    with pytest.raises(ConflictError, match="cancelled: only one that failed"):
        resumed(store, queued)


def test_it_takes_an_editor(store, queued):
    failed(store, begin(store, queued)[0])
    with store.begin() as session:
        stranger, viewer = (users.ensure(session, name) for name in ("eve", "vic"))
        groups.create(session, "lab", queued.job.user_id)
        groups.set_member(session, None, "lab", "vic", "viewer")
        jobs.move_to_group(session, queued.job.id, queued.job.user_id, "lab")
    with pytest.raises(NotFoundError):
        resumed(store, queued, stranger.id)
    with pytest.raises(NotAllowedError):
        resumed(store, queued, viewer.id)


def test_the_end_after_it_is_told_as_well(store, queued):
    with store.begin() as session:
        webhooks.arm(session, queued.job.id, "https://example.org/")
    failed(store, begin(store, queued)[0])
    with store.begin() as session:
        claimed = webhooks.claim(session, queued.job.id, store.settings, 1.0)
        webhooks.acknowledged(session, claimed)
    resumed(store, queued)
    with store.read() as session:
        again = webhooks.of_jobs(session, [queued.job.id])[queued.job.id]
    assert (again.state, again.attempts) == ("armed", 0)
    assert again.message_id != claimed.message_id
