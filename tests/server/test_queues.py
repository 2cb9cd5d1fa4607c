"""Handling beside a specification, priorities, and what a waiting job is told, over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from subtomo_core.errors import InputError
from subtomo_server.jobs.posted_job import PostedJob
from subtomo_server.jobs.posting import wanted
from subtomo_store.database.people_tables import UserRow
from subtomo_store.database.records import TERMINAL
from subtomo_store.jobs import drains, workers
from subtomo_store.jobs.transitions import lock, move
from subtomo_store.people import users
from support.job_calls import cancel, post, refused
from support.services import WorkerProcess, wait_until
from support.serving import Served, small_spec


def test_handling_stands_beside_the_specification(service: Served, dataset: str):
    hook = "https://lab.example.org/hook"
    handling = {"priority": 20, "queue": "preview", "webhook": hook}
    job = post(service, "/jobs", small_spec(dataset, **handling))
    assert (job["priority"], job["queue"]["name"]) == (20, "preview")
    assert (job["webhook"]["host"], job["webhook"]["state"]) == ("lab.example.org", "armed")
    assert not set(handling) & set(job["spec"])
    cancel(service, job)
    told = service.client.get(f"/jobs/{job['id']}").json()
    assert told["webhook"]["state"] in ("waiting", "delivered", "failed")
    assert told["queue"] == {"name": "preview", "place": None, "ahead": None, "reason": None}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"priority": 51}, "above 50, the highest which you may give"),
        ({"priority": 101}, "priority"),
        ({"queue": "gpu"}, "queue"),
        ({"webhook": "http://127.0.0.1/hook"}, "not HTTPS"),
        ({"webhook": 3}, "webhook"),
    ],
)
def test_handling_which_cannot_be_granted(
    service: Served, dataset: str, asked: dict[str, Any], words: str
):
    error = refused(service, "/jobs", small_spec(dataset, **asked))
    assert words in error["detail"]


def test_long_jobs_are_kept_out_of_the_queue_for_small_ones(service: Served, dataset: str):
    spec = PostedJob.model_validate(small_spec(dataset, queue="preview"))
    quick = service.store.settings.model_copy(update={"preview_seconds": 1e-9})
    with service.store.read() as session:
        owner = users.ensure(session, "tester")
        assert wanted(session, service.store, owner, spec).orders.queue == "preview"
        with pytest.raises(InputError, match="too long for the queue preview"):
            wanted(session, replace(service.store, settings=quick), owner, spec)


def test_a_waiting_job_is_told_why_and_its_place(service: Served, dataset: str):
    first, second = (post(service, "/jobs", small_spec(dataset)) for _ in range(2))
    urgent = post(service, "/jobs", small_spec(dataset, priority=50))
    low = post(service, "/jobs", small_spec(dataset, priority=10))

    def queue(job: dict[str, Any]) -> dict[str, Any]:
        return dict(service.client.get(f"/jobs/{job['id']}").json()["queue"])

    def soon(job: dict[str, Any], field: str, value: object) -> None:
        """What a job waits for may be told half a second late."""
        wait_until(lambda: queue(job)[field] == value, f"{field} is {value}")

    places = [queue(job)["place"] for job in (first, second, urgent, low)]
    assert places == sorted(places)
    assert places[1] == places[0] + 1
    assert queue(low)["ahead"] == places[3] - 1
    with service.store.begin() as session:
        drains.drain(session, "new disks at noon")
    soon(first, "reason", "no new work is handed out for now: new disks at noon")
    told = service.client.get(f"/jobs/{first['id']}").json()
    assert told["status_reason"] == told["queue"]["reason"]
    assert service.client.get("/service-info").json()["resting"] == "new disks at noon"
    ready = service.client.get("/health/ready").json()
    assert "new disks at noon" in ready["checks"]["dispatch"]["detail"]
    with service.store.begin() as session:
        drains.undrain(session)
    soon(low, "reason", "no worker of queue cpu is alive")
    etag = {"if-none-match": service.client.get(f"/jobs/{low['id']}").headers["etag"]}
    assert service.client.get(f"/jobs/{low['id']}", headers=etag).status_code == 304
    cancel(service, first)
    soon(low, "place", places[3] - 1)
    assert service.client.get(f"/jobs/{low['id']}", headers=etag).status_code == 200
    cancel(service, second, urgent, low)


def test_a_priority_is_changed_as_long_as_it_matters(service: Served, dataset: str):
    first, second = (post(service, "/jobs", small_spec(dataset)) for _ in range(2))
    path = f"/jobs/{second['id']}"
    assert second["queue"]["place"] > first["queue"]["place"]
    service.client.patch(f"/jobs/{first['id']}", json={"priority": 30}).raise_for_status()
    etag = {"if-none-match": service.client.get(path).headers["etag"]}
    changed = service.client.patch(path, json={"name": "urgent", "priority": 40}).json()
    assert (changed["name"], changed["priority"], changed["status"]) == ("urgent", 40, "queued")

    def overtaken() -> bool:
        now = [service.client.get(f"/jobs/{job['id']}").json() for job in (first, second)]
        return bool(now[1]["queue"]["place"] < now[0]["queue"]["place"])

    wait_until(overtaken, "the second one is before the first")
    assert service.client.get(path, headers=etag).status_code == 200
    service.client.patch(path, json={"priority": 40}).raise_for_status()  # which changes nothing
    listed = {"accept": "application/json"}
    told = service.client.get(f"{path}/events", headers=listed).json()["items"]
    assert [event["data"] for event in told if event["kind"] == "note"] == [
        {"iteration": None, "detail": "tester changed the priority from 50 to 40"}
    ]
    for priority, words in ((51, "above 50, the highest which you may give"), (101, "priority")):
        refusal = service.client.patch(path, json={"name": "no", "priority": priority})
        assert refusal.status_code == 422
        assert words in refusal.json()["errors"][0]["detail"]
        assert refusal.json()["errors"][0]["pointer"] == "/priority"
    assert service.client.get(path).json()["name"] == "urgent"
    cancel(service, first, second)
    over = service.client.patch(path, json={"priority": 10})
    assert over.status_code == 409
    assert "cancelled: only one which waits or runs can get another" in over.json()["detail"]


def test_a_limit_of_running_jobs_is_told(service: Served, dataset: str, worker: WorkerProcess):
    limit = update(UserRow).where(UserRow.name == "tester").values(running_jobs=1)

    def shown() -> bool:
        with service.store.read() as session:
            return bool(workers.alive(session))

    def idle() -> bool:
        mine = service.client.get("/jobs?limit=200").json()["items"]
        return all(job["status"] in TERMINAL for job in mine)

    wait_until(shown, "the worker shows itself")
    wait_until(idle, "the jobs of earlier tests are over")
    with service.store.begin() as session:
        session.execute(limit)
        worker.pause()  # while the lock of the database is here, and not with the worker
    try:
        first, second = (post(service, "/jobs", small_spec(dataset)) for _ in range(2))
        with service.store.begin() as session:
            move(session, lock(session, first["id"]), "running")
        told = service.client.get(f"/jobs/{second['id']}").json()
        assert told["queue"]["reason"] == "waiting: 1 of your jobs is running, which is your limit"
        cancel(service, second, first)
    finally:
        worker.resume()


def test_the_secret_of_webhooks_is_ones_own(service: Served):
    mine = service.client.get("/webhook-secret").json()["secret"]
    assert mine.startswith("whsec_")
    assert service.client.get("/webhook-secret").json()["secret"] == mine
    with service.another_user() as other:
        assert other.get("/webhook-secret").json()["secret"] != mine
    assert service.client.post("/webhook-secret").json()["secret"] != mine
