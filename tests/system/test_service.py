"""The whole house as its user meets it: real processes, real HTTP, real particles."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import mrcfile
import pytest
import starfile

from support.embedded import BOX, COUNT, VOXEL, Embedded, alive, follow, job_spec, kill, push
from support.services import environment, wait_until

pytestmark = pytest.mark.slow
LEASE_SECONDS = 240


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A running embedded service."""
    leases = {"SUBTOMO_LEASE_SECONDS": str(LEASE_SECONDS)}
    service = Embedded(tmp_path_factory.mktemp("house") / "data", settings=leases).start()
    yield service
    if service.process is not None and service.process.poll() is None:
        service.stop()


@pytest.fixture(scope="module")
def client(house: Embedded) -> Iterator[httpx.Client]:
    """A client of the service as it was started first."""
    with house.client() as made:
        yield made


@pytest.fixture(scope="module")
def dataset(client: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Id of the uploaded dataset."""
    return push(client, tmp_path_factory.mktemp("volumes"))


@pytest.fixture(scope="module")
def undisturbed(client: httpx.Client, dataset: str) -> str:
    """Id of a job which ran without trouble."""
    job = str(client.post("/jobs", json=job_spec(dataset)).json()["id"])
    told = follow(client, job)
    assert told[-1]["data"]["status"] == "succeeded", told[-1]
    return job


def results(client: httpx.Client, job: str) -> dict[str, str]:
    """SHA-256 of everything which a user downloads."""
    base = f"/jobs/{job}/iterations/last"
    names = [f"classes/{k}/{file}.mrc" for k in (1, 2) for file in ("map", "half1", "half2")]
    names.append("particles.star")
    return {
        name: hashlib.sha256(client.get(f"{base}/{name}").raise_for_status().content).hexdigest()
        for name in names
    }


def test_a_job_from_upload_to_download(client: httpx.Client, undisturbed: str, tmp_path: Path):
    told = follow(client, undisturbed)
    done = [event["data"]["iteration"] for event in told if event["kind"] == "iteration"]
    assert done == [0, 1, 2, 3]
    base = f"/jobs/{undisturbed}/iterations/last"
    for k in (1, 2):
        answer = client.get(f"{base}/classes/{k}/map.mrc")
        assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
        (tmp_path / "map.mrc").write_bytes(answer.content)
        with mrcfile.open(tmp_path / "map.mrc") as opened:
            assert opened.data.shape == (BOX,) * 3
            assert float(opened.voxel_size.x) == pytest.approx(VOXEL)
    (tmp_path / "particles.star").write_bytes(client.get(f"{base}/particles.star").content)
    particles = starfile.read(tmp_path / "particles.star")["particles"]
    assert len(particles) == COUNT
    assert set(particles["rlnClassNumber"].astype(int)) <= {1, 2}
    verdict = client.get(base).json()["metrics"]["verdict"]
    assert len(verdict["classes"]) == len(verdict["reasons"]) == 2
    head = (tmp_path / "particles.star").read_text().splitlines()[0]
    assert head == f"# Subtomo: {verdict['movement']}; {verdict['summary']}"
    assert verdict["summary"] in client.get(f"/jobs/{undisturbed}").json()["status_reason"]
    assert client.get(f"/jobs/{undisturbed}/iterations/2").json()["metrics"]["verdict"] is None


def test_the_same_specification_gives_the_same_bits(
    client: httpx.Client, dataset: str, undisturbed: str
):
    again = str(client.post("/jobs", json=job_spec(dataset)).json()["id"])
    follow(client, again)
    assert results(client, again) == results(client, undisturbed)


def test_a_second_server_on_the_folder_is_refused_in_a_sentence(house: Embedded):
    command = [sys.executable, "-m", "subtomo_server", "--data", str(house.data), "--port", "0"]
    second = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 2
    assert "already serves the data folder" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("victims", ["worker", "server", "everything"])
def test_a_kill_in_mid_job_loses_nothing(
    house: Embedded, dataset: str, undisturbed: str, victims: str
):
    with house.client() as before:
        job = str(before.post("/jobs", json=job_spec(dataset)).json()["id"])
        follow(before, job, until="iteration")
        assert before.get(f"/jobs/{job}").json()["status"] == "running"
    worker, broker = house.worker, house.broker
    if victims in ("server", "everything"):
        house.kill()
    if victims in ("worker", "everything"):
        kill(worker)
    if victims != "worker":
        wait_until(lambda: not alive(worker), "no worker outlives its server")
        wait_until(lambda: not alive(broker), "no broker outlives its server")
        house.start()
    with house.client() as after:
        began = time.monotonic()
        told = follow(after, job)
        # Nobody waited for the end of the dead worker's lease.
        assert time.monotonic() - began < 0.5 * LEASE_SECONDS
        assert told[-1]["data"]["status"] == "succeeded", told[-1]
        assert results(after, job) == results(after, undisturbed)


def test_the_end_comes_within_seconds_though_somebody_watches(house: Embedded, dataset: str):
    with house.client() as client:
        spec = job_spec(dataset) | {"iterations": 500}
        job = str(client.post("/jobs", json=spec).json()["id"])
        worker = house.worker
        with client.stream("GET", f"/jobs/{job}/events") as watched:
            lines = watched.iter_lines()
            while '"running"' not in next(lines):
                pass
            began = time.monotonic()
            assert house.stop() == 0
            assert time.monotonic() - began < 40
    assert not alive(worker)
    assert not (house.data / "broker.sock").exists()
    assert (house.data / "serve.out").read_text().count("Traceback") == 0
    house.start()
    with house.client() as client:
        assert client.get(f"/jobs/{job}").json()["status"] == "running"
        client.post(f"/jobs/{job}/cancel").raise_for_status()
        assert follow(client, job)[-1]["data"]["status"] == "cancelled"
    assert house.stop() == 0
