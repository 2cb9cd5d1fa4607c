"""The table of a job's particles, and datasets made of some of them, over HTTP and on the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest

from subtomo import Client, HTTPProblem, Rejected
from subtomo_core.data.poses import Poses
from subtomo_server.datasets.selections import Choice, Origin, noted
from subtomo_store.datasets import datasets
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.jobs import jobs
from subtomo_store.jobs.result_poses import own_poses
from subtomo_store.people import groups, users
from support.browsing import LONG, Visit
from support.people import client_for
from support.services import WorkerProcess
from support.serving import Served, ready_dataset, small_spec

if TYPE_CHECKING:
    from playwright.sync_api import Route


@pytest.fixture(scope="module")
def job(service: Served, dataset: str, worker: WorkerProcess) -> str:
    """A finished job: of 4 particles two in class 1, two in class 2, each with its row as score."""
    made = service.client.post("/jobs", json=small_spec(dataset, classes=2)).json()["id"]
    ended = service.client.get(f"/jobs/{made}", headers={"prefer": "wait=60"}).json()
    assert ended["status"] == "succeeded", worker.log.read_text()
    return str(made)


def rows(service: Served, job: str, **query: object) -> list[int]:
    answer = service.client.get(f"/jobs/{job}/iterations/last/particles", params=query)
    assert answer.status_code == 200, answer.text
    return [item["row"] for item in answer.json()["items"]]


def test_particles_are_listed_sorted_and_filtered(service: Served, job: str):
    assert rows(service, job) == [1, 2, 3, 4]
    assert rows(service, job, sort="score", descending=True) == [4, 3, 2, 1]
    assert rows(service, job, classes=2) == [3, 4]
    assert rows(service, job, classes=[1, 2], min_score=1.0, limit=2, offset=1) == [3, 4]
    assert rows(service, job, min_probability=1.0, sort="class", descending=True) == [4, 3, 2, 1]
    answer = service.client.get(f"/jobs/{job}/iterations/last/particles", params={"limit": 1})
    found = answer.json()
    assert (found["total"], found["particles"]) == (4, 4)
    (item,) = found["items"]
    assert item["image"] == "p0.mrc"
    assert (item["class"], item["probability"], item["junk"]) == (1, 1.0, False)
    assert item["angles_deg"] == pytest.approx([0, 0, 0])


@pytest.mark.parametrize(
    "query", [{"classes": 3}, {"sort": "colour"}, {"limit": 5000}, {"offset": -1}, {"rows": 3}]
)
def test_what_is_not_there_cannot_be_listed(service: Served, job: str, query: dict[str, object]):
    answer = service.client.get(f"/jobs/{job}/iterations/last/particles", params=query)
    assert answer.status_code == 422


def test_a_dataset_is_made_of_a_class_and_a_job_starts_from_its_poses(
    service: Served, job: str, dataset: str, worker: WorkerProcess
):
    with Client(service.url, service.token) as client:
        made = client.select(job, "class two", classes=[2])
        assert (made.status, made.particles, made.box) == ("ready", 2, 16)
        assert made.selection is not None
        assert (made.selection["job"], made.selection["iteration"]) == (job, 2)
        whole = client.dataset(dataset)
        assert made.missing == whole.missing
        assert f"2 of the 4 particles of the dataset {dataset}" in made.remarks[0]
        assert made.remarks[0].endswith("; class 2 is 1 here")
        poses = StackParticles(service.store.files.dataset(made.id)).given_poses()
        assert poses.classes is not None
        assert poses.classes.tolist() == [1, 1]
        further = client.submit(
            dataset=made, algorithm="faml", iterations=1, start={"kind": "poses"}
        )
        assert client.wait(further).status == "succeeded"
        listed = client.particles(further)
        assert [item["image"] for item in listed] == ["p2.mrc", "p3.mrc"]
        assert client.particles(job, classes=[1], sort="score", descending=True)[0]["row"] == 2


def test_poses_go_from_binned_particles_to_the_finer_ones(
    service: Served, job: str, dataset: str, worker: WorkerProcess
):
    poses = {"kind": "poses"}
    with Client(service.url, service.token) as client:
        small = client.select(job, "binned", binning=2)
        assert (small.box, small.voxel_size_angstrom) == (8, 12.0)
        assert "binned from 16 to 8 voxels" in small.remarks[0]
        coarse = client.submit(
            dataset=small, algorithm="faml", iterations=1, classes=2, start=poses
        )
        assert client.wait(coarse).status == "succeeded", worker.log.read_text()
        two = client.select(coarse, "two of the binned", rows=[2, 4])
        start = {**poses, "job": coarse.id}
        as_page = {"accept": "text/html", "authorization": f"Bearer {service.token}"}
        form = httpx.get(f"{service.url}/datasets/{dataset}", headers=as_page, trust_env=False)
        assert f'value="{coarse.id}"' in form.text  # among those whose poses may be taken
        fine = client.submit(
            dataset=dataset, algorithm="faml", iterations=1, classes=2, start=start
        )
        assert client.wait(fine).status == "succeeded", worker.log.read_text()
        found = [poses_of(service, one.id, 0) for one in (coarse, fine)]
        np.testing.assert_allclose(found[1].rotations, found[0].rotations)
        np.testing.assert_allclose(found[1].shifts, 2 * found[0].shifts)
        # Some of the particles take theirs from a job on all; not the other way round.
        assert two.box == 8
        spec = {"algorithm": "faml", "iterations": 1, "classes": 2}
        fewer = client.submit(dataset=two, **spec, start={**poses, "job": fine.id})
        assert client.wait(fewer).status == "succeeded", worker.log.read_text()
        np.testing.assert_allclose(poses_of(service, fewer.id, 0).shifts, found[0].shifts[[1, 3]])
        with pytest.raises(HTTPProblem, match="no poses of 2 of this dataset's 4 particles"):
            client.submit(dataset=dataset, **spec, start={**poses, "job": fewer.id})


def test_halves_of_a_job_stay_apart_among_chosen_particles(
    service: Served, worker: WorkerProcess, tmp_path: Path
):
    eight = ready_dataset(service.client, tmp_path, count=8)
    with Client(service.url, service.token) as client:
        apart = client.submit(dataset=eight, algorithm="faml", iterations=1, half_sets=True)
        assert client.wait(apart).status == "succeeded", worker.log.read_text()
        some = client.select(apart, "a few of both halves", rows=[1, 3, 4, 8])
    halves = StackParticles(service.store.files.dataset(some.id)).grouping().halves
    assert halves is not None
    assert halves.tolist() == [0, 0, 1, 1]  # of every other particle


def poses_of(service: Served, job: str, iteration: int) -> Poses:
    path = service.store.files.iteration_file(job, iteration, "poses.npz")
    return own_poses(path.parent)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"binning": 3}, "a box of 16 voxels binned by 3 has 5.33333"),
        ({"binning": 4}, "a box of 16 voxels binned by 4 has 4"),
        ({"box": 18}, "the particles have a box of 16 voxels, not 18"),
        ({"box": 9}, "multiple of 2"),
        ({"box": 8, "binning": 2}, "give 'binning' or 'box', not both"),
    ],
)
def test_boxes_that_cannot_be_are_refused(
    service: Served, job: str, asked: dict[str, int], sentence: str
):
    path = f"/jobs/{job}/iterations/last/selection"
    answer = service.client.post(path, json={"name": "none", **asked})
    assert answer.status_code == 422
    assert sentence in answer.text


def test_no_dataset_is_made_of_nothing_or_of_what_others_have(service: Served, job: str):
    path = f"/jobs/{job}/iterations/last/selection"
    nothing = service.client.post(path, json={"name": "none", "min_score": 99})
    assert nothing.status_code == 422
    assert "no particle meets" in nothing.json()["detail"]
    missing = service.client.post(path, json={"name": "none", "rows": [5]})
    assert "there is no row 5" in missing.json()["detail"]
    with service.another_user() as stranger:
        assert stranger.post(path, json={"name": "theirs"}).status_code == 404
    made = service.client.post(path, json={"name": "fixed", "rows": [1, 4]}).json()["id"]
    ready = service.client.get(f"/datasets/{made}", headers={"prefer": "wait=30"}).json()
    assert (ready["status"], ready["particles"]) == ("ready", 2)
    more = service.client.put(f"/datasets/{made}/files/p9.mrc", content=b"x")
    assert more.status_code == 409


def test_who_sees_a_job_alone_cannot_copy_its_particles(service: Served, job: str):
    """The result was shared, its dataset was not."""
    with service.store.begin() as session:
        maker = jobs.get(session, job).user_id
        users.ensure(session, "looker")
        groups.create(session, "lookers", maker)
        groups.set_member(session, None, "lookers", "looker", "viewer")
        jobs.move_to_group(session, job, maker, "lookers")
    with client_for(service, "looker") as looker:
        path = f"/api/v1/jobs/{job}/iterations/last"
        assert looker.get(f"{path}/particles").status_code == 200
        refused = looker.post(f"{path}/selection", json={"name": "taken"})
        hidden = looker.get(f"{path}/particles/1/display.mrc")
    assert refused.status_code == 404, refused.text
    assert hidden.status_code == 404, hidden.text
    with service.store.begin() as session:
        jobs.move_to_group(session, job, maker, None)
        groups.remove(session, maker, "lookers")


@pytest.mark.parametrize("gone", ["job", "dataset"])
def test_a_selection_whose_source_is_deleted_before_it_is_copied_is_rejected(
    service: Served, worker: WorkerProcess, tmp_path: Path, gone: str
):
    source = ready_dataset(service.client, tmp_path)
    with Client(service.url, service.token) as client:
        first = client.wait(client.submit(dataset=source, algorithm="faml", iterations=1))
        with service.store.begin() as session:  # what the route does, before the copy begins
            whole = datasets.get(session, source)
            made = datasets.create(
                session,
                user_id=whole.user_id,
                name=f"of a {gone}",
                missing=whole.summary.missing,
                voxel_size_angstrom=None,
                dark_particles=False,
                selection=noted(Origin(first.id, 1, source), Choice(), whole.summary.box),
            )
        folder = service.store.files.dataset(source)
        if gone == "job":
            client.delete_job(first)
        else:  # a job keeps its dataset: its files alone can go
            folder.rename(tmp_path / "away")
        with pytest.raises(Rejected) as caught:
            client.seal(made.id)
        what = f"the result of the job {first.id}" if gone == "job" else f"the dataset {source}"
        (fault,) = caught.value.faults
        assert fault.detail == (
            f"{what} was deleted before its particles were copied: choose them from a job that is "
            "there, and delete this dataset"
        )
        assert client.dataset(made.id).status == "rejected"
        if gone == "dataset":
            (tmp_path / "away").rename(folder)
            client.delete_job(first)
        client.delete_dataset(made.id)
        client.delete_dataset(source)


@pytest.mark.slow
def test_particles_are_chosen_on_the_page(visit: Visit, service: Served, job: str):
    page = visit.page
    visit.open(f"/jobs/{job}")
    page.get_by_text("Particles", exact=True).click()
    page.locator("#particle-rows tr").nth(3).wait_for(timeout=LONG)
    # The answer to the first click comes behind that to the second one, and counts no more.
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile("sort=score&descending=false"), hold)
    page.get_by_role("button", name="Score").click()
    page.get_by_role("button", name="Score").click()
    first = page.locator("#particle-rows tr").first
    first.get_by_text("p3.mrc").wait_for()
    with page.expect_response(re.compile("sort=score&descending=false")) as late:
        held[0].continue_()
    late.value.finished()
    page.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert "p3.mrc" in first.inner_text()
    page.locator("#particle-filter").get_by_label("Class").select_option("1")
    page.get_by_text("2 of 4 particles").wait_for()
    page.get_by_label("Name of the new dataset").fill("from the page")
    page.get_by_label("Binning").select_option("2")
    page.get_by_role("button", name="Make a dataset of these").click()
    page.wait_for_url(f"{visit.url}/datasets/*", timeout=LONG)
    page.get_by_role("heading", name="from the page").wait_for()
    page.locator(".chip.ready").wait_for(timeout=LONG)
    page.get_by_text("binned from 16 to 8 voxels").wait_for()
