"""A facility of two servers and three workers, on PostgreSQL and Redis, by HTTP alone."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from subtomo_store.jobs import iterations
from subtomo_store.people import access, users
from support import compose
from support.embedded import follow, job_spec, push
from support.facility import Facility, facility
from support.services import wait_until
from support.serving import client_of

pytestmark = pytest.mark.slow
TERMINAL = {"succeeded", "failed", "cancelled"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facility]:
    with facility(tmp_path_factory.mktemp("facility")) as running:
        yield running


@pytest.fixture(scope="module")
def ada(house: Facility) -> Iterator[httpx.Client]:
    with house.client("ada", server=0) as client:
        yield client


@pytest.fixture(scope="module")
def dataset(ada: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    return push(ada, tmp_path_factory.mktemp("volumes"))


@pytest.fixture(scope="module")
def undisturbed(ada: httpx.Client, dataset: str) -> dict[str, str]:
    return bits(ada, succeeded(ada, post(ada, dataset)))


def post(client: httpx.Client, dataset: str, **changes: Any) -> str:
    answer = client.post("/jobs", json=job_spec(dataset) | changes)
    return str(answer.raise_for_status().json()["id"])


def succeeded(client: httpx.Client, job: str) -> str:
    """Wait for the end: it must be the only one, and a success."""
    follow(client, job)
    kind = {"accept": "application/json"}
    told = client.get(f"/jobs/{job}/events?limit=500", headers=kind).json()["items"]
    ends = [event["data"]["status"] for event in told if event["kind"] == "status"]
    assert [status for status in ends if status in TERMINAL] == ["succeeded"], told[-1]
    return job


def bits(client: httpx.Client, job: str) -> dict[str, str]:
    """SHA-256 of everything an iteration publishes, as told."""
    last = client.get(f"/jobs/{job}/iterations/last").raise_for_status().json()
    return {file["name"]: file["sha256"] for file in last["files"] if file["name"] != "fsc.xml"}


def test_two_users_at_two_servers_with_three_workers(
    house: Facility, ada: httpx.Client, dataset: str, undisturbed: dict[str, str], tmp_path
):
    with house.client("bob", server=1) as bob, house.client("ada", server=1) as ada_there:
        his = push(bob, tmp_path)
        jobs = [post(ada, dataset), post(ada_there, dataset)]
        job_of_bob = post(bob, his, algorithm="fa", parameters={"candidates": 10})
        # Posted here and followed there.
        for job in jobs:
            assert bits(ada_there, succeeded(ada_there, job)) == undisturbed
            assert bits(ada, job) == undisturbed
        succeeded(bob, job_of_bob)
        assert [item["id"] for item in bob.get("/jobs").json()["items"]] == [job_of_bob]
        assert bob.get(f"/jobs/{jobs[0]}").status_code == 404
        assert ada.get(f"/jobs/{job_of_bob}").status_code == 404
    assert len(_workers_of(house, [*jobs, job_of_bob])) >= 2


def _workers_of(house: Facility, jobs: list[str]) -> set[str | None]:
    with house.store.read() as session:
        return {
            task.worker
            for job in jobs
            for number in range(4)
            for task in iterations.batches(session, job, number)
        }


def test_both_servers_tell_the_same_numbers(house: Facility):
    bearer = {"authorization": f"Bearer {compose.FILLED_IN['SUBTOMO_METRICS_TOKEN']}"}

    def shared(url: str) -> list[str]:
        text = httpx.get(f"{url}/metrics", headers=bearer, trust_env=False).raise_for_status().text
        kept = ("subtomo_task_seconds", "subtomo_uploads", "subtomo_jobs", "subtomo_workers ")
        return [line for line in text.splitlines() if line.startswith(kept)]

    first, second = (shared(server.url) for server in house.servers)
    assert first == second
    assert "subtomo_workers 3.0" in first


def test_logs_are_json_name_jobs_and_workers_and_hold_no_secret(
    house: Facility, undisturbed: dict[str, str]
):
    for process in (*house.servers, *house.workers):
        lines = [json.loads(line) for line in process.log.read_text().splitlines()]
        assert lines
        said = process.log.read_text()
        for secret in compose.FILLED_IN.values():
            assert secret == "subtomo.example.org" or secret not in said
    steps = [
        json.loads(line)
        for worker in house.workers
        for line in worker.log.read_text().splitlines()
        if "attempt 1" in line
    ]
    assert steps
    assert all({"worker_id", "job_id", "task_id"} <= set(step) for step in steps)
    requests = [json.loads(line) for line in house.servers[0].log.read_text().splitlines()]
    about = [line for line in requests if line.get("route") == "/api/v1/jobs/{job_id}/events"]
    assert about
    assert all({"request_id", "job_id", "user_id"} <= set(line) for line in about)


def test_a_token_revoked_in_mid_job_closes_the_door_and_spares_the_job(
    house: Facility, ada: httpx.Client, dataset: str, undisturbed: dict[str, str]
):
    with house.store.begin() as session:
        user = users.ensure(session, "ada")
        token, text = access.create_token(session, user.id, "to be revoked")
    with client_of(house.servers[0].url, text) as visitor:
        job = post(visitor, dataset, iterations=40)
        ended = threading.Event()

        def watch() -> None:
            follow(visitor, job)
            ended.set()

        watching = threading.Thread(target=watch)
        watching.start()
        wait_until(lambda: ada.get(f"/jobs/{job}").json()["status"] == "running", "it runs")
        with house.store.begin() as session:
            access.revoke(session, user.id, token.id)
        assert visitor.get(f"/jobs/{job}").status_code == 401
        assert ended.wait(30), "the stream of a revoked token goes on"
        watching.join()
    assert ada.get(f"/jobs/{job}").json()["status"] in {"running", "succeeded"}
    ada.post(f"/jobs/{job}/cancel").raise_for_status()
    assert follow(ada, job)[-1]["data"]["status"] in {"cancelled", "succeeded"}


def test_a_server_killed_in_mid_job_leaves_the_other_and_its_check(
    house: Facility, ada: httpx.Client, dataset: str, undisturbed: dict[str, str], tmp_path
):
    victim = house.add_server()
    wait_until(victim.live, "the third server answers", 60)
    with house.client("ada", server=len(house.servers) - 1) as there:
        job = post(there, dataset)
        left = str(there.post("/datasets", json={"name": "x", "missing": REGION}).json()["id"])
        content = b"not a map"
        there.put(f"/datasets/{left}/files/p.mrc", content=content).raise_for_status()
        there.post(f"/datasets/{left}/seal").raise_for_status()
        victim.end(signal.SIGKILL)
    house.servers.remove(victim)
    assert bits(ada, succeeded(ada, job)) == undisturbed
    wait_until(
        lambda: ada.get(f"/datasets/{left}").json()["status"] == "rejected",
        "another server checks the dataset",
    )


REGION = {"kind": "wedge", "tilt_min_deg": -60, "tilt_max_deg": 60}


def test_the_database_restarts_and_the_servers_say_so_meanwhile(
    house: Facility, ada: httpx.Client, dataset: str, undisturbed: dict[str, str]
):
    job = post(ada, dataset)
    wait_until(lambda: ada.get(f"/jobs/{job}").json()["status"] == "running", "it runs")
    house.postgres.stop()
    try:
        answer = ada.get(f"/jobs/{job}")
        assert (answer.status_code, answer.json()["type"]) == (
            503,
            "urn:subtomo:problem:unavailable",
        )
        ready = ada.get("/health/ready")
        assert (ready.status_code, ready.json()["checks"]["database"]["ok"]) == (503, False)
        assert ada.get("/health/live").status_code == 200
    finally:
        house.postgres.start()
    wait_until(lambda: ada.get(f"/jobs/{job}").status_code == 200, "the server answers again")
    assert bits(ada, succeeded(ada, job)) == undisturbed


def test_redis_gone_for_a_while_and_then_empty(
    house: Facility, ada: httpx.Client, dataset: str, undisturbed: dict[str, str]
):
    running = post(ada, dataset)
    house.redis.stop()
    ready = ada.get("/health/ready")
    assert (ready.status_code, ready.json()["checks"]["broker"]["ok"]) == (503, False)
    began = time.monotonic()
    posted = post(ada, dataset)
    assert time.monotonic() - began < 30
    time.sleep(2)
    house.redis.start()
    house.redis.empty()
    for job in (running, posted):
        assert bits(ada, succeeded(ada, job)) == undisturbed
