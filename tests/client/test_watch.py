from __future__ import annotations

import pytest

from subtomo import ConnectionFailed, JobFailed, NotFound, Rejected, SubtomoError
from support.job_answers import DONE, JOB, answering, event, streaming

EVENTS = "GET /api/v1/jobs/job_1/events"
RECORD = "GET /api/v1/jobs/job_1"
DATASET = {"id": "ds_1", "name": "x", "status": "checking"}


END = event(9, "status", status="succeeded")


def test_events_come_in_order_to_the_end(server, client):
    server.on(EVENTS, streaming(b": ping\n\n", event(1), event(2), END))
    assert [one.id for one in client.watch("job_1")] == [1, 2, 9]


def test_a_job_that_failed_and_was_resumed_is_followed_to_its_end(server, client):
    failed, resumed = event(3, "status", status="failed"), event(4, "status", status="queued")
    server.on(EVENTS, streaming(event(1), failed, resumed, END))
    assert [one.id for one in client.watch("job_1")] == [1, 3, 4, 9]


def test_a_broken_stream_goes_on_behind_the_last_event_seen(server, client):
    server.on(RECORD, answering(JOB))
    server.on(
        EVENTS,
        streaming(event(1), event(2)[:20], then_break=True),
        answering({}, status=503),
        streaming(event(1), event(2), event(3)),
        streaming(END),
    )
    assert [one.id for one in client.watch("job_1")] == [1, 2, 3, 9]
    asked = [request.headers["Last-Event-ID"] for request in server.calls(EVENTS)]
    assert asked == ["0", "1", "1", "3"]


def test_a_job_that_ended_long_ago_ends_the_watch(server, client):
    server.on(RECORD, answering(DONE))
    server.on(EVENTS, streaming(event(4)), streaming())
    assert [one.id for one in client.watch("job_1")] == [4]


def test_watching_no_job_is_an_error(client):
    with pytest.raises(NotFound):
        list(client.watch("job_1"))


def test_patience_with_a_silent_server_ends(server, client):
    server.on(EVENTS, streaming(event(1), then_break=True), lambda request: request.hang_up())
    server.on(RECORD, answering(JOB))
    client._transport.patience = 0.5
    with pytest.raises(ConnectionFailed):
        list(client.watch("job_1"))


def test_wait_returns_the_ended_job(server, client):
    server.on(RECORD, answering(JOB), answering(JOB), answering(DONE))
    assert client.wait("job_1").status == "succeeded"
    assert server.requests[-1].headers["Prefer"].startswith("wait=")


def test_wait_knows_an_unchanged_answer(server, client):
    tag = {"ETag": '"3"'}
    server.on(
        RECORD,
        answering(JOB),
        answering(JOB, headers=tag),
        lambda request: request.begin(304, tag),
        answering(DONE),
    )
    assert client.wait("job_1").terminal
    assert server.requests[2].headers["If-None-Match"] == '"3"'


def test_a_failed_job_tells_its_reason(server, client):
    server.on(RECORD, answering(JOB | {"status": "failed", "status_reason": "the disk is full"}))
    with pytest.raises(JobFailed, match="the disk is full"):
        client.wait("job_1")
    assert client.wait("job_1", must_succeed=False).status == "failed"


def test_waiting_can_end_before_the_job(server, client):
    server.on(RECORD, answering(JOB))
    with pytest.raises(SubtomoError, match="still running"):
        client.wait("job_1", timeout=0.6)


def test_a_rejected_dataset_tells_every_problem(server, client):
    problems = [
        {"detail": "the box is 32, not 48", "file": "b.mrc", "row": 2},
        {"detail": "it holds NaN voxels", "file": "c.mrc"},
    ]
    server.on("POST /api/v1/datasets/ds_1/seal", answering(DATASET, status=202))
    server.on(
        "GET /api/v1/datasets/ds_1",
        answering(DATASET),
        answering(DATASET | {"status": "rejected", "problems": problems}),
    )
    with pytest.raises(Rejected) as caught:
        client.seal("ds_1")
    assert str(caught.value).splitlines() == [
        "The dataset was rejected: 2 problems.",
        "  b.mrc, row 2: the box is 32, not 48",
        "  c.mrc: it holds NaN voxels",
    ]


def test_a_ready_dataset_is_returned(server, client):
    ready = DATASET | {"status": "ready", "particles": 4, "box": 32}
    server.on("POST /api/v1/datasets/ds_1/seal", answering(ready))
    assert client.seal("ds_1").particles == 4
