"""What a job has made, over HTTP. A real worker with a cheap method makes the files."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import mrcfile
import numpy as np
import pytest
import starfile

from subtomo_server.http.archive import PIECE_BYTES, Member, stream_zip
from subtomo_server.http.downloads import keepable
from subtomo_store.jobs import iterations
from support.services import WorkerProcess, wait_until
from support.serving import Served, small_spec


@pytest.fixture(scope="module")
def job(service: Served, dataset: str, worker: WorkerProcess) -> str:
    """Id of a job which has succeeded."""
    spec = small_spec(dataset, name="GroEL, erster Blick!", classes=2)
    made = service.client.post("/jobs", json=spec).json()["id"]
    wait = {"prefer": "wait=60"}
    ended = service.client.get(f"/jobs/{made}", headers=wait).json()
    assert ended["status"] == "succeeded", (ended, worker.log.read_text())
    return str(made)


def test_with_a_live_worker_the_service_is_ready(service: Served, worker: WorkerProcess):
    def ready() -> bool:
        return service.client.get("/health/ready").status_code == 200

    wait_until(ready, "the service is ready")
    checks = service.client.get("/health/ready").json()["checks"]
    assert set(checks) == {"database", "broker", "worker", "dispatch", "disk"}
    assert all(check["ok"] for check in checks.values())


def test_a_finished_job_is_wholly_done(service: Served, job: str):
    progress = service.client.get(f"/jobs/{job}").json()["progress"]
    assert progress["fraction"] == 1.0
    assert (progress["iteration"], progress["particles_done"]) == (2, 4)


def test_iterations_and_their_metrics(service: Served, job: str):
    items = service.client.get(f"/jobs/{job}/iterations").json()["items"]
    assert [item["number"] for item in items] == [0, 1, 2]
    last = service.client.get(f"/jobs/{job}/iterations/last").json()
    assert last == service.client.get(f"/jobs/{job}/iterations/2").json()
    assert last["metrics"] == items[2]["metrics"]
    assert len(last["metrics"]["class_shares"]) == 2
    assert "class_2.mrc" in [file["name"] for file in last["files"]]


@pytest.mark.parametrize("which", ["3", "-1", "first", "1e9", "99999999999999999999"])
def test_an_iteration_which_is_not_there(service: Served, job: str, which: str):
    assert service.client.get(f"/jobs/{job}/iterations/{which}").status_code == 404


@pytest.mark.parametrize("k", [0, 3])
def test_a_class_which_is_not_there(service: Served, job: str, k: int):
    answer = service.client.get(f"/jobs/{job}/iterations/last/classes/{k}/map.mrc")
    assert answer.status_code == 404
    assert "2 classes" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["map", "half1", "half2"])
def test_maps_are_sent_whole_with_hash_and_name(
    service: Served, job: str, name: str, tmp_path: Path
):
    answer = service.client.get(f"/jobs/{job}/iterations/1/classes/2/{name}.mrc")
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    part = {"map": "", "half1": "_half1", "half2": "_half2"}[name]
    expected = f'attachment; filename="groel-erster-blick_it001_class2{part}.mrc"'
    assert answer.headers["content-disposition"] == expected
    (tmp_path / "m.mrc").write_bytes(answer.content)
    with mrcfile.open(tmp_path / "m.mrc") as opened:
        assert opened.data.shape == (16, 16, 16)
        assert float(opened.voxel_size.x) == pytest.approx(6.0)


def test_ranges_join_to_the_whole(service: Served, job: str):
    path = f"/jobs/{job}/iterations/last/classes/1/map.mrc"
    whole = service.client.get(path)
    etag = whole.headers["etag"]
    first = service.client.get(path, headers={"range": "bytes=0-999"})
    rest = service.client.get(path, headers={"range": "bytes=1000-", "if-range": etag})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.content + rest.content == whole.content
    assert first.headers["content-range"] == f"bytes 0-999/{len(whole.content)}"
    stale = service.client.get(path, headers={"range": "bytes=9-", "if-range": '"other"'})
    assert (stale.status_code, stale.content) == (200, whole.content)
    assert service.client.get(path, headers={"if-none-match": etag}).status_code == 304


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=5-2,x", "pages=1-2"])
def test_a_range_which_cannot_be(service: Served, job: str, wanted: str):
    path = f"/jobs/{job}/iterations/last/classes/1/map.mrc"
    answer = service.client.get(path, headers={"range": wanted})
    assert answer.status_code == 416
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-range"].startswith("bytes */")


def test_particles_star_is_read_by_others(service: Served, job: str, tmp_path: Path):
    answer = service.client.get(f"/jobs/{job}/iterations/last/particles.star")
    (tmp_path / "p.star").write_bytes(answer.content)
    tables = starfile.read(tmp_path / "p.star")
    assert len(tables["particles"]) == 4
    assert {"rlnAngleRot", "rlnClassNumber"} <= set(tables["particles"].columns)


def test_the_fsc_in_three_forms_is_one_curve(service: Served, job: str, tmp_path: Path):
    base = f"/jobs/{job}/iterations/last/classes/1"
    curve = service.client.get(f"{base}/fsc.json").json()
    assert curve["kind"] == "shared reference"
    assert curve["shared_angstrom"] is None
    assert set(curve["curves"]) == {"unmasked", "masked", "phase_randomised"}
    assert len(curve["fsc"]) == len(curve["curves"]["masked"]) == len(curve["shells"]) == 9
    assert curve["frequency_per_angstrom"][1] == pytest.approx(1 / (16 * 6))
    (tmp_path / "f.star").write_bytes(service.client.get(f"{base}/fsc.star").content)
    table = starfile.read(tmp_path / "f.star")
    column = table["rlnFourierShellCorrelationCorrected"].to_numpy(float)
    assert np.allclose(column, curve["fsc"], atol=1e-6)
    column = table["rlnFourierShellCorrelationUnmaskedMaps"].to_numpy(float)
    assert np.allclose(column, curve["curves"]["unmasked"], atol=1e-6)
    root = ElementTree.fromstring(service.client.get(f"{base}/fsc.xml").content)
    values = [float(point.findtext("y") or "nan") for point in root]
    assert np.allclose(values, curve["fsc"], atol=1e-6)


def test_slices_are_a_picture(service: Served, job: str):
    answer = service.client.get(f"/jobs/{job}/iterations/last/classes/2/slices.png")
    assert answer.content.startswith(b"\x89PNG")
    assert answer.headers["content-type"] == "image/png"


def test_the_archive_holds_every_file_of_the_last_iteration(service: Served, job: str):
    answer = service.client.get(f"/jobs/{job}/archive.zip")
    with service.store.read() as session:
        stored = {file.name: file for file in iterations.files(session, job, 2)}
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        inside = {Path(name).name: archive.read(name) for name in archive.namelist()}
    assert set(inside) == set(stored)
    for name, content in inside.items():
        assert hashlib.sha256(content).hexdigest() == stored[name].sha256
    assert json.loads(inside["metrics.json"])["iteration"] == 2


def test_an_archive_is_made_in_pieces(tmp_path: Path):
    large = tmp_path / "large.npz"
    large.write_bytes(np.random.default_rng(0).bytes(20 * PIECE_BYTES))
    pieces = list(stream_zip([Member(large, "a"), Member(large, "b")]))
    assert max(len(piece) for piece in pieces) < 2 * PIECE_BYTES
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.read("b") == large.read_bytes()


def test_a_job_without_an_iteration_says_so(service: Served, dataset: str, job: str):
    made = service.client.post("/jobs", json=small_spec(dataset)).json()["id"]
    service.client.post(f"/jobs/{made}/cancel")
    answer = service.client.get(f"/jobs/{made}/iterations/7")
    assert "no finished iteration" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("GroEL, 3rd try", "GroEL-3rd-try"), ("../../etc", "etc"), ("Übung/1", "Ubung-1"), ("", "")],
)
def test_file_names_fit_every_file_system(given: str, kept: str):
    assert keepable(given) == kept


@pytest.mark.parametrize("form", ["npy", "mrc", "png"])
def test_only_jobs_of_all_pairs_have_their_matrix(service: Served, job: str, form: str):
    answer = service.client.get(f"/jobs/{job}/iterations/last/dissimilarity.{form}")
    assert answer.status_code == 404
    assert f"no file dissimilarity.{form}" in answer.json()["detail"]


def test_the_service_names_every_algorithm(service: Served):
    told = service.client.get("/service-info").json()["algorithms"]
    assert set(told) == {"faml", "fa", "ml", "cc", "frm", "gradient", "sag", "pairwise"}
