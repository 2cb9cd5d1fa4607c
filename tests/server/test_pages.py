"""The pages in a real browser: what a person sees, live, and that nothing foreign is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from subtomo import Client
from subtomo_core.data.confirmation import Confirmation
from subtomo_core.data.verdict import Finding, Verdict
from support.browsing import LONG, Visit, visiting
from support.services import WorkerProcess
from support.serving import Served, client_of, small_spec, volume_bytes
from support.star_files import table
from support.tilt_stacks import simulated_stacks, written_stacks

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Route

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
    page.get_by_label("Name", exact=True).fill("by hand")
    page.get_by_label("Classes", exact=True).fill(str(classes))
    page.get_by_label("Iterations", exact=True).fill("3")
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


def field(visit: Visit, name: str) -> Locator:
    """A field of a form that counts, with its help and what is wrong with it."""
    return visit.page.locator(f'.field:not([hidden])[data-field="{name}"]')


def test_all_that_is_wrong_is_told_at_its_field_as_one_types(visit: Visit, dataset: str):
    page, entered = visit.page, {"classes": "3", "mask.diameter_angstrom": "9000"}
    visit.open(f"/datasets/{dataset}")
    page.get_by_text("More settings").click()
    assert field(visit, "half_sets").locator("option").first.inner_text() == "no (by default)"
    for name, text in {**entered, "priority": "high"}.items():
        field(visit, name).get_by_role("textbox").fill(text)
    field(visit, "priority").locator(".wrong").filter(has_text="a whole number").wait_for()
    assert "does not fit a box" in field(visit, "mask.diameter_angstrom").inner_text()
    assert field(visit, "classes").locator(".wrong").is_hidden()
    field(visit, "priority").get_by_role("textbox").fill("")
    field(visit, "half_sets").get_by_role("combobox").select_option("yes")
    wrong = field(visit, "half_sets").locator(".wrong")
    wrong.filter(has_text="half sets need 24 particles or more").wait_for()
    page.get_by_text("2 to mend").wait_for()
    page.get_by_role("button", name="Start").click()  # and the same without the script
    page.wait_for_load_state()
    visit.forgive(422)
    assert page.url.endswith("/jobs")
    for name, text in entered.items():
        assert field(visit, name).get_by_role("textbox").input_value() == text
    assert wrong.is_visible()
    field(visit, "half_sets").get_by_role("combobox").select_option("")
    field(visit, "mask.diameter_angstrom").get_by_role("textbox").fill("")
    field(visit, "classes").locator(".remarked").filter(has_text="little but noise").wait_for()
    page.get_by_label("Algorithm").select_option("sag")
    assert field(visit, "parameters.junk").count() == 0
    assert field(visit, "queue").locator("option").first.inner_text() == "cpu (by default)"
    first = field(visit, "half_sets").locator("option").first
    first.filter(has_text="yes (by default)").wait_for(state="attached")


def test_a_job_starts_from_a_map_uploaded_in_its_form_and_from_its_poses(
    visit: Visit, service: Served, dataset: str, worker: WorkerProcess, tmp_path: Path
):
    page = visit.page
    (tmp_path / "model.mrc").write_bytes(volume_bytes(tmp_path, 9))
    visit.open(f"/datasets/{dataset}")
    page.get_by_label("Name", exact=True).fill("from a map")
    page.get_by_label("Iterations", exact=True).fill("2")
    page.get_by_label("Start from").select_option(label="uploaded maps")
    maps = field(visit, "start.maps")
    maps.get_by_label("Upload a map").set_input_files(str(tmp_path / "model.mrc"))
    maps.get_by_role("option", name="model.mrc", selected=True).wait_for()
    field(visit, "start.low_pass_angstrom").get_by_role("textbox").fill("40")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(f"{visit.url}/jobs/*")
    job = page.url.rpartition("/")[2]
    start = service.client.get(f"/jobs/{job}").json()["spec"]["start"]
    assert (start["kind"], start["low_pass_angstrom"], len(start["maps"])) == ("maps", 40.0, 1)
    page.locator(".chip.succeeded").wait_for(timeout=2 * LONG)
    visit.open(f"/datasets/{dataset}?start.kind=poses&start.job={job}")
    assert field(visit, "start.job").get_by_role("combobox").input_value() == job
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(f"{visit.url}/jobs/*")
    second = service.client.get(f"/jobs/{page.url.rpartition('/')[2]}").json()["spec"]
    told = {"kind": "poses", "job": job, "iteration": None, "random_classes": False}
    assert second["start"] == told


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
    page.get_by_text("Averages after iteration 2").wait_for()
    page.evaluate("window.watched = true")
    page.get_by_role("link", name="Continue…").click()
    page.get_by_label("From iteration").wait_for()
    assert page.get_by_label("From iteration").locator("option").all_inner_texts() == [
        "2",
        "1",
        "0",
    ]
    assert page.get_by_label("From iteration").input_value() == "2"
    assert page.evaluate("window.watched")  # without loading the page again
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
    page.wait_for_load_state("networkidle")
    visit.forgive(404)


def drop(visit: Visit, path: Path) -> None:
    """Drop a file or a folder where files are chosen, as a person does."""
    area = visit.page.locator("[data-drop]").bounding_box()
    assert area is not None
    session = visit.page.context.new_cdp_session(visit.page)
    place = {"x": area["x"] + 30, "y": area["y"] + 30}
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})


def test_a_dropped_folder_is_uploaded_mended_and_checked_again(visit: Visit, tmp_path: Path):
    """The table names its volumes by their project's paths, and one of them is not there."""
    page, project, deep = visit.page, tmp_path / "project", "Extract/job012/TS_1"
    (project / "job012" / "TS_1").mkdir(parents=True)
    for index in range(3):
        volume = volume_bytes(tmp_path, index)
        (project / "job012" / "TS_1" / f"p{index}.mrc").write_bytes(volume)
    (project / "job012" / "TS_1" / "p2.mrc").rename(tmp_path / "p2.mrc")
    rows = "".join(f"{deep}/p{i}.mrc\n" for i in range(3))
    (project / "particles.star").write_text(table("rlnImageName", rows=rows))
    page.get_by_text("Upload subtomograms from this browser").click()
    drop(visit, project)
    page.get_by_text("particles.star, job012/TS_1/p").wait_for()
    page.get_by_label("Name", exact=True).fill("from the browser")
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_text("the field 'kind' is required").wait_for()
    page.get_by_label("Missing region").select_option(label="a wedge: tilts about one axis")
    for end, angle in (("Lowest", "60"), ("Highest", "-60")):
        page.get_by_role("textbox", name=f"{end} tilt").fill(angle)
    page.get_by_label("Tilt axis").select_option("x")
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_text("the tilt range is upside down").wait_for()
    for end, angle in (("Lowest", "-60"), ("Highest", "60")):
        page.get_by_role("textbox", name=f"{end} tilt").fill(angle)
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url(f"{visit.url}/datasets/*", timeout=LONG)
    page.locator(".chip.rejected").wait_for()
    assert (
        f"names '{deep}/p2.mrc', which was not uploaded" in page.get_by_role("alert").inner_text()
    )
    page.get_by_text("Files that are there (3)").click()
    page.get_by_role("button", name="Remove job012/TS_1/p1.mrc").click()
    page.get_by_text("job012/TS_1/p1.mrc").wait_for(state="detached")
    for name in ("p1.mrc", "p2.mrc"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes() if path.exists() else volume_bytes(tmp_path, 1))
    page.get_by_label("files", exact=True).set_input_files([str(tmp_path / "p1.mrc"), str(path)])
    page.get_by_role("button", name="Check again").click()
    page.locator(".chip.ready").wait_for(timeout=LONG)
    assert "16 voxels" in page.locator("dl").inner_text()
    assert "tilts from \N{MINUS SIGN}60° to 60° about x" in page.locator("dl").inner_text()
    assert "2 files that particles.star names by other paths" not in page.inner_text("main")
    assert "3 files that particles.star names by other paths" in page.inner_text("main")
    page.get_by_text("Delete…").click()
    page.get_by_role("button", name="Delete it with its files").click()
    page.wait_for_url(f"{visit.url}/")
    assert page.get_by_text("from the browser", exact=True).count() == 0
    visit.forgive(422)


def test_a_folder_of_stacks_is_uploaded_from_the_browser(visit: Visit, tmp_path: Path):
    """Names are those below the folder, and the tables tell what is missing."""
    page = visit.page
    stacked = written_stacks(tmp_path / "job010", simulated_stacks(2))
    page.get_by_text("Upload subtomograms from this browser").click()
    page.get_by_label("Name", exact=True).fill("small")
    page.get_by_label("Voxel size").click()
    page.get_by_text("there is a dataset of this name already").wait_for()
    page.get_by_label("a folder").set_input_files(str(stacked.folder))
    page.get_by_text("whose directions tell what is missing").wait_for()
    assert page.get_by_label("Missing region").input_value() == "weights"
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
        assert page.get_by_text("as a viewer in the group lookers").is_visible()
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
