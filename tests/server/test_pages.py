"""The pages in a real browser: what a person sees, live, and that nothing foreign is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from subtomo import Client
from subtomo_core.data.confirmation import Confirmation
from subtomo_core.data.verdict import Finding, Verdict
from subtomo_core.spec.job import job_spec_adapter
from subtomo_server.pages.forms import specification
from support.browsing import LONG, Visit, visiting
from support.services import WorkerProcess
from support.serving import Served, client_of, small_spec, volume_bytes
from support.tilt_stacks import simulated_stacks, written_stacks

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = pytest.mark.slow

NOISE = Confirmation(
    power=100.0, gain=1.0, variance=100.0, turning_gain=1.0, turning_variance=100.0
)


def test_the_link_signs_in_and_the_cookie_is_not_for_scripts(visit: Visit, service: Served):
    assert visit.page.get_by_role("heading", name="Datasets").is_visible()
    assert visit.page.evaluate("document.cookie") == ""
    assert service.token not in visit.page.url
    visit.page.get_by_role("button", name="Sign out").click()
    visit.page.wait_for_url(f"{visit.url}/login")
    visit.open("/")
    assert visit.page.url == f"{visit.url}/login"


# A class alone shows what its corrected curve is made of.
@pytest.mark.parametrize(("classes", "curves"), [(2, 2), (1, 4)])
def test_a_job_is_started_by_the_form_and_followed_to_its_end(
    visit: Visit, dataset: str, worker: WorkerProcess, classes: int, curves: int
):
    page = visit.page
    visit.open(f"/datasets/{dataset}")
    page.get_by_label("Name").fill("by hand")
    page.get_by_label("Classes").fill(str(classes))
    page.get_by_label("Iterations").fill("3")
    assert not page.get_by_label("Two halves kept apart").is_checked()
    page.get_by_label("Symmetry").fill("C2, c1" if classes == 2 else "c1")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(f"{visit.url}/jobs/*")
    page.get_by_text("Averages after iteration 3").wait_for(timeout=LONG)
    page.locator(".chip.succeeded").wait_for(timeout=LONG)
    assert page.get_by_role("button", name="Cancel").is_hidden()
    assert page.locator("#steps span").count() == 4
    page.locator("#fsc path.curve").nth(curves - 1).wait_for(state="attached", timeout=LONG)
    assert page.locator("#fsc path.curve").count() == curves
    assert page.locator("#fsc-legend .dot").count() == (curves if classes == 1 else 0)
    for index in range(classes):
        width = "image => image.decode().then(() => image.naturalWidth)"
        assert page.locator("#classes img").nth(index).evaluate(width) > 50
    assert "% of the particles" in page.locator("#classes .told").first.inner_text()
    assert ("symmetry C2, C1" in page.locator("#job").inner_text()) == (classes == 2)
    with page.expect_download() as download:
        page.get_by_role("link", name="particles.star").click()
    assert download.value.suggested_filename == "by-hand_it003_particles.star"
    # All particles show something, and this worker gives no verdict.
    assert page.locator("#junk").is_hidden()
    assert page.locator("#verdict").is_hidden()
    verdict = Verdict.of(
        [Finding.of(k + 1, NOISE) for k in range(classes)], converged=False, advice=["more starts"]
    )

    def with_junk(route: Route) -> None:
        answer = route.fetch()
        found = answer.json()
        found["items"][-1]["metrics"] |= {"junk_share": 0.314, "verdict": verdict.as_dict()}
        route.fulfill(response=answer, json=found)

    page.route("**/iterations", with_junk)
    page.reload()
    page.get_by_text("31.4 % of the particles show none of the classes").wait_for()
    page.get_by_text(f"Verdict: still moving; {verdict.summary}.").wait_for()
    assert page.locator("#verdict-reasons li").all_inner_texts() == list(verdict.reasons)
    assert page.locator("#verdict-advice li").all_inner_texts() == ["more starts"]
    assert "no resolution" in page.locator("#classes .told").last.inner_text()


def test_what_is_wrong_in_the_form_is_told_beside_it(visit: Visit, dataset: str):
    visit.open(f"/datasets/{dataset}")
    visit.page.get_by_label("Mask diameter").fill("9000")
    visit.page.get_by_label("Two halves kept apart").check()
    visit.page.get_by_role("button", name="Start").click()
    alert = visit.page.get_by_role("alert")
    alert.wait_for()
    assert "does not fit a box" in alert.inner_text()
    assert "half sets need 8 particles or more" in alert.inner_text()
    assert visit.page.get_by_label("Two halves kept apart").is_checked()
    assert visit.page.get_by_label("Mask diameter").input_value() == "9000"
    visit.forgive(422)


def test_a_waiting_job_is_put_off_and_cancelled_from_its_page(
    visit: Visit, service: Served, dataset: str
):
    spec = small_spec(dataset, iterations=500)
    job = service.client.post("/jobs", json=spec).json()["id"]
    visit.open(f"/jobs/{job}")
    priority = visit.page.get_by_label("Priority")
    priority.fill("90")
    visit.page.get_by_role("button", name="Change").click()
    assert "90 is above 50" in visit.page.get_by_role("alert").inner_text()
    priority.fill("20")
    visit.page.get_by_role("button", name="Change").click()
    visit.page.get_by_text("tester changed the priority from 50 to 20").wait_for()
    visit.forgive(422)
    visit.page.get_by_role("button", name="Cancel").click()
    visit.page.locator(".chip.cancelled").wait_for(timeout=LONG)
    visit.page.get_by_role("button", name="Change").wait_for(state="hidden", timeout=LONG)


def test_a_job_is_continued_and_cloned_from_its_page(
    visit: Visit, service: Served, dataset: str, worker: WorkerProcess
):
    spec = small_spec(dataset, name="to go on")
    job = service.client.post("/jobs", json=spec).json()["id"]
    page = visit.page
    visit.open(f"/jobs/{job}")
    page.locator(".chip.succeeded").wait_for(timeout=2 * LONG)
    page.get_by_role("link", name="Continue…").click()
    page.get_by_label("From iteration").wait_for()
    page.get_by_label("From iteration").select_option("1")
    page.get_by_label("Further iterations").fill("2")
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_text("iteration 1 of another job").wait_for()
    page.locator(".chip.succeeded").wait_for(timeout=2 * LONG)
    assert page.locator("#steps span").count() == 2
    visit.open(f"/jobs/{job}")
    page.get_by_role("link", name="Clone…").click()
    page.locator("#again").get_by_label("Classes").fill("0")
    page.get_by_role("button", name="Clone", exact=True).click()
    assert "classes" in page.get_by_role("alert").inner_text()
    page.locator("#again").get_by_label("Seed").fill("2, 3")
    page.get_by_role("button", name="Clone", exact=True).click()
    page.wait_for_url(f"{visit.url}/")
    for seed in (2, 3):
        page.get_by_text(f"to go on (seed {seed})").wait_for()
    visit.forgive(422)


def test_all_pairs_are_not_offered_to_go_on(
    visit: Visit, service: Served, dataset: str, worker: WorkerProcess
):
    job = service.client.post("/jobs", json=small_spec(dataset, algorithm="pairwise")).json()["id"]
    page = visit.page
    visit.open(f"/jobs/{job}")
    page.locator(".chip.succeeded").wait_for(timeout=2 * LONG)
    for _ in range(2):  # followed to its end, and opened afterwards
        page.get_by_text("Averages after iteration 2").wait_for(timeout=LONG)
        assert page.get_by_role("link", name="Clone…").is_visible()
        assert page.get_by_text("Continue").count() == 0
        visit.open(f"/jobs/{job}")
    # This worker's method makes no matrices, which the page asks for.
    visit.forgive(404)


def test_a_dataset_is_uploaded_from_the_browser(visit: Visit, tmp_path: Path):
    page = visit.page
    paths = []
    for index in range(3):
        paths.append(tmp_path / f"p{index}.mrc")
        paths[-1].write_bytes(volume_bytes(tmp_path, index))
    page.get_by_text("Upload subtomograms from this browser").click()
    page.get_by_label("Name").fill("from the browser")
    page.get_by_label("Files").set_input_files([str(path) for path in paths])
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url(f"{visit.url}/datasets/*", timeout=LONG)
    assert page.get_by_role("heading", name="from the browser").is_visible()
    assert page.locator(".chip.ready").is_visible()
    assert "16 voxels" in page.locator("dl").inner_text()
    page.get_by_text("Delete…").click()
    page.get_by_role("button", name="Delete it with its files").click()
    page.wait_for_url(f"{visit.url}/")
    assert page.get_by_text("from the browser", exact=True).count() == 0


def test_a_folder_of_stacks_is_uploaded_from_the_browser(visit: Visit, tmp_path: Path):
    """Names are those below the folder, and the tables tell what is missing."""
    page = visit.page
    stacked = written_stacks(tmp_path / "job010", simulated_stacks(2))
    page.get_by_text("Upload subtomograms from this browser").click()
    page.get_by_label("Name").fill("stacks from the browser")
    page.get_by_label("Or a folder").set_input_files(str(stacked.folder))
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url(f"{visit.url}/datasets/*", timeout=LONG)
    page.locator(".chip.ready").wait_for(timeout=LONG)
    assert "its particles are stacks of tilt images of 2 tilt series" in page.inner_text("main")


def test_the_truth_about_simulated_particles_is_linked_from_their_page(
    visit: Visit, service: Served
):
    with Client(service.url, service.token) as client:
        made = client.simulate("trial", ["complex:D2"], counts=[2], box=16, snr=0.5)
    visit.open(f"/datasets/{made.id}")
    assert "complex:D2; direct, SNR 0.5" in visit.page.inner_text("dl")
    with visit.page.expect_download() as coming:
        visit.page.get_by_role("link", name="true_poses.star").click()
    assert coming.value.suggested_filename == "trial_true_poses.star"


def test_a_token_is_shown_once_and_a_group_shares_a_dataset(
    visit: Visit, service: Served, dataset: str
):
    page = visit.page
    page.get_by_role("link", name="Account").click()
    page.get_by_label("What it is for").fill("lab script")
    page.get_by_label("It may").select_option("read")
    page.get_by_role("button", name="Make a token").click()
    text = page.locator("#token").inner_text()
    with client_of(service.url, text) as script:
        assert script.get("/me").json()["scope"] == "read"
        visit.open("/account")
        assert text not in page.content()
        page.get_by_role("button", name="Revoke lab script").click()
        page.get_by_role("button", name="Revoke lab script").wait_for(state="detached")
        assert script.get("/me").status_code == 401
    page.get_by_label("Name of a new group").fill("shared-here")
    page.get_by_role("button", name="Make a group").click()
    page.get_by_text("you are owner").wait_for()
    visit.open(f"/datasets/{dataset}")
    page.get_by_label("Group", exact=True).select_option("shared-here")
    page.get_by_role("button", name="Share").click()
    page.wait_for_load_state()
    assert service.client.get(f"/datasets/{dataset}").json()["group"] == "shared-here"


def test_a_viewer_is_offered_nothing_to_change(
    browser: Browser, service: Served, dataset: str, worker: WorkerProcess
):
    service.client.post("/groups", json={"name": "lookers"})
    service.client.patch(f"/datasets/{dataset}", json={"group": "lookers"})
    spec = small_spec(dataset, iterations=500)
    job = service.client.post("/jobs", json=spec).json()["id"]
    with service.another_user() as other:
        looker = other.get("/me").json()["user"]["id"]
        token = other.headers["authorization"].removeprefix("Bearer ")
    role = {"role": "viewer"}
    service.client.put(f"/groups/lookers/members/{looker}", json=role).raise_for_status()
    with visiting(browser, service.url, token) as visit:
        page = visit.page
        visit.open(f"/datasets/{dataset}")
        assert page.get_by_text("tester").is_visible()
        assert page.get_by_role("button", name="Start").count() == 0
        visit.open(f"/jobs/{job}")
        page.get_by_text("Averages after iteration 1").wait_for(timeout=LONG)
        for offered in ("Cancel", "Continue", "Clone", "Priority"):
            assert page.get_by_text(offered).count() == 0
        service.client.post(f"/jobs/{job}/cancel").raise_for_status()
        page.locator(".chip.cancelled").wait_for(timeout=LONG)


def test_the_documentation_needs_no_token_and_names_every_call(service: Served):
    with service.stranger as stranger:
        text = stranger.get("/docs").text
        document = stranger.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        assert path.replace("{", "{") in text
        for operation in methods.values():
            assert operation["tags"]
            assert operation["summary"]
            assert operation["description"]
            assert "4XX" in operation["responses"]


def test_the_form_leaves_out_what_all_pairs_do_not_have():
    fields = {"algorithm": "pairwise", "classes": "3", "iterations": "20", "start": "random"}
    body = specification("ds_1", fields)
    assert body == {"dataset": "ds_1", "algorithm": "pairwise", "classes": "3"}
    assert job_spec_adapter.validate_python(body).iterations == 2


def test_the_form_says_where_to_start():
    fields = {"algorithm": "faml", "start": "random", "range": ""}
    assert specification("ds_1", fields) == {"dataset": "ds_1", "algorithm": "faml"}
    body = specification("ds_1", fields | {"start": "poses", "range": "20"})
    assert body["start"] == {"kind": "poses"}
    assert specification("ds_1", {"start": "particles"})["start"] == {"kind": "particles"}
    assert body["parameters"] == {"search_range_deg": "20"}
