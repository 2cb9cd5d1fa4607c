"""Sharpened averages and masks drawn from averages, over HTTP and on the page."""

from __future__ import annotations

import json
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from subtomo import Client, HTTPProblem
from subtomo_core.fourier.masks import radii
from subtomo_store.formats.mrc import write_volume
from support.browsing import LONG, Visit
from support.services import WorkerProcess
from support.serving import Served, small_spec

BALL = np.exp(-(radii(16) ** 2) / 8).astype(np.float32)


@pytest.fixture(scope="module")
def job(service: Served, dataset: str, worker: WorkerProcess) -> str:
    """A finished job whose only average is a ball."""
    made = service.client.post("/jobs", json=small_spec(dataset, name="ball")).json()["id"]
    ended = service.client.get(f"/jobs/{made}", headers={"prefer": "wait=60"}).json()
    assert ended["status"] == "succeeded", worker.log.read_text()
    for name in ("class_1.mrc", "class_1_half_1.mrc", "class_1_half_2.mrc"):
        write_volume(service.store.files.iteration_file(made, 2, name), BALL, 6.0)
    path = service.store.files.iteration_file(made, 2, "fsc.json")
    path.write_text(path.read_text().replace("0.0", "1.0"))  # the halves are alike
    return str(made)


def volume_of(content: bytes, folder: Path) -> np.ndarray:
    path = folder / "v.mrc"
    path.write_bytes(content)
    with mrcfile.open(path) as opened:
        assert opened.voxel_size.x == pytest.approx(6.0)
        return np.array(opened.data)


def test_an_average_is_sharpened(service: Served, job: str, tmp_path: Path):
    path = f"/jobs/{job}/iterations/last/classes/1"
    plot = service.client.get(f"{path}/guinier.json").json()
    assert len(plot["inverse_square"]) == len(plot["log_amplitude"]) == 8
    assert plot["b_factor"] is None  # Nyquist is at 12 Å
    answer = service.client.get(f"{path}/sharpened.mrc", params={"b_factor": -300})
    assert answer.headers["content-disposition"].endswith('ball_it002_class1_sharpened.mrc"')
    assert volume_of(answer.content, tmp_path).shape == (16, 16, 16)
    shown = service.client.get(f"{path}/sharpened_display.mrc", params={"b_factor": -300})
    assert len(shown.content) == 1024 + 16**3
    assert service.client.get(f"{path}/sharpened.mrc?b_factor=-1e9").status_code == 422
    assert service.client.get(f"{path}/sharpened.mrc?b_factor=nan").status_code == 422


def test_a_mask_is_kept_among_the_users_maps_and_used(
    service: Served, job: str, worker: WorkerProcess, tmp_path: Path
):
    path = f"/jobs/{job}/iterations/last/classes/1/mask"
    wish = {"name": "ball", "level": 2.0, "extend_angstrom": 6.0, "edge_angstrom": 12.0}
    made = service.client.post(path, json=wish)
    assert made.status_code == 201, made.text
    found = made.json()
    assert (found["box"], found["voxel_size_angstrom"]) == (16, 6.0)
    mask = volume_of(service.client.get(f"/maps/{found['id']}/map.mrc").content, tmp_path)
    level = BALL.mean() + 2 * BALL.std()
    assert mask[level <= BALL].min() == 1.0
    assert (mask.min(), mask.max()) == (0.0, 1.0)
    further = service.client.post(
        f"/jobs/{job}/continue",
        json={"iterations": 1, "changes": {"mask": {"kind": "map", "map": found["id"]}}},
    )
    assert further.status_code == 201, further.text
    nothing = service.client.post(path, json=wish | {"level": 99})
    assert (nothing.status_code, nothing.json()["errors"][0]["pointer"]) == (422, "/level")
    assert service.client.post(path, json={"name": "x"}).status_code == 422


def test_the_client_sharpens_and_draws_masks(service: Served, job: str, tmp_path: Path):
    with Client(service.url, service.token) as client:
        plot = client.guinier(job)
        assert len(plot.inverse_square) == len(plot.log_weighted_amplitude) == 8
        assert plot.b_factor is None
        plain = client.download_sharpened(job, tmp_path)
        assert plain.name == "ball_it002_class1_sharpened.mrc"
        sharp = client.download_sharpened(job, tmp_path / "sharp.mrc", b_factor=-300)
        before, after = (volume_of(file.read_bytes(), tmp_path) for file in (plain, sharp))
        # exp(300 / (4 d^2)) raises the shell of 24 Å by a factor of 1.139.
        spectra = [np.abs(np.fft.rfftn(volume))[0, 0, 4] for volume in (before, after)]
        assert spectra[1] / spectra[0] == pytest.approx(np.exp(300 / (4 * 24**2)), rel=1e-3)
        mask = client.make_mask(job, "by script", level=2.0, extend=6.0, edge=12.0)
        assert (mask.name, mask.box, mask.voxel_size_angstrom) == ("by script", 16, 6.0)
        assert mask in client.maps()
        with pytest.raises(HTTPProblem, match="level"):
            client.make_mask(job, "nothing", level=99.0)


def test_commands_sharpen_draw_masks_and_use_them(
    service: Served, job: str, dataset: str, tmp_path: Path
):
    def subtomo(*arguments: str) -> str:
        result = service.command(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    told = subtomo("sharpen", job, "--b-factor", "-300", "--to", str(tmp_path)).splitlines()
    assert told == [
        "resolution 12.0 Å (FSC 0.143); too few shells lie between 10 Å and it to fit a B-factor",
        "sharpened by a B-factor of -300 Å²",
        str(tmp_path / "ball_it002_class1_sharpened.mrc"),
    ]
    file = tmp_path / "plain.mrc"
    found = json.loads(subtomo("sharpen", job, "--to", str(file), "--json"))
    assert (found["file"], found["b_factor"]) == (str(file), 0.0)
    assert found["guinier"]["resolution_angstrom"] == pytest.approx(12.0)
    assert "not sharpened" in subtomo("sharpen", job, "--to", str(file))
    lines = subtomo("mask", job, "--level", "2", "--name", "core", "--extend", "6").splitlines()
    mask = lines[0].split()[0]
    assert lines[0] == f"{mask}  core: box 16, 6 Å per voxel"
    assert lines[1] == f"Use it with: subtomo continue {job} --mask {mask}"
    wanted = {"kind": "map", "map": mask}
    for start in (
        ("continue", job, "--mask", mask, "-i", "1"),
        ("run", "faml", dataset, "--poses", job, "--mask", mask, "-i", "1"),
    ):
        new = json.loads(subtomo(*start, "--no-watch", "--json"))
        assert wanted.items() <= new["spec"]["mask"].items()
    refused = service.command("mask", job, "--level", "99", "--name", "nothing")
    assert (refused.returncode, "level" in refused.stderr) == (1, True)


@pytest.mark.slow
def test_masks_and_sharpened_maps_are_made_on_the_page(visit: Visit, service: Served, job: str):
    page = visit.page
    visit.open(f"/jobs/{job}")
    page.locator(".cut").first.wait_for(timeout=LONG)
    page.get_by_label("Level of Class 1 in sigma").fill("2.5")
    page.get_by_role("link", name="Mask at this level…").click()
    assert float(page.locator("#draw-mask").get_by_label("Level").input_value()) == pytest.approx(
        2.5, abs=0.05
    )
    page.locator("#draw-mask").get_by_label("Extend by (Å)").fill("0")
    page.locator("#draw-mask").get_by_label("Name").fill("by hand")
    page.get_by_role("button", name="Make a mask").click()
    page.get_by_role("link", name="by hand").wait_for()
    assert page.locator("#masks option:checked").inner_text() == "by hand"
    page.get_by_text("Sharpen an average").click()
    page.get_by_label("B-factor").fill("-200")
    page.get_by_role("button", name="Sharpen").click()
    page.get_by_text("Sharpened by -200 Å²").wait_for()
    page.locator("#sharpened .tile-3d").scroll_into_view_if_needed()
    page.locator("#sharpened .cut").first.wait_for(timeout=LONG)
    assert page.locator("#guinier path.curve").count() >= 1
    page.locator("#continue").get_by_label("Further iterations").fill("1")
    page.get_by_role("button", name="Continue", exact=True).click()
    page.wait_for_url(f"{visit.url}/jobs/*")
    page.get_by_text("goes on from").wait_for()
    new = page.url.rpartition("/")[2]
    assert service.client.get(f"/jobs/{new}").json()["spec"]["mask"]["kind"] == "map"
