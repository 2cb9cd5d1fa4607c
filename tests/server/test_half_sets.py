"""Half sets of jobs on datasets whose table tells what belongs together."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.job_calls import cancel, new_job, refused
from support.serving import WEDGE, Served, small_spec, volume_bytes

COUNT = 10
HALVES = {"half_sets": True, "classes": 1}


def told(service: Served, folder: Path, **columns: list[object]) -> str:
    """A dataset of ten particles with columns of its table."""
    made = service.client.post("/datasets", json={"name": "told", "missing": WEDGE}).json()["id"]
    for index in range(COUNT):
        content = volume_bytes(folder, index)
        service.client.put(f"/datasets/{made}/files/p{index}.mrc", content=content)
    given = {"rlnImageName": [f"p{index}.mrc" for index in range(COUNT)], **columns}
    rows = [" ".join(map(str, row)) for row in zip(*given.values(), strict=True)]
    star = "\n".join(["data_particles", "loop_", *(f"_{name}" for name in given), *rows, ""])
    service.client.put(f"/datasets/{made}/files/particles.star", content=star.encode())
    sealed = service.client.post(f"/datasets/{made}/seal", headers={"prefer": "wait=30"}).json()
    assert sealed["status"] == "ready", sealed
    return str(made)


def test_whole_tomograms_need_two(service: Served, dataset: str, tmp_path: Path):
    several = told(service, tmp_path, rlnTomoName=[f"TS_{i // 5}" for i in range(COUNT)])
    job = new_job(service, several, whole_tomograms=True, **HALVES)
    assert job["spec"]["whole_tomograms"] is True
    cancel(service, job)
    one = told(service, tmp_path, rlnTomoName=["TS_1"] * COUNT)
    fault = refused(service, "/jobs", small_spec(one, whole_tomograms=True, **HALVES))
    assert fault["pointer"] == "/whole_tomograms"
    assert "all particles are of one tomogram" in fault["detail"]
    nameless = told(service, tmp_path)
    fault = refused(service, "/jobs", small_spec(nameless, whole_tomograms=True, **HALVES))
    assert "names no tomograms" in fault["detail"]


@pytest.mark.parametrize(
    "columns",
    [{"rlnHelicalTubeID": [1] * COUNT}, {"rlnRandomSubset": [1] * 7 + [2] * 3}],
)
def test_halves_too_small_for_their_classes_are_refused(
    service: Served, tmp_path: Path, columns: dict[str, list[object]]
):
    made = told(service, tmp_path, **columns)
    fault = refused(service, "/jobs", small_spec(made, **HALVES))
    assert fault["pointer"] == "/half_sets"
    assert "set half_sets to false" in fault["detail"]
    cancel(service, new_job(service, made, classes=1))


def test_the_page_asks_for_whole_tomograms(service: Served, tmp_path: Path):
    made = told(service, tmp_path, rlnTomoName=[f"TS_{i // 5}" for i in range(COUNT)])
    page = service.client.get(f"{service.url}/datasets/{made}").text
    assert 'name="whole_tomograms"' in page
    entered = {"half_sets": "true", "whole_tomograms": "true", "iterations": "1"}
    posted = service.client.post(f"{service.url}/datasets/{made}/jobs", data=entered)
    job = posted.headers["location"].rpartition("/")[2]
    assert service.client.get(f"/jobs/{job}").json()["spec"]["whole_tomograms"] is True
    service.client.post(f"/jobs/{job}/cancel").raise_for_status()
