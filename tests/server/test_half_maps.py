"""Local resolution and directional FSC over HTTP, in Python, as commands and on the page."""

from __future__ import annotations

import json
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from subtomo import Client, HTTPProblem
from subtomo_core.fourier.masks import radii
from subtomo_server.jobs.one_at_a_time import OneAtATime
from subtomo_store.errors import UnavailableError
from subtomo_store.formats.mrc import write_volume
from support.browsing import LONG, Visit
from support.services import WorkerProcess
from support.serving import Served, small_spec

BOX, VOXEL = 16, 6.0


def white(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((BOX,) * 3).astype(np.float32)


@pytest.fixture(scope="module")
def job(service: Served, dataset: str, worker: WorkerProcess) -> str:
    """A finished job whose halves are alike where x is high, and noise where it is low."""
    made = service.client.post("/jobs", json=small_spec(dataset, name="halves")).json()["id"]
    ended = service.client.get(f"/jobs/{made}", headers={"prefer": "wait=60"}).json()
    assert ended["status"] == "succeeded", worker.log.read_text()
    noisy = np.arange(BOX) < BOX // 2
    for name, seed in (("class_1.mrc", 9), ("class_1_half_1.mrc", 1), ("class_1_half_2.mrc", 2)):
        half = np.where(noisy, white(seed), white(0)).astype(np.float32)
        write_volume(service.store.files.iteration_file(made, 2, name), half, VOXEL)
    return str(made)


def read(file: Path) -> np.ndarray:
    with mrcfile.open(file) as opened:
        assert opened.voxel_size.x == pytest.approx(VOXEL)
        return np.array(opened.data)


def test_local_resolution_over_http(service: Served, job: str, tmp_path: Path):
    path = f"/jobs/{job}/iterations/last/classes/1"
    asked = {"window_angstrom": 36, "cutoff": 0.4}
    found = service.client.get(f"{path}/local_resolution.json", params=asked).json()
    assert (found["window_angstrom"], found["cutoff"]) == (36, 0.4)
    assert found["finest_angstrom"] == 12.0
    assert 0.2 < found["told_share"] < 0.9
    answer = service.client.get(f"{path}/local_resolution.mrc", params=asked)
    name = 'halves_it002_class1_local_resolution.mrc"'
    assert answer.headers["content-disposition"].endswith(name)
    (tmp_path / "a.mrc").write_bytes(answer.content)
    values = read(tmp_path / "a.mrc")
    assert values[8, 8, 11] == pytest.approx(12.0)  # Nyquist, where halves are alike
    assert np.median(values[6:10, 6:10, 3:5]) > 30.0
    shown = service.client.get(f"{path}/local_resolution_display.mrc", params=asked)
    assert len(shown.content) == 1024 + BOX**3
    bytes_ = np.frombuffer(shown.content, np.int8, offset=1024).reshape((BOX,) * 3)
    assert bytes_[8, 8, 11] == -128
    assert bytes_[0, 0, 0] == 127  # outside of the mask


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("window_angstrom=1000", 422, "window"),
        ("window_angstrom=nan", 422, ""),
        ("cutoff=0.143", 422, ""),
        ("mask=map_none", 422, "there is no mask map_none"),
    ],
)
def test_what_cannot_be_is_refused(service: Served, job: str, query: str, status: int, words: str):
    answer = service.client.get(
        f"/jobs/{job}/iterations/last/classes/1/local_resolution.json?{query}"
    )
    assert (answer.status_code, words in answer.text) == (status, True)


def test_a_job_without_half_maps_is_refused_by_name(service: Served, job: str):
    path = service.store.files.iteration_file(job, 2, "class_1_half_2.mrc")
    kept = path.rename(path.with_suffix(".kept"))
    try:
        for name in ("local_resolution.json", "directional_fsc.json", "guinier.json"):
            answer = service.client.get(f"/jobs/{job}/iterations/last/classes/1/{name}")
            assert answer.status_code == 410
            assert "class_1_half_2.mrc is not on the disk any more" in answer.json()["detail"]
    finally:
        kept.rename(path)


def test_directional_fsc_over_http(service: Served, job: str):
    path = f"/jobs/{job}/iterations/last/classes/1/directional_fsc.json"
    found = service.client.get(path).json()
    directions = np.array(found["directions"])
    assert directions.shape == (200, 3)
    assert np.array(found["curves"]).shape == (200, len(found["fsc"])) == (200, 9)
    d = np.array(found["resolution_angstrom"])
    assert found["least_angstrom"] == pytest.approx(d.min(), abs=1e-3)
    assert found["greatest_angstrom"] == pytest.approx(d.max(), abs=1e-3)
    assert 0.0 < found["area_ratio"] <= 1.0
    assert found["warning"] is None
    assert service.client.get(path).json() == found


def test_another_mask_tells_of_another_part(service: Served, job: str, tmp_path: Path):
    """Of a mask about the low or the high half alone."""
    x = np.arange(BOX)
    with Client(service.url, service.token) as client:
        told = []
        for name, part in (("noise", x < BOX // 2), ("alike", x >= BOX // 2)):
            mask = ((radii(BOX) < 7) & part).astype(np.float32)
            write_volume(tmp_path / f"{name}.mrc", mask, VOXEL)
            made = client.upload_map(tmp_path / f"{name}.mrc", name=name)
            told.append(client.local_resolution(job, mask=made, window=36.0))
        noise, alike = told
        assert alike.told_share > noise.told_share + 0.3
        assert alike.quantiles_angstrom["5"] == pytest.approx(12.0, abs=0.5)
        last = client.directional_fsc(job, mask=made)
        assert last.area_ratio == pytest.approx(1.0, abs=0.01)  # its halves are alike
        with pytest.raises(HTTPProblem, match="no mask"):
            client.directional_fsc(job, mask="map_none")
        file = client.download_local_resolution(job, tmp_path, mask=made, window=36.0)
        values = read(file)
        assert (values[:, :, : BOX // 2] == 36.0).all()


def test_commands_tell_where_halves_agree(service: Served, job: str, tmp_path: Path):
    def subtomo(*arguments: str) -> str:
        result = service.command(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    told = subtomo("local-resolution", job, "--window", "36", "--to", str(tmp_path)).splitlines()
    assert told[0].startswith("median ")
    assert "a window of 36 Å, correlation 0.5" in told[0]
    assert told[1] == str(tmp_path / "halves_it002_class1_local_resolution.mrc")
    assert read(Path(told[1])).min() == pytest.approx(12.0)
    found = json.loads(subtomo("local-resolution", job, "--json", "--to", str(tmp_path / "b.mrc")))
    assert found["local_resolution"]["window_angstrom"] == 48.0  # half the box

    table = tmp_path / "directions.tsv"
    lines = subtomo("directional-fsc", job, "--to", str(table)).splitlines()
    assert lines[0].startswith("resolution (FSC 0.143) ")
    assert lines[2].startswith("sphericity ")
    rows = [row.split("\t") for row in table.read_text().splitlines()]
    assert rows[0] == ["x", "y", "z", "resolution_angstrom"]
    numbers = np.array(rows[1:], float)
    assert numbers.shape == (200, 4)
    np.testing.assert_allclose(np.linalg.norm(numbers[:, :3], axis=1), 1.0, atol=1e-3)
    everything = tmp_path / "directions.json"
    as_json = json.loads(subtomo("directional-fsc", job, "--json", "--to", str(everything)))
    assert as_json == json.loads(everything.read_text())
    refused = service.command("directional-fsc", job, "--to", str(tmp_path / "a.png"))
    assert (refused.returncode, ".tsv or .json" in refused.stderr) == (1, True)


def test_the_last_few_results_are_kept(monkeypatch: pytest.MonkeyPatch):
    made: list[int] = []

    def make(key: int) -> int:
        made.append(key)
        return key

    results = OneAtATime[int](2, "others are being made")
    for key in (1, 1, 2, 1, 3, 3, 2, 1):
        assert results.get(key, lambda key=key: make(key)) == key
    assert made == [1, 2, 3, 1]
    monkeypatch.setattr("subtomo_server.jobs.one_at_a_time.PATIENCE_SECONDS", 0.01)
    with pytest.raises(UnavailableError, match="others are being made: try again"):
        results.get(4, lambda: results.get(5, lambda: 5))
    assert results.get(5, lambda: 5) == 5  # what failed stands in nobody's way


@pytest.mark.slow
def test_both_are_shown_on_the_page(visit: Visit, job: str):
    page = visit.page
    visit.open(f"/jobs/{job}")
    page.get_by_text("Local resolution", exact=True).click()
    page.get_by_label("Window (Å)").fill("36")
    page.get_by_role("button", name="Show local resolution").click()
    page.get_by_text("Median").wait_for()
    page.locator("#local-map .tile-3d").scroll_into_view_if_needed()
    page.locator("#local-map .cut").first.wait_for(timeout=LONG)
    coloured = """() => [...document.querySelectorAll("#local-map .cut")].some((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.some((_, i) => i % 4 === 0 && Math.abs(data[i] - data[i + 2]) > 60);
    })"""
    page.wait_for_function(coloured)
    page.get_by_text("Resolution by direction").click()
    page.get_by_role("button", name="Show by direction").click()
    page.get_by_text("sphericity").wait_for()
    assert page.locator("#directional-disc circle").count() == 200
    assert page.locator("#directional-curves path.curve").count() == 203
    page.locator("#localise").get_by_label("Window (Å)").fill("1000")
    page.get_by_role("button", name="Show local resolution").click()
    page.locator("#local-told", has_text="the window is").wait_for()
    visit.forgive(422)
