"""Every error is a problem document with a stable type, a sentence and pointers."""

from __future__ import annotations

import httpx
import pytest

from subtomo_core.errors import InputError, SubtomoError
from subtomo_server.http.problems import KINDS, TYPE_URI, kind_of
from subtomo_server.http.validation import pointer_of
from subtomo_store.errors import ConflictError
from support.serving import Served, small_spec


def problem(answer: httpx.Response, status: int, kind: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["type"] == TYPE_URI.format(type=kind)
    assert document["status"] == status
    assert document["title"]
    assert len(document["detail"]) > 10
    return document


def fault(answer: httpx.Response) -> dict:
    """The one fault of an answer which has exactly one."""
    (only,) = problem(answer, 422, "invalid-input")["errors"]
    return only


def test_unknown_address(service: Served):
    problem(service.client.get("/nothing"), 404, "not-found")


def test_wrong_method(service: Served):
    problem(service.client.put("/jobs"), 405, "method-not-allowed")


def test_unknown_id(service: Served):
    document = problem(service.client.get("/jobs/job_0"), 404, "not-found")
    assert "job_0" in document["detail"]


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"algorithm": "magic"}, "/algorithm", "'faml', 'fa'"),
        ({"candidates": 3}, "/candidates", "unknown field 'candidates'"),
        ({"iteratons": 3}, "/iteratons", "did you mean 'iterations'?"),
        ({"klasses": 2}, "/klasses", "did you mean 'classes'?"),
        ({"candidates": 40}, "/candidates", "did you mean 'parameters.candidates'?"),
        ({"parameters": {"junks": 0}}, "/parameters/junks", "did you mean 'parameters.junk'?"),
        ({"iterations": 0}, "/iterations", "at least 1, got 0"),
        ({"parameters": {"candidates": -4}}, "/parameters/candidates", "at least 1, got -4"),
        ({"parameters": {"spice": 1}}, "/parameters/spice", "unknown field 'spice'"),
        ({"mask": {"diameter_angstrom": 0}}, "/mask/diameter_angstrom", "above 0"),
        ({"mask": {"diameter_angstrom": 9000}}, "/mask/diameter_angstrom", "does not fit"),
        ({"classes": 5}, "/classes", "5 classes cannot be made of 4 particles"),
        ({"classes": "many"}, "/classes", "whole number"),
        ({"symmetry": "D65"}, "/symmetry", "use C1 to C64"),
        ({"symmetry": 7}, "/symmetry", "such as D7"),
        ({"symmetry": ["D7", "C1"]}, "/symmetry", "2 symmetries for 1 classes"),
        ({"mask": {"kind": "map", "map": "map_0"}}, "/mask/map", "upload it first"),
        ({"mask": {"kind": "map"}}, "/mask/map", "required"),
        ({"mask": {"kind": "box"}}, "/mask/kind", "not known"),
        ({"start": {"kind": "maps", "maps": ["map_0"]}}, "/start/maps/0", "upload it first"),
        ({"start": {"kind": "job", "job": "job_0"}}, "/start/job", "no job job_0"),
        ({"dataset": "ds_0"}, "/dataset", "no dataset ds_0"),
        ({"resolution": {"start_angstrom": 1}}, "/resolution/start_angstrom", "outside"),
    ],
)
def test_each_mistake_in_a_specification_has_its_sentence_and_place(
    service: Served, dataset: str, changes: dict, pointer: str, words: str
):
    for path in ("/jobs", "/jobs/validate", "/jobs/estimate"):
        only = fault(service.client.post(path, json=small_spec(dataset, **changes)))
        assert only.get("pointer", "") == pointer
        assert words in only["detail"]


def test_a_missing_field_is_named(service: Served):
    only = fault(service.client.post("/jobs", json={"algorithm": "fa"}))
    assert only == {"detail": "the field 'dataset' is required", "pointer": "/dataset"}


def test_several_mistakes_are_all_told(service: Served, dataset: str):
    body = small_spec(dataset, iterations=0, seed=-1, surprise=True)
    document = problem(service.client.post("/jobs", json=body), 422, "invalid-input")
    assert {entry["pointer"] for entry in document["errors"]} == {
        "/iterations",
        "/seed",
        "/surprise",
    }
    assert document["detail"].startswith("3 things are wrong")


@pytest.mark.parametrize(
    ("missing", "pointer", "words"),
    [
        (
            {"kind": "wedge", "tilt_min_deg": 60, "tilt_max_deg": -60},
            "/missing",
            "upside down",
        ),
        ({"kind": "wedge", "tilt_min_deg": -60}, "/missing/tilt_max_deg", "required"),
        (
            {"kind": "wedge", "tilt_min_deg": -100, "tilt_max_deg": 60},
            "/missing/tilt_min_deg",
            "at least -90",
        ),
        ({"kind": "hole"}, "/missing/kind", "not known"),
        ({"kind": "cone", "half_angle_deg": 90}, "/missing/half_angle_deg", "below 90"),
    ],
)
def test_a_bad_missing_region(service: Served, missing: dict, pointer: str, words: str):
    only = fault(service.client.post("/datasets", json={"name": "x", "missing": missing}))
    assert only["pointer"] == pointer
    assert words in only["detail"]


def test_a_dataset_without_a_missing_region_is_refused(service: Served):
    assert "tilt_min_deg" in fault(service.client.post("/datasets", json={"name": "x"}))["detail"]


@pytest.mark.parametrize("size", [0, -1])
def test_a_voxel_size_which_is_none(service: Served, size: float):
    body = {"name": "x", "missing": {"kind": "none"}, "voxel_size_angstrom": size}
    only = fault(service.client.post("/datasets", json=body))
    assert only["pointer"] == "/voxel_size_angstrom"


def test_a_body_which_is_no_json(service: Served):
    kind = {"content-type": "application/json"}
    only = fault(service.client.post("/jobs", content=b'{"a": ', headers=kind))
    assert "not valid JSON" in only["detail"]


def test_a_body_of_the_wrong_kind(service: Served):
    for content, kind in ((b"[1]", "application/json"), (b"hello", "text/plain")):
        answer = service.client.post("/jobs", content=content, headers={"content-type": kind})
        assert "JSON object" in fault(answer)["detail"]


def test_a_document_which_is_too_large(service: Served):
    answer = service.client.post("/jobs", json={"name": "x" * 2**21})
    assert "1 MiB" in problem(answer, 413, "body-too-large")["detail"]


def test_a_document_which_hides_its_length_and_is_too_large(service: Served):
    pieces = (b"x" * 65536 for _ in range(32))
    kind = {"content-type": "application/json"}
    answer = service.client.post("/jobs", content=pieces, headers=kind)
    problem(answer, 413, "body-too-large")


def test_a_page_tells_its_error_as_a_page(service: Served):
    with service.stranger as stranger:
        origin = {"origin": service.url}
        stranger.post("/login", data={"token": service.token}, headers=origin)
        answer = stranger.get("/jobs/job_0", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "there is no job job_0" in answer.text


def test_the_nearest_class_decides():
    class SpecialError(ConflictError):
        """A kind of conflict which the table does not name."""

    assert kind_of(SpecialError("x")) == KINDS[ConflictError]
    assert kind_of(InputError()) == KINDS[InputError]
    assert kind_of(SubtomoError("x")).status == 500


def test_pointers_leave_the_tags_of_unions_out_and_escape():
    body = {"missing": {"kind": "wedge", "a/b~c": 1}, "list": [{"x": 1}]}
    assert pointer_of(["missing", "wedge", "a/b~c"], body) == "/missing/a~1b~0c"
    assert pointer_of(["missing", "wedge", "gone"], body, absent=True) == "/missing/gone"
    assert pointer_of(["list", 0, "x"], body) == "/list/0/x"
    assert pointer_of([], body) == ""
