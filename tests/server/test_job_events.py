"""What happened to a job, live and as a list."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx

from subtomo_store.jobs import events, jobs
from subtomo_store.jobs.transitions import lock, move
from support.job_calls import new_job, to
from support.serving import Served


def read_stream(
    client: httpx.Client,
    job: str,
    after: str = "",
    at_each: Callable[[dict], None] = lambda _: None,
) -> list[dict]:
    """Every event until the server ends the stream; ``at_each`` is told each as it comes."""
    headers = {"accept": "text/event-stream"} | ({"last-event-id": after} if after else {})
    told = []
    with client.stream("GET", f"/jobs/{job}/events", headers=headers) as answer:
        if answer.status_code == 204:
            return []
        assert answer.headers["content-type"].startswith("text/event-stream")
        block: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                block[name] = value
            elif "data" in block:
                event = json.loads(block["data"])
                assert (block["id"], block["event"]) == (str(event["id"]), event["kind"])
                told.append(event)
                at_each(event)
                block = {}
    return told


def test_events_come_live_and_the_stream_ends_after_the_last(service: Served, dataset: str):
    job = new_job(service, dataset)["id"]

    def work(event: dict) -> None:
        if event["data"].get("status") == "queued":
            to(service, job, "running")
        elif event["data"].get("status") == "running":
            with service.store.begin() as session:
                events.append(session, job, "alarm", {"iteration": 1, "detail": "class 2 empties"})
        elif event["kind"] == "alarm":
            to(service, job, "failed", "the disk is full")

    told = read_stream(service.client, job, at_each=work)
    words = [event["data"].get("status", event["data"].get("detail")) for event in told]
    assert words == ["queued", "running", "class 2 empties", "failed"]
    assert told[-1]["data"]["reason"] == "the disk is full"
    ids = [event["id"] for event in told]
    assert ids == sorted(ids)


def test_a_broken_stream_goes_on_behind_the_last_event(service: Served, dataset: str):
    job = new_job(service, dataset)["id"]
    to(service, job, "running")
    to(service, job, "failed", "x")
    everything = read_stream(service.client, job)
    for index, event in enumerate(everything):
        assert read_stream(service.client, job, str(event["id"])) == everything[index + 1 :]
    bad = service.client.get(f"/jobs/{job}/events", headers={"last-event-id": "abc"})
    assert bad.status_code == 422


def test_the_same_events_as_a_list_in_pages(service: Served, dataset: str):
    job = new_job(service, dataset)["id"]
    to(service, job, "running")
    to(service, job, "failed", "x")
    kind = {"accept": "application/json"}
    first = service.client.get(f"/jobs/{job}/events", headers=kind, params={"limit": 2}).json()
    rest = service.client.get(
        f"/jobs/{job}/events", headers=kind, params={"cursor": first["cursor"]}
    ).json()
    assert rest["cursor"] is None
    assert first["items"] + rest["items"] == read_stream(service.client, job)


def test_a_stream_ends_when_its_job_is_deleted(service: Served, dataset: str):
    job = new_job(service, dataset)["id"]
    to(service, job, "running")

    def end(event: dict) -> None:
        if event["data"]["status"] != "running":
            return
        with service.store.begin() as session:
            move(session, lock(session, job), "cancelling")
            move(session, lock(session, job), "cancelled")
            jobs.remove(session, job, jobs.get(session, job).user_id)

    told = read_stream(service.client, job, at_each=end)
    assert [event["data"]["status"] for event in told] == ["queued", "running"]
