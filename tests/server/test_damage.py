"""What is damaged or gone on the disk is told: by jobs, downloads, pages and ``admin verify``."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from subtomo_server.admin import app
from subtomo_store.datasets.checksums import CHECKSUMS
from subtomo_store.datasets.stack import RECORD
from subtomo_store.datasets.stack_file import PARTICLES
from support.services import wait_until
from support.serving import ready_dataset, small_spec
from support.verifying import flip


@pytest.fixture
def done(service, dataset, worker):
    """Id of a job which has succeeded."""
    made = service.client.post("/jobs", json=small_spec(dataset, classes=2)).json()["id"]
    assert ended(service, made)["status"] == "succeeded"
    return made


def ended(service, job):
    """The job once it has ended."""

    def now():
        return service.client.get(f"/jobs/{job}").json()

    wait_until(lambda: now()["finished"], "the job ends", 240)
    return now()


def verify(service, *options):
    given = {"SUBTOMO_DATA": str(service.store.settings.data)}
    return CliRunner().invoke(app, ["verify", *options], env=given)


def gone(answer, words):
    assert answer.status_code == 410, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:subtomo:problem:gone"
    assert words in answer.json()["detail"]


def test_results_which_are_gone_are_told_everywhere(service, done):
    files = service.store.files
    base = f"/jobs/{done}/iterations/last"
    page = service.url + f"/jobs/{done}"
    assert service.client.get(f"/jobs/{done}/archive.zip").status_code == 200
    assert "not on the disk any more" not in service.client.get(page).text
    files.iteration_file(done, 2, "class_2.mrc").unlink()
    gone(service.client.get(f"/jobs/{done}/archive.zip"), "class_2.mrc is not on the disk any more")
    assert service.client.get(f"{base}/classes/1/map.mrc").status_code == 200
    shutil.rmtree(files.iteration(done, 2))
    for path in (
        "particles.star",
        *(f"classes/2/{name}" for name in ("map.mrc", "half1.mrc", "half2.mrc", "slices.png")),
        *(f"classes/1/fsc.{form}" for form in ("json", "star", "xml")),
    ):
        gone(service.client.get(f"{base}/{path}"), "Put it back")
    told = service.client.get(page).text
    assert "Results of iteration 2 are not on the disk any more" in told
    assert "class_2.mrc" in told
    found = verify(service)
    assert found.exit_code == 1
    assert f"result   {done}, iteration 2, class_2.mrc: class_2.mrc is gone" in found.output


def test_a_result_cut_short_is_not_sent(service, done):
    path = service.store.files.iteration_file(done, 2, "class_1.mrc")
    path.write_bytes(path.read_bytes()[:-1])
    answer = service.client.get(f"/jobs/{done}/iterations/last/classes/1/map.mrc")
    gone(answer, "is not the file that was written")


def test_a_map_which_is_gone_is_told(service, done):
    average = service.client.get(f"/jobs/{done}/iterations/last/classes/1/map.mrc").content
    made = service.client.post("/maps", params={"name": "one"}, content=average).json()["id"]
    assert service.client.get(f"/maps/{made}/map.mrc").content == average
    service.store.files.map(made).unlink()
    gone(service.client.get(f"/maps/{made}/map.mrc"), "is not on the disk any more")
    assert f"map      {made}: {made}.mrc is gone" in verify(service).output
    service.client.delete(f"/maps/{made}").raise_for_status()


def test_a_job_on_a_damaged_dataset_fails_at_once_and_is_resumed_when_it_is_mended(
    service, worker, tmp_path
):
    dataset = ready_dataset(service.client, tmp_path)
    stack = service.store.files.dataset(dataset) / PARTICLES
    flip(stack, stack.stat().st_size - 5)
    job = service.client.post("/jobs", json=small_spec(dataset)).json()["id"]
    failed = ended(service, job)
    assert failed["status"] == "failed"
    assert f"particle 4 of the dataset {dataset} is damaged on the disk" in failed["status_reason"]
    assert "resume the job, or upload the dataset anew" in failed["status_reason"]
    page = service.client.get(service.url + f"/jobs/{job}").text
    assert f'action="/jobs/{job}/resume" ><button' in page
    seen = verify(service)
    assert (seen.exit_code, f"dataset  {dataset}: particle 4 of" in seen.output) == (1, True)
    flip(stack, stack.stat().st_size - 5)
    resumed = service.client.post(f"/jobs/{job}/resume")
    assert (resumed.status_code, resumed.json()["status"]) == (202, "queued")
    assert ended(service, job)["status"] == "succeeded"
    again = service.client.post(f"/jobs/{job}/resume")
    assert (again.status_code, "only one that failed" in again.json()["detail"]) == (409, True)


def test_old_datasets_get_checksums_if_they_are_as_they_were(service, tmp_path):
    dataset = ready_dataset(service.client, tmp_path)
    folder = service.store.files.dataset(dataset)
    record = json.loads((folder / RECORD).read_text())
    before = record.pop("files")[CHECKSUMS]
    (folder / RECORD).write_text(json.dumps(record))
    (folder / CHECKSUMS).unlink()
    assert "1 of the datasets have no checksums" in verify(service).output
    flip(folder / PARTICLES, 3000)
    assert f"{dataset}: {PARTICLES} is not what was written" in verify(service, "--add").output
    assert not (folder / CHECKSUMS).exists()
    flip(folder / PARTICLES, 3000)
    assert "no checksums" not in verify(service, "--add").output
    assert json.loads((folder / RECORD).read_text())["files"] == {CHECKSUMS: before}
