from __future__ import annotations

import socket

import pytest

from subtomo import (
    Client,
    Conflict,
    ConnectionFailed,
    HTTPProblem,
    InvalidInput,
    NotFound,
    NotSignedIn,
)
from subtomo.patience import Patience

JOB = {"id": "job_1", "name": "", "dataset": "ds_1", "status": "queued", "spec": {}}
INFO = "GET /api/v1/service-info"
SUBMIT = "POST /api/v1/jobs"


def answering(value, **options):
    return lambda request: request.answer(value, **options)


def hanging_up(request):
    request.hang_up()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_token_is_sent(server, client):
    server.on(INFO, answering({"id": "x"}))
    assert client.service_info() == {"id": "x"}
    assert server.requests[0].headers["Authorization"] == "Bearer secret"


def test_an_absent_server_is_told_at_once_with_the_remedy():
    with (
        Client(f"http://127.0.0.1:{free_port()}", patience=60.0) as client,
        pytest.raises(ConnectionFailed, match="subtomo serve"),
    ):
        client.service_info()


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/", "http://"])
def test_an_address_that_is_none(url):
    with Client(url) as client, pytest.raises(ConnectionFailed):
        client.service_info()


def test_busy_answers_are_waited_out(server, client):
    server.on(INFO, answering({}, status=503), answering({}, status=502), answering({"id": "x"}))
    assert client.service_info() == {"id": "x"}
    assert len(server.requests) == 3


def test_the_servers_wish_for_a_pause_beyond_patience_ends_it(server, client):
    server.on(INFO, answering({"detail": "Later."}, status=503, headers={"Retry-After": "900"}))
    with pytest.raises(HTTPProblem, match="Later") as caught:
        client.service_info()
    assert caught.value.status == 503
    assert len(server.requests) == 1


def test_a_broken_connection_is_made_anew(server, client):
    server.on(INFO, hanging_up, answering({"id": "x"}))
    assert client.service_info() == {"id": "x"}


def test_a_repeated_submission_carries_the_same_key(server, client):
    server.on(SUBMIT, hanging_up, answering({}, status=503), answering(JOB, status=201))
    assert client.submit(dataset="ds_1", algorithm="faml").id == "job_1"
    keys = [request.headers["Idempotency-Key"] for request in server.calls(SUBMIT)]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    client.submit(dataset="ds_1", algorithm="faml")
    assert server.calls(SUBMIT)[-1].headers["Idempotency-Key"] != keys[0]


def test_what_may_not_be_repeated_is_not(server, client):
    server.on("POST /api/v1/datasets", hanging_up)
    with pytest.raises(ConnectionFailed, match="broke"):
        client.create_dataset("x", tilt=(-60, 60))
    assert len(server.requests) == 1


def test_a_dataset_must_say_what_is_missing_once(client):
    for options in ({}, {"tilt": (-60, 60), "missing": {"kind": "none"}}):
        with pytest.raises(InvalidInput, match="missing"):
            client.create_dataset("x", **options)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NotSignedIn), (403, NotSignedIn), (404, NotFound), (409, Conflict), (422, HTTPProblem)],
)
def test_problems_become_exceptions_with_their_fields(server, client, status, kind):
    fault = {"detail": "'classes' must be at least 1, got 0", "pointer": "/classes"}
    problem = {"type": "urn:x", "title": "T", "detail": "It will not do.", "errors": [fault]}
    server.on(SUBMIT, answering(problem, status=status))
    with pytest.raises(kind) as caught:
        client.submit(dataset="ds_1", algorithm="faml", classes=0)
    error = caught.value
    assert (error.status, error.type, error.title) == (status, "urn:x", "T")
    assert str(error) == "It will not do.\n  /classes: 'classes' must be at least 1, got 0"
    assert error.faults[0].pointer == "/classes"


def test_an_error_that_is_no_problem_document(server, client):
    server.on(INFO, answering(b"<html>gateway</html>", status=500))
    with pytest.raises(HTTPProblem, match="500"):
        client.service_info()


def test_records_pass_over_fields_of_a_newer_server(server, client):
    server.on("GET /api/v1/jobs/job_1", answering({**JOB, "mood": "sunny"}))
    assert client.job("job_1").status == "queued"


def test_lists_follow_their_cursors(server, client):
    pages = [
        {"items": [{**JOB, "id": "job_1"}, {**JOB, "id": "job_2"}], "cursor": "c"},
        {"items": [{**JOB, "id": "job_3"}], "cursor": None},
    ]
    server.on("GET /api/v1/jobs", *(answering(page) for page in pages))
    assert [job.id for job in client.jobs()] == ["job_1", "job_2", "job_3"]


def test_patience_pauses_longer_and_longer_until_its_end():
    pauses: list[float] = []
    patience = Patience(60.0, pause=1.0, sleep=pauses.append)
    assert all(patience.rest() for _ in range(5))
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]
    patience.renew()
    assert patience.rest()
    assert pauses[-1] == 1.0
    assert not Patience(0.5, pause=1.0, sleep=pauses.append).rest()
