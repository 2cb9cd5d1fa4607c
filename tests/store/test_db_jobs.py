"""A job's way: batches, windows, iterations, progress, events."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subtomo_store.database.records import TERMINAL, FileRecord
from subtomo_store.errors import ConflictError, NotFoundError
from subtomo_store.jobs import events, iterations, jobs, tasks, transitions
from subtomo_store.jobs.progress import progress_of
from support.records import new_job, ready_dataset, user_named
from support.steps import begin, finish, job_of, publish, take


@given(st.integers(1, 10_000), st.integers(1, 500))
def test_batches_cover_every_particle_once(particles, size):
    ranges = iterations.cut(particles, size)
    covered = [index for span in ranges for index in range(span.first, span.last)]
    assert covered == list(range(particles))
    sizes = [span.last - span.first for span in ranges]
    assert set(sizes[:-1]) <= {size}
    assert 1 <= sizes[-1] <= size


def test_a_terminal_status_is_final():
    final = {status for status, moves in transitions.MOVES.items() if not moves}
    assert final | {"failed"} == TERMINAL  # what failed may be resumed
    assert transitions.MOVES["failed"] == {"queued"}


def test_a_job_runs_to_its_end(store, queued):
    messages = begin(store, queued)
    for number in range(3):
        assert [message.kind for message in messages] == ["align"] * 3
        after = [finish(store, take(store, message)) for message in messages]
        assert after[:2] == [[], []]
        (reduce,) = after[2]
        assert reduce.kind == "reduce"
        files = (FileRecord("model.npz", 3, "0" * 64),)
        alarms = ("class 2 is empty",) if number == 1 else ()
        messages = publish(
            store, take(store, reduce), iterations.Published({"sigma": 0.5}, files, alarms)
        )
        with store.read() as session:
            assert iterations.get(session, queued.job.id).number == number
            assert iterations.file(session, queued.job.id, number, "model.npz").size == 3
    job = job_of(store, queued)
    assert (messages, job.status, job.iteration) == ([], "succeeded", 2)
    with store.read() as session:
        told = events.after(session, job.id)
        kinds = [event.kind for event in told]
        assert progress_of(session, job).fraction == 1.0
        assert len(iterations.published(session, job.id)) == 3
        assert events.after(session, job.id, told[3].id) == told[4:]
    assert [event.data["status"] for event in told if event.kind == "status"] == [
        "queued",
        "running",
        "succeeded",
    ]
    assert (kinds.count("iteration"), kinds.count("alarm")) == (3, 1)
    assert job.version > len(told)


def alarms_of(store, queued):
    with store.read() as session:
        told = events.after(session, queued.job.id)
    return [event.data for event in told if event.kind == "alarm"]


def test_an_alarm_is_raised_when_its_cause_appears_and_not_again_while_it_stands(store, queued):
    empty = "class 2 is empty"
    said = [(f"{empty}: ask for fewer",), (f"{empty}: so fewer would do", "no signal: look"), ()]
    messages = begin(store, queued)
    for alarms in said:
        (reduce,) = [finish(store, take(store, message)) for message in messages][2]
        published = iterations.Published({"alarms": list(alarms)}, (), alarms)
        messages = publish(store, take(store, reduce), published)
    told = alarms_of(store, queued)
    assert told == [
        {"iteration": 0, "detail": said[0][0]},
        {"iteration": 1, "detail": "no signal: look"},
    ]


def test_an_alarm_comes_again_when_its_cause_does(store, queued):
    messages = begin(store, queued)
    for alarms in (("class 2 is empty: a",), (), ("class 2 is empty: b",)):
        (reduce,) = [finish(store, take(store, message)) for message in messages][2]
        published = iterations.Published({"alarms": list(alarms)}, (), alarms)
        messages = publish(store, take(store, reduce), published)
    told = alarms_of(store, queued)
    assert [alarm["iteration"] for alarm in told] == [0, 2]


def test_a_window_of_batches_is_out_at_a_time(store, queued):
    messages = begin(store, queued, window=1)
    order = []
    while messages[0].kind == "align":
        assert len(messages) == 1
        lease = take(store, messages[0])
        order.append(lease.task.batch)
        messages = finish(store, lease)
    assert order == [0, 1, 2]


def test_a_reduce_whose_folder_cannot_be_placed_publishes_nothing(store, queued):
    (reduce,) = [finish(store, take(store, message)) for message in begin(store, queued)][2]
    lease = take(store, reduce)

    def refuse():
        raise OSError(28, "no space")

    with pytest.raises(OSError, match="no space"):
        publish(store, lease, place=refuse)
    with store.read() as session, pytest.raises(NotFoundError):
        iterations.get(session, queued.job.id)
    assert [message.kind for message in publish(store, lease)] == ["align"] * 3


def test_progress_counts_particles_and_is_told(store, queued):
    first, second, _ = begin(store, queued)
    lease = take(store, first)
    with store.begin() as session:
        tasks.renew(session, lease, 2, lease_seconds=30)
        tasks.renew(session, lease, 2, lease_seconds=30)
    finish(store, take(store, second))
    with store.read() as session:
        job = jobs.get(session, queued.job.id)
        progress = progress_of(session, job)
        told = [e.data for e in events.after(session, job.id) if e.kind == "progress"]
    assert (progress.iteration, progress.iterations) == (0, 2)
    assert progress.particles_done == 2 + 4
    assert progress.fraction == pytest.approx(0.6 / 3)
    assert [data["particles_done"] for data in told] == [2, 6]


def test_a_job_needs_a_ready_dataset(store, queued):
    with store.begin() as session:
        user = user_named(session)
        dataset = ready_dataset(session, user)
        closed = type(dataset)(**{**dataset.__dict__, "status": "rejected"})
        with pytest.raises(ConflictError, match="rejected"):
            new_job(session, closed, user)


def test_events_of_a_job_are_seen_in_order_by_a_concurrent_reader(store, queued):
    job_id, over, seen = queued.job.id, threading.Event(), []

    def write(name):
        for number in range(8):
            with store.begin() as session:
                events.append(session, job_id, "alarm", {"from": name, "number": number})

    def read():
        last = 0
        while True:
            ended = over.is_set()
            with store.read() as session:
                found = events.after(session, job_id, last)
            seen.extend(found)
            last = found[-1].id if found else last
            if ended and not found:
                return

    writers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    reader = threading.Thread(target=read)
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    over.set()
    reader.join()
    assert sum(event.kind == "alarm" for event in seen) == 24
