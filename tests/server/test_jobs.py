"""Posting, following and ending jobs. The tests play the worker, through the store's own calls."""

from __future__ import annotations

import threading
import time

import httpx
import numpy as np
import pytest

from subtomo_store.formats.mrc import write_volume
from support.job_calls import new_job, to
from support.serving import Served, client_of, small_spec, volume_bytes


def test_a_job_shows_every_default(service: Served, dataset: str):
    job = new_job(service, dataset, algorithm="FAML")
    assert job["status"] == "queued"
    assert job["spec"]["algorithm"] == "faml"
    assert job["spec"]["mask"]["diameter_angstrom"] == pytest.approx(0.8 * 16 * 6)
    assert job["spec"]["parameters"]["bandwidth"] > 0
    assert job["spec"]["batch_particles"] > 0
    assert job["progress"] == {
        "iteration": 0,
        "iterations": 2,
        "first_iteration": 0,
        "particles_done": 0,
        "particles": 4,
        "fraction": 0.0,
        "eta_seconds": None,
    }


def test_validate_shows_what_would_be_stored_and_makes_nothing(service: Served, dataset: str):
    before = len(service.client.get("/jobs").json()["items"])
    told = service.client.post("/jobs/validate", json=small_spec(dataset)).json()
    assert told["valid"]
    assert told["spec"] == new_job(service, dataset)["spec"]
    assert len(service.client.get("/jobs").json()["items"]) == before + 1


def test_an_estimate_grows_with_the_work(service: Served, dataset: str):
    def seconds(**changes: object) -> float:
        spec = small_spec(dataset, **changes)
        return float(service.client.post("/jobs/estimate", json=spec).json()["seconds"])

    assert seconds(classes=4) > seconds(classes=1) > 0
    assert seconds(iterations=20, starts=1) == pytest.approx(10 * seconds(iterations=2, starts=1))
    assert seconds(starts=1) < seconds(starts=2) < seconds(starts=4) < 4 * seconds(starts=1)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"starts": 65}, "/starts"),
        ({"starts": 40, "start": {"kind": "particles", "rounds": 1}}, "/starts"),
        ({"start": {"kind": "particles", "rounds": 9}}, "/start/rounds"),
        ({"starts": 2, "trial_iterations": 9}, "/trial_iterations"),
    ],
)
def test_starts_which_do_not_fit_are_refused(
    service: Served, dataset: str, changes: dict[str, object], pointer: str
):
    refused = service.client.post("/jobs/validate", json=small_spec(dataset, **changes)).json()
    assert [error["pointer"] for error in refused["errors"]] == [pointer]


def test_the_same_key_and_body_make_one_job(service: Served, dataset: str):
    first, second = new_job(service, dataset, "k1"), new_job(service, dataset, "k1")
    assert first == second
    other = service.client.post(
        "/jobs", json=small_spec(dataset, seed=2), headers={"idempotency-key": "k1"}
    )
    assert other.status_code == 422
    assert other.json()["type"] == "urn:subtomo:problem:idempotency-key-reused"


def test_a_refused_request_does_not_use_its_key_up(service: Served, dataset: str):
    bad = service.client.post(
        "/jobs", json=small_spec(dataset, classes=9), headers={"idempotency-key": "k2"}
    )
    assert bad.status_code == 422
    assert new_job(service, dataset, "k2")["status"] == "queued"


def test_the_same_key_at_the_same_moment_makes_one_job(service: Served, dataset: str):
    made: list[dict] = []
    threads = [
        threading.Thread(target=lambda: made.append(new_job(service, dataset, "k3")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len({job["id"] for job in made}) == 1


def test_a_dataset_which_is_not_ready_takes_no_job(service: Served):
    made = service.client.post("/datasets", json={"name": "x", "missing": {"kind": "none"}})
    answer = service.client.post("/jobs", json=small_spec(made.json()["id"]))
    assert answer.status_code == 409
    assert "seal it" in answer.json()["detail"]


def test_a_starting_map_must_fit_the_dataset(service: Served, dataset: str, tmp_path):
    def upload(box: int) -> str:
        content = volume_bytes(tmp_path, box, box=box)
        return str(service.client.post("/maps?name=m", content=content).json()["id"])

    start = {"kind": "maps", "maps": [upload(12)]}
    answer = service.client.post("/jobs", json=small_spec(dataset, start=start))
    assert answer.json()["errors"][0]["pointer"] == "/start/maps/0"
    start = {"kind": "maps", "maps": [upload(16)]}
    assert new_job(service, dataset, start=start)["spec"]["start"]["low_pass_angstrom"] > 0


def test_a_mask_must_be_one_of_this_dataset(service: Served, dataset: str, tmp_path):
    def upload(values: np.ndarray) -> str:
        path = tmp_path / "mask.mrc"
        write_volume(path, values.astype(np.float32), 6.0)
        answer = service.client.post("/maps?name=m", content=path.read_bytes())
        return str(answer.json()["id"])

    def refusal(values: np.ndarray) -> dict:
        mask = {"kind": "map", "map": upload(values)}
        answer = service.client.post("/jobs/validate", json=small_spec(dataset, mask=mask))
        assert answer.status_code == 422, answer.text
        return dict(answer.json()["errors"][0])

    whole = np.ones((16, 16, 16))
    for values, words in (
        (whole[:12, :12, :12], "has a box of 12 voxels"),
        (3.0 * whole, "values from 3 to 3"),
        (0.0 * whole, "zero everywhere"),
    ):
        assert refusal(values)["pointer"] == "/mask/map"
        assert words in refusal(values)["detail"]
    mask = {"kind": "map", "map": upload(whole)}
    assert new_job(service, dataset, mask=mask)["spec"]["mask"] == {**mask, "particles": False}


def test_a_symmetry_for_each_class(service: Served, dataset: str):
    spec = new_job(service, dataset, classes=2, symmetry=["d7", "i"])["spec"]
    assert spec["symmetry"] == ["D7", "I2"]


def test_lists_by_status_and_dataset(service: Served, dataset: str):
    job = new_job(service, dataset)
    service.client.post(f"/jobs/{job['id']}/cancel")

    def ids(**params: str) -> list[str]:
        return [item["id"] for item in service.client.get("/jobs", params=params).json()["items"]]

    assert job["id"] in ids(status="cancelled", dataset=dataset)
    assert job["id"] not in ids(status="queued")
    assert ids(dataset="ds_0") == []
    assert service.client.get("/jobs", params={"status": "lost"}).status_code == 422
    assert service.client.get("/jobs", params={"cursor": "nonsense"}).status_code == 422


def test_cancel_delete_and_twice(service: Served, dataset: str):
    job = new_job(service, dataset)["id"]
    assert service.client.delete(f"/jobs/{job}").status_code == 409
    assert service.client.post(f"/jobs/{job}/cancel").json()["status"] == "cancelled"
    assert service.client.post(f"/jobs/{job}/cancel").json()["status"] == "cancelled"
    assert service.client.delete(f"/jobs/{job}").status_code == 204
    assert service.client.get(f"/jobs/{job}").status_code == 404


def test_an_unchanged_job_is_not_sent_again(service: Served, dataset: str):
    job = new_job(service, dataset)["id"]
    etag = service.client.get(f"/jobs/{job}").headers["etag"]
    again = service.client.get(f"/jobs/{job}", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    to(service, job, "running")
    changed = service.client.get(f"/jobs/{job}", headers={"if-none-match": etag})
    assert changed.json()["status"] == "running"


def test_a_long_poll_comes_back_at_the_change(service: Served, dataset: str):
    job = new_job(service, dataset)["id"]
    etag = service.client.get(f"/jobs/{job}").headers["etag"]
    began = time.monotonic()
    threading.Timer(0.6, to, (service, job, "running")).start()
    answer = service.client.get(
        f"/jobs/{job}", headers={"if-none-match": etag, "prefer": "wait=60"}
    )
    assert answer.json()["status"] == "running"
    assert 0.6 <= time.monotonic() - began < 30


def test_a_long_poll_without_a_change_ends_in_time(service: Served, dataset: str):
    job = new_job(service, dataset)["id"]
    etag = service.client.get(f"/jobs/{job}").headers["etag"]
    began = time.monotonic()
    answer = service.client.get(f"/jobs/{job}", headers={"if-none-match": etag, "prefer": "wait=1"})
    assert answer.status_code == 304
    assert 0.9 < time.monotonic() - began < 30


def test_nobody_else_sees_a_job(service: Served, dataset: str):
    job = new_job(service, dataset)["id"]
    with service.another_user() as other:
        for path in ("", "/events", "/iterations", "/archive.zip", "/iterations/last"):
            assert other.get(f"/jobs/{job}{path}").status_code == 404
        assert other.post(f"/jobs/{job}/cancel").status_code == 404
        assert other.delete(f"/jobs/{job}").status_code == 404


def test_a_browsers_form_starts_and_cancels_a_job(service: Served, dataset: str):
    own = {"origin": service.url, "accept": "text/html"}
    with client_of(service.url, service.token) as browser:
        browser.base_url = httpx.URL(service.url)
        sent = {"name": "by form", "algorithm": "fa", "classes": "2", "iterations": "3", "seed": ""}
        answer = browser.post(f"/datasets/{dataset}/jobs", data=sent, headers=own)
        assert answer.status_code == 303, answer.text
        page = browser.get(answer.headers["location"])
        assert "by form" in page.text
        bad = browser.post(f"/datasets/{dataset}/jobs", data=sent | {"classes": "70"}, headers=own)
        assert bad.status_code == 422
        assert "at most 64, got" in bad.text
        assert 'value="by form"' in bad.text
        ended = browser.post(answer.headers["location"] + "/cancel", headers=own)
        assert ended.status_code == 303
        assert "cancelled" in browser.get(answer.headers["location"]).text


def test_names_are_escaped_in_pages(service: Served, dataset: str):
    job = new_job(service, dataset, name="<script>alert(1)</script>")["id"]
    with client_of(service.url, service.token) as browser:
        text = browser.get(f"{service.url}/jobs/{job}").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
