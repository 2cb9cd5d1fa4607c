"""The client against the real application, without a worker: jobs wait until they are cancelled."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn

from subtomo import (
    Client,
    Conflict,
    HTTPProblem,
    NotFound,
    NotSignedIn,
    Rejected,
)
from subtomo_server.app import create_app
from subtomo_server.embedded.connection import Connection, write_note
from subtomo_store.config.settings import Settings
from subtomo_store.formats.mrc import write_volume
from support.services import environment, wait_until

HEAD = "data_particles\nloop_\n_rlnImageName #1\n_rlnPixelSize #2\n"
PARTICLES = 6


@contextmanager
def serving(data: Path, port: int = 0) -> Iterator[Connection]:
    """Run the application on a port of this machine."""
    stopping = threading.Event()
    application = create_app(Settings(data=data, broker_url="memory://"), stopping)
    config = uvicorn.Config(application, port=port, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, "the server listens")
        bound = server.servers[0].sockets[0].getsockname()[1]
        yield write_note(application.state.services.store, f"http://127.0.0.1:{bound}")
    finally:
        stopping.set()
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def note(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with serving(tmp_path_factory.mktemp("data")) as connection:
        yield connection


@pytest.fixture
def real(note: Connection) -> Iterator[Client]:
    with Client(*note) as client:
        yield client


def write_star(folder: Path, boxes: list[int]) -> Path:
    rng = np.random.default_rng(0)
    names = [f"vol/p{index}.mrc" for index in range(len(boxes))]
    (folder / "vol").mkdir()
    for name, box in zip(names, boxes, strict=True):
        write_volume(folder / name, rng.normal(size=(box,) * 3).astype(np.float32), 6.0)
    star = folder / "p.star"
    star.write_text(HEAD + "".join(f"{name} 6.0\n" for name in names))
    return star


@pytest.fixture
def dataset(real: Client, tmp_path: Path):
    made = real.create_dataset(f"of {tmp_path.name}", tilt=(-60, 60))
    real.upload(made, write_star(tmp_path, [16] * PARTICLES))
    return real.seal(made)


def test_a_dataset_is_uploaded_resumed_and_sealed(real, tmp_path):
    star = write_star(tmp_path, [16] * PARTICLES)
    made = real.create_dataset("ribosomes", tilt=(-50, 70), voxel_size=6.0)
    assert made.status == "open"
    first = real.upload(made, star)
    assert (first.sent, first.skipped, first.remarks) == (PARTICLES + 1, 0, ())
    again = real.upload(made, star)
    assert (again.sent, again.skipped) == (0, PARTICLES + 1)
    assert {file.name for file in real.files(made)} >= {"p.star", "vol/p0.mrc"}
    ready = real.seal(made)
    assert (ready.status, ready.particles, ready.box) == ("ready", PARTICLES, 16)
    assert ready.voxel_size_angstrom == 6.0
    assert real.dataset(made.id) == ready
    assert made.id in [one.id for one in real.datasets()]
    with pytest.raises(Conflict):
        real.upload(made, write_star_elsewhere(tmp_path))
    real.delete_dataset(made)
    with pytest.raises(NotFound):
        real.dataset(made)


def write_star_elsewhere(folder: Path) -> Path:
    other = folder / "other"
    other.mkdir()
    return write_star(other, [16])


def test_every_problem_of_a_bad_dataset_is_told(real, tmp_path):
    star = write_star(tmp_path, [16, 18, 16])
    (tmp_path / "vol/p2.mrc").write_bytes((tmp_path / "vol/p2.mrc").read_bytes()[:2000])
    made = real.create_dataset("bad", missing={"kind": "none"})
    real.upload(made, star)
    with pytest.raises(Rejected) as caught:
        real.seal(made)
    text = str(caught.value)
    assert "p1.mrc" in text
    assert "p2.mrc" in text
    assert len(caught.value.faults) >= 2


def test_a_job_is_submitted_watched_and_cancelled(real, dataset):
    job = real.submit(dataset=dataset, algorithm="faml", classes=2, iterations=3, name="look")
    assert (job.status, job.classes, job.algorithm) == ("queued", 2, "faml")
    assert job.spec["mask"]["diameter_angstrom"] > 0
    assert real.jobs(dataset=dataset) == [job]
    seen = []
    watcher = threading.Thread(target=lambda: seen.extend(real.watch(job)), daemon=True)
    watcher.start()
    wait_until(lambda: seen, "the first event")
    assert real.cancel(job).status == "cancelled"
    watcher.join(10)
    told = [event.data.get("status", event.data.get("detail", "")) for event in seen]
    assert told[0::2] == ["queued", "cancelled"]
    assert "show little but noise" in told[1]  # two classes of two particles each
    assert real.wait(job, must_succeed=False).status == "cancelled"
    assert list(real.watch(job)) == seen
    assert list(real.watch(job, after=seen[0].id)) == seen[1:]
    real.delete_job(job)
    with pytest.raises(NotFound):
        real.job(job)


def test_the_same_key_makes_one_job(real, dataset):
    spec = {"dataset": dataset.id, "algorithm": "fa"}
    first = real.submit(spec, idempotency_key=dataset.id)
    assert real.submit(spec, idempotency_key=dataset.id).id == first.id
    assert real.submit(spec).id != first.id
    with pytest.raises(HTTPProblem):
        real.submit(spec, idempotency_key=dataset.id, seed=9)


def test_validate_and_estimate_make_no_job(real, dataset):
    full = real.validate(dataset=dataset, algorithm="faml")
    assert full["parameters"]["candidates"] == 50
    assert real.estimate(dataset=dataset, algorithm="faml").seconds > 0
    assert real.jobs(dataset=dataset) == []


def test_what_is_wrong_with_a_specification_is_told(real, dataset):
    for changes, words in (
        ({"classes": PARTICLES + 1}, "classes"),
        ({"colour": 2}, "colour"),
        ({"iterations": 0}, "iterations"),
        ({"mask": {"diameter_angstrom": 1e6}}, "mask"),
    ):
        with pytest.raises(HTTPProblem, match=words) as caught:
            real.submit({"dataset": dataset.id, "algorithm": "faml"} | changes)
        assert caught.value.status == 422
        assert caught.value.faults


def test_case_of_the_algorithm_does_not_matter(real, dataset):
    assert real.validate(dataset=dataset, algorithm="FAML")["algorithm"] == "faml"


def test_maps_are_uploaded_for_a_start(real, dataset, tmp_path):
    write_volume(tmp_path / "ref.mrc", np.ones((16, 16, 16), np.float32), 6.0)
    made = real.upload_map(tmp_path / "ref.mrc", name="a reference")
    assert (made.name, made.box) == ("a reference", 16)
    assert made in real.maps()
    start = {"kind": "maps", "maps": [made.id]}
    assert real.validate(dataset=dataset, algorithm="faml", start=start)["start"]["maps"]
    (tmp_path / "bad.mrc").write_bytes(b"no map")
    with pytest.raises(HTTPProblem, match=r"bad\.mrc"):
        real.upload_map(tmp_path / "bad.mrc")


def test_results_of_a_job_without_any(real, dataset, tmp_path):
    job = real.submit(dataset=dataset, algorithm="faml")
    assert real.iterations(job) == []
    with pytest.raises(NotFound):
        real.iteration(job)
    with pytest.raises(NotFound):
        real.download_map(job, tmp_path / "a.mrc")
    assert not (tmp_path / "a.mrc").exists()


def test_a_wrong_token_is_told(note):
    with Client(note.url, "wrong") as client, pytest.raises(NotSignedIn, match="token"):
        client.datasets()
    with Client(note.url, "wrong") as client:
        assert client.service_info()["api"] == "v1"


def test_without_a_worker_the_service_is_not_ready(real):
    assert not real.ready()


def test_the_command_finds_the_server_by_its_note(note, tmp_path):
    (tmp_path / "connection.json").write_text(json.dumps(note._asdict()))

    def subtomo(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "subtomo", *args],
            env=environment(SUBTOMO_DATA=str(tmp_path)),
            capture_output=True,
            text=True,
            check=False,
        )

    star = write_star(tmp_path, [16] * PARTICLES)
    pushed = subtomo("push", str(star), "--tilt", "-60", "60", "--json")
    assert pushed.returncode == 0, pushed.stderr
    ran = subtomo("run", "faml", json.loads(pushed.stdout)["id"], "--no-watch", "--json")
    assert ran.returncode == 0, ran.stderr
    job = json.loads(ran.stdout)["id"]
    assert subtomo("cancel", job).stdout == f"{job} cancelled\n"
    watched = subtomo("watch", job)
    assert watched.returncode == 1
    assert watched.stderr == f"Job {job} was cancelled.\n"


def test_weights_that_are_left_out_are_remarked_on_with_the_remedy(real, tmp_path):
    star = write_star(tmp_path, [16] * 2)
    lines = star.read_text().replace("_rlnPixelSize #2\n", "_rlnPixelSize #2\n_rlnCtfImage #3\n")
    star.write_text(lines.replace(" 6.0\n", " 6.0 w.mrc\n"))
    write_volume(tmp_path / "w.mrc", np.ones((16, 16, 16), np.float32), 6.0)
    without = real.create_dataset("without", tilt=(-60, 60))
    real.upload(without, star)
    told = [remark for remark in real.seal(without).remarks if "rlnCtfImage" in remark]
    assert told == [
        "the column _rlnCtfImage of p.star and the file of weights that it names were not "
        "used, since the missing region is 'wedge': to use them, make the dataset with the missing "
        'region {"kind": "weights"} (--missing-from-weights)'
    ]
    using = real.create_dataset("using", missing={"kind": "weights"})
    real.upload(using, star)
    assert not any("_rlnCtfImage" in remark for remark in real.seal(using).remarks)


def test_a_watch_outlives_a_restart_of_the_server(tmp_path):
    folder = tmp_path / "data"
    seen = []
    with serving(folder) as connection:
        port = httpx.URL(connection.url).port
        client = Client(*connection)
        made = client.create_dataset("x", missing={"kind": "none"})
        client.upload(made, write_star(tmp_path, [16] * PARTICLES))
        job = client.submit(dataset=client.seal(made), algorithm="faml")
        watcher = threading.Thread(target=lambda: seen.extend(client.watch(job)), daemon=True)
        watcher.start()
        wait_until(lambda: seen, "the first event")
    assert watcher.is_alive()
    with client, serving(folder, port):
        client.cancel(job)
        watcher.join(20)
    assert not watcher.is_alive()
    assert [event.data["status"] for event in seen] == ["queued", "cancelled"]
