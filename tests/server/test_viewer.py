"""Maps on the page of a job, in a real browser: the right shape, turned the right way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from subtomo_core.orientation.directions import direction_histogram, viewing_directions
from subtomo_core.orientation.rotations import from_relion_angles
from subtomo_store.formats.mrc import write_volume
from support.browsing import LONG, Visit
from support.services import WorkerProcess
from support.serving import Served, small_spec

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
BOX, PIXELS = 16, 96
# Centre (x, y, z) from the origin, width, height: no motion brings it onto its mirror image.
BLOBS = (((4.0, 0.0, 0.0), 1.8, 1.0), ((0.0, 4.0, 0.0), 1.1, 1.0), ((0.0, 0.0, 4.0), 1.4, 1.0))
MASK = """async canvas => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return [...Array(width * height).keys()].map(i => data[4 * i + 3] > 127 ? "1" : "0").join("");
}"""


def phantom() -> NDArray[np.float32]:
    axis = np.arange(BOX) - BOX // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    points = np.stack([x, y, z], -1)
    blobs = (h * np.exp(-((points - c) ** 2).sum(-1) / (2 * w**2)) for c, w, h in BLOBS)
    return np.asarray(sum(blobs), np.float32)


def about(axis: int, degrees: float) -> NDArray[np.float64]:
    """Right-handed rotation about x (0) or y (1)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if axis == 0:
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def silhouette(
    turn: NDArray[np.float64], sigmas: float, *, mirrored: bool = False
) -> NDArray[np.bool_]:
    """What is covered of a picture of the whole box, seen along z after a turn; rows from above."""
    volume = phantom()
    level = volume.mean() + sigmas * volume.std()
    across = (np.arange(PIXELS) + 0.5) / PIXELS * BOX - BOX / 2
    deep = np.linspace(-BOX / 2, BOX / 2, 48)
    y, x, z = np.meshgrid(-across, across, deep, indexing="ij")
    seen = np.stack([x, y, z], -1) @ turn  # rows times a turn: its inverse
    places = seen[..., ::-1] * [-1 if mirrored else 1, 1, 1] + BOX // 2  # z, y, x
    within = map_coordinates(volume, np.moveaxis(places, -1, 0), order=1) >= level
    return np.asarray(within.any(-1))


def overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float((first & second).sum() / (first | second).sum())


def covered(page: Page) -> NDArray[np.bool_]:
    """What the first surface covers of its picture."""
    values = page.locator(".surface").first.evaluate(MASK)
    side = int(len(values) ** 0.5)
    picture = (np.frombuffer(values.encode(), np.uint8) == ord("1")).reshape(side, side)
    sampled = ((np.arange(PIXELS) + 0.5) / PIXELS * side).astype(int)
    return picture[np.ix_(sampled, sampled)]


def press(page: Page, keys: Sequence[str]) -> None:
    for key in keys:
        page.locator(".surface").first.press(key)


@pytest.fixture(scope="module")
def job(service: Served, dataset: str, worker: WorkerProcess) -> str:
    """A finished job of two classes, of which the first average is the phantom."""
    made = service.client.post("/jobs", json=small_spec(dataset, classes=2)).json()["id"]
    ended = service.client.get(f"/jobs/{made}", headers={"prefer": "wait=60"}).json()
    assert ended["status"] == "succeeded", worker.log.read_text()
    write_volume(service.store.files.iteration_file(made, 2, "class_1.mrc"), phantom(), 6.0)
    return str(made)


def test_a_surface_has_the_shape_of_its_map_from_every_side(visit: Visit, job: str):
    page = visit.page
    visit.open(f"/jobs/{job}")
    page.locator(".surface").first.scroll_into_view_if_needed()
    page.locator(".cut").first.wait_for(timeout=LONG)
    # With three maps of 64 voxels, 0.8 MB, the page stays below 1 MB.
    total = "performance.getEntriesByType('resource').reduce((sum, e) => sum + e.transferSize, 0)"
    assert 10_000 < page.evaluate(total) < 200_000
    level = page.get_by_label("Level of Class 1 in sigma")
    areas = []
    for sigmas in (2.0, 5.0):
        level.fill(str(sigmas))
        found = covered(page)
        assert overlap(found, silhouette(np.eye(3), sigmas)) > 0.9
        areas.append(found.mean())
    assert areas[1] < 0.75 * areas[0]
    level.fill("3")
    press(page, ["Shift+ArrowRight"])
    turn = about(1, 90)
    assert overlap(covered(page), silhouette(turn, 3)) > 0.9
    press(page, ["ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"])
    turn = about(1, 30) @ about(0, 20) @ turn
    found = covered(page)
    right, wrong = (silhouette(turn, 3, mirrored=m) for m in (False, True))
    assert overlap(found, right) > 0.9 > overlap(found, wrong) + 0.1
    press(page, ["0", "+"])
    assert covered(page).mean() > 1.3 * silhouette(np.eye(3), 3).mean()
    page.get_by_role("button", name="Reset view").click()
    assert overlap(covered(page), silhouette(np.eye(3), 3)) > 0.9


def test_a_drag_turns_all_surfaces_and_slices_follow_their_sliders(visit: Visit, job: str):
    page = visit.page
    visit.open(f"/jobs/{job}")
    page.locator(".cut").first.wait_for(timeout=LONG)
    page.get_by_label("Level of Class 1 in sigma").fill("3")
    page.locator(".surface").first.scroll_into_view_if_needed()
    box = page.locator(".surface").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 50)  # 150 pixels of 0.6 degrees
    page.mouse.up()
    found = covered(page)
    assert overlap(found, silhouette(about(1, 90), 3)) > 0.9
    brightest = """canvas => {
      const { width } = canvas;
      const { data } = canvas.getContext("2d").getImageData(0, 0, width, width);
      let best = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i + 1] > data[best + 1]) best = i;
      return [(best / 4) % width, width - 1 - Math.floor(best / 4 / width)];
    }"""
    page.get_by_label("Level of Class 1 in sigma").fill("100")  # no outline
    around = pytest.approx([8, 8], abs=1)
    xy, xz = page.locator(".cut").nth(0), page.locator(".cut").nth(1)
    page.get_by_label("Slices at y").fill("0.76")  # through the blob at y = 12
    assert "25 Å" in page.locator(".tools output").nth(1).inner_text()
    assert xz.evaluate(f"async c => (await ({MASK})(c), ({brightest})(c))") == around
    page.get_by_label("Slices at y").fill("0.5")
    page.get_by_label("Slices at z").fill("0.78")  # through the blob at z = 12
    assert xy.evaluate(f"async c => (await ({MASK})(c), ({brightest})(c))") == around
    page.get_by_role("button", name="Whole window").click()
    window = page.locator("#classes").bounding_box()
    assert window is not None
    assert (window["x"], window["y"]) == (0, 0)
    page.keyboard.press("Escape")
    assert page.locator("#classes.whole-window").count() == 0


def test_without_webgl_the_slices_remain(visit: Visit, job: str):
    visit.page.add_init_script(
        "const real = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return kind === 'webgl2' ? null : real.call(this, kind, ...rest); };"
    )
    visit.open(f"/jobs/{job}")
    visit.page.locator(".cut").first.wait_for(timeout=LONG)
    assert visit.page.get_by_text("has no WebGL2").is_visible()
    assert visit.page.locator(".surface").first.is_hidden()


def test_a_map_for_display_is_small_and_in_its_place(service: Served, job: str, tmp_path: Path):
    path = f"/jobs/{job}/iterations/last/classes/1/display.mrc"
    answer = service.client.get(path)
    assert answer.headers["content-encoding"] == "gzip"
    plain = service.client.get(path, headers={"accept-encoding": "identity"})
    assert plain.content == answer.content
    (tmp_path / "shown.mrc").write_bytes(plain.content)
    with mrcfile.open(tmp_path / "shown.mrc") as opened:
        assert opened.data.dtype == np.int8
        assert opened.voxel_size.x == pytest.approx(6.0)
        assert np.corrcoef(opened.data.ravel(), phantom().ravel())[0, 1] > 0.999
    same = {"if-none-match": answer.headers["etag"]}
    assert service.client.get(path, headers=same).status_code == 304
    assert service.client.get(path, params={"side": 17}).status_code == 422


def test_directions_are_those_of_relions_angles(service: Served, job: str):
    rotations = from_relion_angles(np.array([[35.0, 65.0, 77.0], [0.0, 0.0, 10.0]]))
    rot, tilt = np.radians((35, 65))
    expected = [np.cos(rot) * np.sin(tilt), np.sin(rot) * np.sin(tilt), np.cos(tilt)]
    np.testing.assert_allclose(viewing_directions(rotations)[0], expected, atol=1e-6)
    counts = direction_histogram(rotations)
    assert counts[3, 14] == 1
    assert counts[0, 12] == 1
    found = service.client.get(f"/jobs/{job}/iterations/last/classes/2/directions.json").json()
    assert np.sum(found["counts"]) == found["particles"] == 2
