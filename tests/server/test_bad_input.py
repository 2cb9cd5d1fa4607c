"""Every kind of bad input has its own clear answer over HTTP, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from support.leftovers import left, refused
from support.serving import WEDGE, Served, small_spec, volume_bytes

Files = dict[str, bytes]
STAR = "data_particles\nloop_\n_rlnImageName #1\n_rlnClassNumber #2\n"


def good(folder: Path) -> Files:
    return {f"p{index}.mrc": volume_bytes(folder, index) for index in range(3)}


def changed(content: bytes, start: int, new: bytes) -> bytes:
    return content[:start] + new + content[start + len(new) :]


def truncated(folder: Path) -> Files:
    return good(folder) | {"p1.mrc": volume_bytes(folder, 1)[:-100]}


def not_a_number(folder: Path) -> Files:
    nan = np.array([np.nan], "<f4").tobytes()
    return good(folder) | {"p1.mrc": changed(volume_bytes(folder, 1), 2000, nan)}


def two_boxes(folder: Path) -> Files:
    return good(folder) | {"p1.mrc": volume_bytes(folder, 1, box=12)}


def odd_boxes(folder: Path) -> Files:
    return {f"p{index}.mrc": volume_bytes(folder, index, box=15) for index in range(3)}


def no_voxel_size(folder: Path) -> Files:
    return {"p0.mrc": changed(volume_bytes(folder), 40, bytes(12))}


def no_volume(folder: Path) -> Files:
    return good(folder) | {"p1.mrc": b"this is a letter, not a volume"}


def empty_file(folder: Path) -> Files:
    return good(folder) | {"p1.mrc": b""}


def star(*rows: str, head: str = STAR) -> Callable[[Path], Files]:
    text = head + "".join(f"{row}\n" for row in rows)
    return lambda folder: good(folder) | {"particles.star": text.encode()}


WRONG_FILES = {
    "a truncated volume": (truncated, "p1.mrc", "truncated"),
    "NaN voxels": (not_a_number, "p1.mrc", "1 voxels are NaN"),
    "boxes of different size": (two_boxes, "p1.mrc", "box of 12 voxels differs from the 16"),
    "an odd box": (odd_boxes, "p0.mrc", "a box of 15 voxels cannot be used"),
    "a voxel size of 0": (no_voxel_size, "p0.mrc", "voxel size in its header is 0"),
    "something else than a volume": (
        no_volume,
        "p1.mrc",
        "only 30 bytes: an MRC file begins with 1024",
    ),
    "an empty file": (empty_file, "p1.mrc", "only 0 bytes"),
    "a STAR naming a missing file": (
        star("p0.mrc 1", "gone.mrc 2"),
        "particles.star",
        "row 2: _rlnImageName names 'gone.mrc', which was not uploaded",
    ),
    "a STAR row with a missing column": (star("p0.mrc 1", "p1.mrc"), "particles.star", "row 2"),
    "a STAR without its main column": (
        star("1 2", head="data_particles\nloop_\n_rlnAngleRot #1\n_rlnAngleTilt #2\n"),
        "particles.star",
        "rlnImageName",
    ),
    "a STAR path climbing out": (
        star("p0.mrc 1", "../../ds_other/uploads/other.mrc 2"),
        "particles.star",
        "climbs out",
    ),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_wrong_files_are_rejected_by_name_and_leave_nothing(
    service: Served, tmp_path: Path, case: str
):
    files, file, words = WRONG_FILES[case]
    before = left(service)
    made = service.client.post("/datasets", json={"name": case, "missing": WEDGE}).json()["id"]
    sent = files(tmp_path)
    for name, content in sent.items():
        service.client.put(f"/datasets/{made}/files/{name}", content=content).raise_for_status()
    with_uploads = left(service)
    wait = {"prefer": "wait=30"}
    told = service.client.post(f"/datasets/{made}/seal", headers=wait).json()
    assert told["status"] == "rejected"
    (only,) = told["problems"]
    assert only["file"] == file
    assert words in only["detail"]
    # The uploads stay, so that one of them can be replaced; nothing stands beside them.
    assert left(service) == with_uploads
    answer = refused(service.client.post("/jobs", json=small_spec(made)), 409)
    assert "rejected: replace what its problems name" in answer["detail"]
    assert service.client.delete(f"/datasets/{made}").status_code == 204
    assert left(service) == before


def dataset_body(**changes: object) -> dict[str, object]:
    return {"name": "x", "missing": WEDGE} | changes


UPSIDE_DOWN = {"kind": "wedge", "tilt_min_deg": 60, "tilt_max_deg": -60}
WRONG_DATASETS = {
    "a voxel size of 0": ({"voxel_size_angstrom": 0}, "/voxel_size_angstrom", "above 0"),
    "a tilt range upside down": ({"missing": UPSIDE_DOWN}, "/missing", "upside down"),
    "an unknown field": ({"voxels": 3}, "/voxels", "unknown field 'voxels'"),
    "an unknown field within": ({"missing": WEDGE | {"tilt": 1}}, "/missing/tilt", "unknown field"),
    "a folder of the server": ({"source": {"path": "/etc"}}, "/source/path", "/etc"),
}


@pytest.mark.parametrize("case", WRONG_DATASETS)
def test_a_wrong_dataset_is_not_made(service: Served, case: str):
    changes, pointer, words = WRONG_DATASETS[case]
    before = left(service)
    only = refused(service.client.post("/datasets", json=dataset_body(**changes)))
    assert only["pointer"] == pointer
    assert words in only["detail"]
    assert left(service) == before


WRONG_JOBS = {
    "more classes than particles": ({"classes": 5}, "/classes", "5 classes cannot be made of 4"),
    "an unknown field": ({"wedge": 3}, "/wedge", "unknown field 'wedge'"),
    "an unknown field in a part": (
        {"parameters": {"spice": 1}},
        "/parameters/spice",
        "unknown field 'spice'",
    ),
    "an unknown field in the start": (
        {"start": {"kind": "random", "maps": []}},
        "/start/maps",
        "unknown field 'maps'",
    ),
}


@pytest.mark.parametrize("algorithm", ["faml", "FA"])
@pytest.mark.parametrize("case", WRONG_JOBS)
def test_a_wrong_job_is_not_made_and_each_fault_is_told_once(
    service: Served, dataset: str, case: str, algorithm: str
):
    changes, pointer, words = WRONG_JOBS[case]
    before = left(service)
    spec = small_spec(dataset, **{**changes, "algorithm": algorithm})
    only = refused(service.client.post("/jobs", json=spec))
    assert only["pointer"] == pointer
    assert words in only["detail"]
    assert left(service) == before


@pytest.mark.parametrize("name", ["..%2Fx.mrc", "a%2F..%2F..%2Fx.mrc", "%2Fetc%2Fx.mrc", "a%5Cb"])
def test_an_upload_that_climbs_out_is_not_kept(service: Served, name: str):
    made = service.client.post("/datasets", json=dataset_body()).json()["id"]
    before = left(service)
    refused(service.client.put(f"/datasets/{made}/files/{name}", content=b"x" * 100))
    assert left(service) == before


@pytest.mark.parametrize("told", [True, False], ids=["announced", "unannounced"])
@pytest.mark.parametrize(
    ("method", "address"),
    [("POST", "/jobs"), ("POST", "/datasets"), ("PUT", "/datasets/{}/files/x.mrc")],
)
def test_a_body_that_is_too_large_is_not_kept(
    service: Served, told: bool, method: str, address: str
):
    made = service.client.post("/datasets", json=dataset_body()).json()["id"]
    before = left(service)
    content = b" " * 5 * 2**20
    answer = service.client.request(
        method,
        address.format(made),
        content=content if told else iter([content[: 2**20]] * 5),
        headers={"content-type": "application/json"},
    )
    assert "larger than the" in refused(answer, 413)["detail"]
    assert left(service) == before


WRONG_MAPS = {
    "truncated": (lambda f: volume_bytes(f)[:-4], "truncated"),
    "NaN": (lambda f: not_a_number(f)["p1.mrc"], "NaN"),
    "a voxel size of 0": (lambda f: no_voxel_size(f)["p0.mrc"], "voxel size"),
}


@pytest.mark.parametrize("case", WRONG_MAPS)
def test_a_wrong_map_is_not_kept(service: Served, tmp_path: Path, case: str):
    content, words = WRONG_MAPS[case]
    before = left(service)
    answer = service.client.post("/maps", params={"name": "bad.mrc"}, content=content(tmp_path))
    only = refused(answer)
    assert words in only["detail"]
    assert left(service) == before
