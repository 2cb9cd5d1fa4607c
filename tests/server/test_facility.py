"""The facility's form: PostgreSQL and a broker by URL; the same code, nothing embedded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from subtomo_server.auth.accounts import issue_token
from subtomo_store import Settings
from support.services import RedisServer, environment, fresh_database, wait_until
from support.serving import WEDGE, Served, client_of, ready_dataset, served, small_spec


@pytest.fixture(scope="module")
def database(postgres_url: str) -> Iterator[str]:
    """URL of an empty PostgreSQL database."""
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="module")
def facility(
    database: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server on PostgreSQL."""
    data = tmp_path_factory.mktemp("data")
    with served(Settings(data=data, database_url=database, broker_url=redis.url)) as running:
        yield running


def test_the_whole_way_on_postgresql(facility: Served, tmp_path: Path):
    dataset = ready_dataset(facility.client, tmp_path)
    key = {"idempotency-key": "k"}
    first = facility.client.post("/jobs", json=small_spec(dataset), headers=key).json()
    second = facility.client.post("/jobs", json=small_spec(dataset), headers=key).json()
    assert first == second
    assert facility.client.post(f"/jobs/{first['id']}/cancel").json()["status"] == "cancelled"
    kind = {"accept": "application/json"}
    told = facility.client.get(f"/jobs/{first['id']}/events", headers=kind).json()["items"]
    assert [event["data"]["status"] for event in told] == ["queued", "cancelled"]
    assert facility.client.delete(f"/jobs/{first['id']}").status_code == 204
    assert facility.client.delete(f"/datasets/{dataset}").status_code == 204


NUL = "a\0b"
UNFIT: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/datasets", {"json": {"name": NUL, "missing": WEDGE}}),
    ("PATCH", "/datasets/{dataset}", {"json": {"group": NUL}}),
    ("POST", "/jobs", {"json": {"dataset": "{dataset}", "algorithm": "fa", "name": NUL}}),
    ("GET", "/jobs?dataset=%00", {}),
    ("GET", "/jobs/%00", {}),
    ("POST", "/tokens", {"json": {"label": NUL}}),
    ("PATCH", "/users/tester", {"json": {"oidc_subject": NUL}}),
    ("PATCH", "/users/tester", {"json": {"disk_quota_bytes": 2**63}}),
    ("PATCH", "/users/tester", {"json": {"disk_quota_bytes": 10**30}}),
]


@pytest.mark.parametrize(("method", "path", "sent"), UNFIT, ids=lambda value: str(value)[:40])
def test_what_the_database_cannot_hold_is_refused(
    facility: Served, tmp_path: Path, method: str, path: str, sent: dict[str, Any]
):
    dataset = ready_dataset(facility.client, tmp_path) if "{dataset}" in f"{path} {sent}" else ""
    if sent.get("json", {}).get("dataset"):
        sent["json"]["dataset"] = dataset
    token = issue_token(facility.store, "root", label="test", role="admin")
    with client_of(facility.url, token) as root:
        answer = root.request(method, path.replace("{dataset}", dataset), **sent)
    assert answer.status_code == 422, answer.text
    assert "NUL" in answer.json()["detail"]


def test_serve_starts_no_parts_of_its_own(database: str, redis: RedisServer, tmp_path: Path):
    command = [sys.executable, "-m", "subtomo_server", "--data", str(tmp_path), "--port", "0"]
    given = environment(SUBTOMO_DATABASE_URL=database, SUBTOMO_BROKER_URL=redis.url)
    note = tmp_path / "connection.json"
    with (tmp_path / "out").open("wb") as output:
        process = subprocess.Popen(command, env=given, stdout=output, stderr=output)
    try:
        wait_until(note.exists, "the note is written", 60)
        told = json.loads(note.read_text())

        def checks() -> dict:
            try:
                with client_of(told["url"], told["token"]) as client:
                    return dict(client.get("/health/ready").json()["checks"])
            except httpx.TransportError:
                return {}

        wait_until(checks, "the server answers")
        found = checks()
        assert (found["database"]["ok"], found["broker"]["ok"]) == (True, True)
        assert not found["worker"]["ok"]
        assert psutil.Process(process.pid).children() == []
        assert not (tmp_path / "broker.sock").exists()
        assert not (tmp_path / "subtomo.db").exists()
    finally:
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(30) == 0
    assert time.monotonic() - began < 10
    # A facility's log goes to the container's output, one JSON object a line, without secrets.
    lines = (tmp_path / "out").read_text()
    assert told["token"] not in lines
    assert any(line.startswith("{") and json.loads(line)["event"] for line in lines.splitlines())
