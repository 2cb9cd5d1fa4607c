"""The form of a new job: every field of every algorithm, and what leaving them empty comes to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from subtomo_server.auth.accounts import issue_token
from subtomo_server.jobs.posted_job import PostedJob
from subtomo_server.jobs.vocabulary import algorithms
from subtomo_server.pages.job_form import JobForm, body_of, job_fields
from subtomo_server.pages.region_form import region_fields
from subtomo_server.pages.schema_fields import Field
from support.serving import Served, client_of, ready_dataset, small_spec

EMPTY = JobForm({}, {}, {}, {}, "", {})
_ONE_RESOLUTION = {
    f"resolution.{field}" for field in ("start_angstrom", "shared_angstrom", "growth_shells")
}
_ONE_START = {"starts", "trial_iterations", "symmetry", "half_sets", "whole_tomograms"}
_EVERY_POSE = _ONE_RESOLUTION | _ONE_START
NO_CHOICE = {
    "ml": _EVERY_POSE,
    "cc": _EVERY_POSE,
    "pairwise": _EVERY_POSE | {"iterations", "start.kind", "stop_when_converged", "mask.kind"},
}


def leaves(document: dict, above: str = "") -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{above}{key}.")
        else:
            yield above + key


@pytest.fixture(scope="module")
def particles(service: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Enough particles for every algorithm, half sets included."""
    return ready_dataset(service.client, tmp_path_factory.mktemp("forty"), count=40)


def told(service: Served, dataset: str, entered: dict[str, str]) -> dict:
    answer = service.client.post(f"{service.url}/datasets/{dataset}/jobs/check", data=entered)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("field", [*job_fields(), *region_fields()], ids=lambda field: field.name)
def test_every_field_is_explained(field: Field):
    assert field.help
    assert field.label != field.name
    assert all(choice.label for choice in field.choices)


def test_the_form_has_every_field_of_every_algorithm_once():
    shown = [*EMPTY.first, *(field for section in EMPTY.sections for field in section.fields)]
    assert sorted(map(str, shown)) == sorted(map(str, job_fields()))


@pytest.mark.parametrize("algorithm", algorithms())
def test_nothing_that_a_job_has_is_left_out(algorithm: str):
    posted = PostedJob.model_validate({"dataset": "ds_1", "algorithm": algorithm})
    named = {field.name for field in job_fields() if not field.kinds or algorithm in field.kinds}
    fixed = {"dataset"} | NO_CHOICE.get(algorithm, set())
    assert set(leaves(posted.root.model_dump())) - fixed == {
        name for name in named if not name.startswith("start.") or name == "start.kind"
    } - {"mask.map"}


@pytest.mark.parametrize("algorithm", algorithms())
def test_the_defaults_shown_are_what_empty_fields_come_to(
    service: Served, particles: str, algorithm: str
):
    shown = told(service, particles, {"algorithm": algorithm})["defaults"]
    values = {"yes": "true", "no": "false"}
    own = [f for f in job_fields() if f.name in shown and (not f.kinds or algorithm in f.kinds)]
    entered = {f.name: values.get(shown[f.name], shown[f.name]) for f in own}
    variants = {f.name for f in own if f.kind == "variant"}
    entered = {name: text for name, text in entered.items() if name not in variants}
    again = told(service, particles, {"algorithm": algorithm, **entered})
    assert again["problems"] == {}
    assert again["defaults"] == shown
    assert {"classes", "parameters.shift_range_angstrom"} <= set(entered)


def test_everything_wrong_is_told_at_once_and_the_rest_has_its_defaults(
    service: Served, dataset: str
):
    entered = {
        "algorithm": "faml",
        "classes": "0",
        "iterations": "many",
        "symmetry": "C2, X",
        "start.kind": "maps",
        "mask.diameter_angstrom": "9000",
        "resolution.limit_angstrom": "1",
        "parameters.search_range_deg": "5",
        "parameters.junk": "1",
        "half_sets": "true",
        "priority": "101",
        "webhook": "http://127.0.0.1/x",
    }
    answer = told(service, dataset, entered)
    wrong = answer["problems"]
    assert set(wrong) == (set(entered) - {"algorithm", "start.kind"}) | {"start.maps"}
    assert all(len(details) == 1 for details in wrong.values())
    assert answer["defaults"]["parameters.candidates"] == "50"
    assert (answer["estimate"], answer["remarks"]) == ("", {})


def test_few_particles_in_many_classes_are_remarked_on(service: Served, particles: str):
    answer = told(service, particles, {"classes": "20"})
    assert answer["problems"] == {}
    (remark,) = answer["remarks"]["classes"]
    assert "40 particles in 20 classes are 2 in each" in remark
    assert told(service, particles, {"classes": "4"})["remarks"] == {}
    spec = small_spec(particles, classes=20)
    answer = service.client.post("/jobs/validate", json=spec).json()
    assert answer["remarks"] == [{**answer["remarks"][0], "detail": remark, "pointer": "/classes"}]
    job = service.client.post("/jobs", json=spec).json()["id"]
    reading = {"accept": "application/json"}
    events = service.client.get(f"/jobs/{job}/events", headers=reading).json()["items"]
    assert remark in [event["data"].get("detail") for event in events if event["kind"] == "note"]


def test_fields_of_other_choices_are_left_out():
    entered = {
        "algorithm": ["pairwise"],
        "iterations": ["20"],
        "start.kind": ["poses"],
        "start.job": ["", "job_1"],
        "parameters.linkage": ["ward"],
        "unknown": ["1"],
    }
    body = {"dataset": "ds_1", "algorithm": "pairwise", "parameters": {"linkage": "ward"}}
    assert body_of("ds_1", entered) == body
    body = body_of("ds_1", entered | {"algorithm": ["sag"], "start.maps": ["map_1", "map_2"]})
    assert body["start"] == {"kind": "poses", "job": "job_1"}
    assert body["iterations"] == "20"
    several = {"start.kind": ["maps"], "start.maps": ["map_1", "map_2"], "symmetry": ["D7, C1"]}
    assert body_of("ds_1", several) == {
        "dataset": "ds_1",
        "algorithm": "faml",
        "start": {"kind": "maps", "maps": ["map_1", "map_2"]},
        "symmetry": ["D7", "C1"],
    }


def test_whoever_may_only_read_is_told_so(service: Served, dataset: str):
    token = issue_token(service.store, "tester", label="reads", scope="read")
    with client_of(service.url, token) as reader:
        page = reader.get(f"{service.url}/datasets/{dataset}").text
        home = reader.get(f"{service.url}/").text
    assert "signed in by a token that may only read" in page
    assert "new-job" not in page
    assert "Upload subtomograms" not in home
