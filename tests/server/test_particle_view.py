"""Single particles beside their class's average: by law, over HTTP and on the page."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.data.poses import Poses
from subtomo_core.errors import InputError
from subtomo_core.fourier.binning import binned
from subtomo_core.fourier.shells import low_pass
from subtomo_core.simulate import asymmetric_blob, simulate
from subtomo_server.jobs.particle_view import View, particle_view
from subtomo_store.formats.volumes import read_volume
from support.browsing import LONG, Visit
from support.services import WorkerProcess
from support.serving import Served, small_spec

BOX, VOXEL, DETAIL = 32, 6.0, 40.0


@pytest.fixture(scope="module")
def simulation():
    """Two particles without noise or missing region, anywhere in their boxes."""
    return simulate([asymmetric_blob(110.0)], [2], BOX, VOXEL, snr=1e6, shift_range=3.0, seed=7)


@pytest.fixture(scope="module")
def poses(simulation) -> Poses:
    """Their true poses."""
    truth, ones = simulation.truth, np.ones((2, 1))
    return Poses(truth.rotations[:, None], truth.shifts[:, None], ones, ones)


@pytest.mark.parametrize("side", [32, 16])
def test_an_aligned_particle_lies_as_the_average_does(simulation, poses, side):
    particles, truth = simulation.particles, simulation.truth.maps[0]
    expected = binned(low_pass(truth, VOXEL, DETAIL), side).ravel()
    for row in (1, 2):
        lying, turned = (
            particle_view(particles, poses, row, View(aligned, DETAIL, side))
            for aligned in (False, True)
        )
        assert turned.volume.shape == (side,) * 3
        assert turned.voxel_size == VOXEL * BOX / side
        assert np.corrcoef(turned.volume.ravel(), expected)[0, 1] > 0.99
        assert np.corrcoef(lying.volume.ravel(), expected)[0, 1] < 0.9


def test_a_particle_is_shown_down_to_the_detail_asked_for(simulation, poses):
    power = [
        np.var(particle_view(simulation.particles, poses, 1, View(False, detail, BOX)).volume)
        for detail in (24.0, None, 90.0)  # eight voxels, 48 Å, by default
    ]
    assert power[0] > power[1] > power[2] > 0.0


@pytest.mark.parametrize("row", [0, 3, -1])
def test_a_row_that_is_not_there_is_refused(simulation, poses, row):
    with pytest.raises(InputError, match=f"there is no row {row}: the job has 2 particles"):
        particle_view(simulation.particles, poses, row, View(True, None, BOX))


@pytest.fixture(scope="module")
def job(service: Served, dataset: str, worker: WorkerProcess) -> str:
    """A finished job on 4 particles."""
    made = service.client.post("/jobs", json=small_spec(dataset)).json()["id"]
    ended = service.client.get(f"/jobs/{made}", headers={"prefer": "wait=60"}).json()
    assert ended["status"] == "succeeded", worker.log.read_text()
    return str(made)


def test_a_particle_is_sent_as_a_small_map(service: Served, job: str, tmp_path):
    path = f"/jobs/{job}/iterations/last/particles"
    for query in ({}, {"aligned": "true", "low_pass_angstrom": 60}):
        answer = service.client.get(f"{path}/2/display.mrc", params=query)
        assert answer.status_code == 200, answer.text
        file = tmp_path / "particle.mrc"
        file.write_bytes(answer.content)
        found = read_volume(file)
        assert found.array.shape == (16, 16, 16)
        assert found.array.std() > 0
    refused = service.client.get(f"{path}/5/display.mrc")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["detail"] == "there is no row 5: the job has 4 particles"


@pytest.mark.slow
def test_a_particle_is_looked_at_on_the_page(visit: Visit, job: str):
    page = visit.page
    visit.open(f"/jobs/{job}")
    page.get_by_text("Particles", exact=True).click()
    page.get_by_role("button", name="Look at particle 3").click(timeout=LONG)
    page.get_by_text("Particle 3: p2.mrc").wait_for(timeout=LONG)
    drawn = """() => {
        const greys = [...document.querySelectorAll("#particle-slices canvas")].map((canvas) => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            return new Set(data.filter((_, i) => i % 4 === 0)).size;
        });
        return greys.length === 9 && Math.min(...greys) > 8;
    }"""
    page.wait_for_function(drawn, timeout=LONG)
    page.get_by_label("Low-pass (Å)").fill("30")
    with page.expect_response(lambda answer: "low_pass_angstrom=30" in answer.url) as sent:
        page.get_by_label("Low-pass (Å)").press("Enter")
    assert sent.value.ok
    page.get_by_role("button", name="Look at particle 3").click()
    page.get_by_text("Particle 3: p2.mrc").wait_for(state="hidden")
