"""Jobs out of jobs, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from subtomo_store.jobs import jobs
from subtomo_store.people import users
from support.job_calls import cancel, post, refused
from support.services import WorkerProcess, wait_until
from support.serving import Served, small_spec


@pytest.fixture
def done(service: Served, dataset: str, worker: WorkerProcess) -> dict[str, Any]:
    """A job which a worker has done."""
    job = post(service, "/jobs", small_spec(dataset, batch_particles=2, name="first"))

    def now() -> dict[str, Any]:
        return dict(service.client.get(f"/jobs/{job['id']}").json())

    wait_until(lambda: now()["status"] == "succeeded", "the job is done", 60)
    return now()


def test_a_clone_of_a_raised_job_has_what_its_maker_may_give(service: Served, dataset: str):
    job = post(service, "/jobs", small_spec(dataset))
    with service.store.begin() as session:
        jobs.set_priority(session, job["id"], users.ensure(session, "root", "admin").id, 90)
    clone = post(service, f"/jobs/{job['id']}/clone", {})
    values = {"job": job["id"], "values": {"seed": [3]}}
    (swept,) = post(service, "/jobs/sweep", values)["items"]
    assert (clone["priority"], swept["priority"]) == (50, 50)
    cancel(service, job, clone, swept)


def test_a_clone_asks_for_the_same_again(service: Served, dataset: str):
    job = post(service, "/jobs", small_spec(dataset, name="one", priority=30))
    path = f"/jobs/{job['id']}/clone"
    same = post(service, path, {})
    assert same["spec"] == job["spec"]
    assert (same["priority"], same["name"]) == (30, "one")
    changes = {"iterations": 9, "name": "two", "resolution": {"limit_angstrom": 20.0}}
    other = post(service, path, {"changes": changes})
    fresh = post(service, "/jobs", small_spec(dataset, **changes))
    assert other["spec"] == fresh["spec"]  # defaults follow what was changed
    back = post(service, f"/jobs/{other['id']}/clone", {"changes": {"resolution": None}})
    assert (
        back["spec"]["resolution"]
        == post(service, "/jobs", small_spec(dataset, iterations=9))["spec"]["resolution"]
    )
    assert refused(service, path, {"changes": {"classes": 0}})["pointer"] == "/changes/classes"
    assert refused(service, path, {"changes": {"iteratons": 2}})["pointer"] == "/changes/iteratons"
    with service.another_user() as other_user:
        assert other_user.post(path, json={}).status_code == 404


def test_a_sweep_makes_one_job_of_each_combination(service: Served, dataset: str):
    values = {"classes": [1, 2], "resolution.limit_angstrom": [14.0, 15.0]}
    body = {"spec": small_spec(dataset, name="many"), "values": values}
    items = post(service, "/jobs/sweep", body)["items"]
    made = [(i["spec"]["classes"], i["spec"]["resolution"]["limit_angstrom"]) for i in items]
    assert [(k, round(limit)) for k, limit in made] == [(1, 14), (1, 15), (2, 14), (2, 15)]
    assert items[1]["name"] == "many (classes 1, limit_angstrom 15.0)"
    again = post(service, "/jobs/sweep", {"job": items[0]["id"], "values": {"seed": [5, 6]}})
    assert [item["spec"]["seed"] for item in again["items"]] == [5, 6]
    cancel(service, *items, *again["items"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"classes": []}, "no values"),
        ({"seed": list(range(33))}, "these values make 33 jobs: make at most 32"),
        ({"classes": [1, 0]}, "classes 0: "),
        ({"iteratons": [1]}, "iteratons 1: "),
    ],
)
def test_a_sweep_is_whole_or_not_at_all(
    service: Served, dataset: str, values: dict[str, Any], words: str
):
    def count() -> int:
        return len(service.client.get("/jobs", params={"limit": 200}).json()["items"])

    before = count()
    body = {"spec": small_spec(dataset), "values": values}
    assert words in refused(service, "/jobs/sweep", body)["detail"]
    assert count() == before


def test_a_sweep_needs_one_origin(service: Served, dataset: str):
    error = refused(service, "/jobs/sweep", {"values": {"classes": [1]}})
    assert "either 'spec' or 'job'" in error["detail"]


def test_continuing_keeps_the_numbers_and_the_bits(service: Served, done: dict[str, Any]):
    path = f"/jobs/{done['id']}/continue"
    job = post(service, path, {"from_iteration": 1})
    assert job["continues"] == {"job": done["id"], "iteration": 1}
    assert job["spec"] == done["spec"]
    further = post(service, path, {"iterations": 3})
    assert further["spec"] == {**done["spec"], "iterations": 5}
    for made, last in ((job, 2), (further, 5)):
        url = f"/jobs/{made['id']}"
        wait_until(
            lambda url=url: service.client.get(url).json()["status"] == "succeeded", "it ends", 60
        )
        assert service.client.get(url).json()["progress"]["iteration"] == last
    name = "iterations/2/classes/1/map.mrc"
    assert _content(service.client, done, name) == _content(service.client, job, name)


def _content(client: httpx.Client, job: dict[str, Any], name: str) -> bytes:
    return client.get(f"/jobs/{job['id']}/{name}").raise_for_status().content


def test_settings_may_change_where_it_makes_sense(service: Served, done: dict[str, Any]):
    changes = {
        "name": "finer",
        "symmetry": "C2",
        "resolution": {"limit_angstrom": 14.0},
        "mask": {"diameter_angstrom": 60.0},
        "parameters": {"candidates": 9},
        "priority": 3,
    }
    path = f"/jobs/{done['id']}/continue"
    job = post(service, path, {"iterations": 2, "changes": changes})
    spec, before = job["spec"], done["spec"]
    assert (job["name"], job["priority"], spec["symmetry"]) == ("finer", 3, "C2")
    assert spec["resolution"]["limit_angstrom"] == pytest.approx(14.0)
    assert spec["resolution"]["start_angstrom"] == before["resolution"]["start_angstrom"]
    assert spec["mask"]["diameter_angstrom"] == 60.0
    assert spec["parameters"]["candidates"] == 9
    cancel(service, job)


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"changes": {"classes": 2}}, "/changes/classes", "clone the job instead"),
        ({"changes": {"dataset": "ds_2"}}, "/changes/dataset", "its own particles"),
        ({"changes": {"half_sets": True}}, "/changes/half_sets", "cannot change half_sets"),
        (
            {"changes": {"whole_tomograms": True}},
            "/changes/whole_tomograms",
            "apart from the first",
        ),
        ({"changes": {"iterations": 9}}, "/changes/iterations", "how many further ones"),
        ({"changes": {"resolution": {"start_angstrom": 50}}}, None, "resolution.start_angstrom"),
        ({"changes": {"resolution": {"limit_angstrom": 1}}}, None, "outside what this dataset"),
        ({"changes": {"symmetry": "Q5"}}, "/changes/symmetry", "Q5"),
        ({"changes": {"priority": 99}}, "/changes/priority", "above 50"),
        ({"iterations": None}, "/iterations", "say in 'iterations' how many"),
        ({"from_iteration": 7}, None, "no finished iteration 7"),
    ],
)
def test_what_cannot_be_continued_is_told(
    service: Served, done: dict[str, Any], body: dict[str, Any], pointer: str | None, words: str
):
    error = refused(service, f"/jobs/{done['id']}/continue", {"iterations": 2} | body)
    assert words in error["detail"]
    if pointer:
        assert error["pointer"] == pointer


def test_all_pairs_cannot_go_on_beyond_their_end(
    service: Served, dataset: str, worker: WorkerProcess
):
    job = post(service, "/jobs", small_spec(dataset, algorithm="pairwise"))

    def ended() -> bool:
        return service.client.get(f"/jobs/{job['id']}").json()["status"] == "succeeded"

    wait_until(ended, "the job is done", 60)
    path = f"/jobs/{job['id']}/continue"
    for body in ({}, {"iterations": 2}, {"from_iteration": 1, "iterations": 3}):
        error = refused(service, path, body)
        assert "aligned and averaged by iteration 2: clone the job" in error["detail"]
        assert error["pointer"] == "/iterations"
    finer = {"resolution": {"limit_angstrom": 30}}
    again = post(service, path, {"from_iteration": 0, "changes": finer})
    assert again["spec"]["resolution"]["limit_angstrom"] == 30
    cancel(service, again)


def test_an_iteration_whose_model_was_not_kept(service: Served, done: dict[str, Any]):
    service.store.files.iteration_file(done["id"], 1, "model.npz").unlink()
    error = refused(service, f"/jobs/{done['id']}/continue", {"from_iteration": 1})
    assert "the model of iteration 1 was not kept" in error["detail"]
