"""Two averages in one frame, and particles in other classes, over HTTP."""

from __future__ import annotations

import json
import re
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from subtomo import Client, HTTPProblem
from subtomo_core.orientation.rotations import rotation_about
from subtomo_core.simulate import four_gaussians
from subtomo_store.formats.mrc import write_volume
from support.browsing import LONG, Visit
from support.services import WorkerProcess
from support.serving import Served, ready_dataset, small_spec

TURN = rotation_about([1.0, 2.0, 0.5], 77.0)
SHIFT = np.array([0.6, -0.4, 0.3])
PHANTOM = four_gaussians().density(16, 15.0)
MOVED = four_gaussians().density(16, 15.0, TURN, SHIFT)


def finished(service: Served, dataset: str, worker: WorkerProcess, classes: int) -> str:
    made = service.client.post("/jobs", json=small_spec(dataset, classes=classes)).json()["id"]
    ended = service.client.get(f"/jobs/{made}", headers={"prefer": "wait=60"}).json()
    assert ended["status"] == "succeeded", worker.log.read_text()
    return str(made)


@pytest.fixture(scope="module")
def pair(service: Served, dataset: str, worker: WorkerProcess) -> tuple[str, str]:
    """A job of two classes and one of one class, whose average is the first's, moved."""
    jobs = finished(service, dataset, worker, 2), finished(service, dataset, worker, 1)
    for job, volume in zip(jobs, (PHANTOM, MOVED), strict=True):
        write_volume(service.store.files.iteration_file(job, 2, "class_1.mrc"), volume, 6.0)
    return jobs


def test_an_average_is_moved_back_onto_another(
    service: Served, pair: tuple[str, str], tmp_path: Path
):
    path = f"/jobs/{pair[0]}/iterations/last/classes/1"
    query = {"with": pair[1], "mirror": True}
    found = service.client.get(f"{path}/compared.json", params=query).json()
    assert found["correlation"] > 0.98
    assert found["rotation_deg"] == pytest.approx(77, abs=2)
    np.testing.assert_allclose(found["rotation"], TURN.T, atol=0.05)
    assert not found["mirrored"]
    assert min(found["fsc"][1:5]) > 0.95
    (tmp_path / "m.mrc").write_bytes(
        service.client.get(f"{path}/compared.mrc", params=query).content
    )
    with mrcfile.open(tmp_path / "m.mrc") as opened:
        assert np.corrcoef(opened.data.ravel(), PHANTOM.ravel())[0, 1] > 0.95
    shown = service.client.get(f"{path}/compared_display.mrc", params=query)
    assert len(shown.content) == 1024 + 16**3


def test_particles_in_other_classes_are_counted(service: Served, pair: tuple[str, str]):
    found = service.client.get(
        f"/jobs/{pair[0]}/iterations/last/changed.json", params={"with": pair[1]}
    ).json()
    # Particles 0 and 1 are in class 1, 2 and 3 in class 2; the other job has one class.
    assert found["counts"] == [[2, 0], [2, 0], [0, 0]]
    assert (found["changed"], found["particles"]) == (2, 4)
    assert found["rows"] in ([1, 2], [3, 4])


def test_maps_of_other_grids_and_particles_of_others_are_refused(
    service: Served,
    pair: tuple[str, str],
    worker: WorkerProcess,
    tmp_path_factory: pytest.TempPathFactory,
):
    other = ready_dataset(service.client, tmp_path_factory.mktemp("larger"), box=20)
    job = finished(service, other, worker, 1)
    path = f"/jobs/{pair[0]}/iterations/last"
    for which in ("classes/1/compared.json", "changed.json"):
        answer = service.client.get(f"{path}/{which}", params={"with": job})
        assert answer.status_code == 422, answer.text
    assert (
        "16 voxels of 6 Å"
        in service.client.get(f"{path}/classes/1/compared.json", params={"with": job}).json()[
            "detail"
        ]
    )
    with service.another_user() as stranger:
        answer = stranger.get(f"{path}/classes/1/compared.json", params={"with": pair[1]})
        assert answer.status_code == 404
    foreign = service.client.get(f"{path}/classes/1/compared.json", params={"with": "job_0"})
    assert foreign.status_code == 404


def test_the_client_compares_two_jobs(service: Served, pair: tuple[str, str], tmp_path: Path):
    one, other = pair
    with Client(service.url, service.token) as client:
        found = client.compare(one, other, mirror=True)
        assert found.correlation > 0.98
        np.testing.assert_allclose(found.rotation, TURN.T, atol=0.05)
        # MOVED = R PHANTOM + t, so the way back shifts by -R^-1 t.
        np.testing.assert_allclose(found.shift_angstrom, -6.0 * (TURN.T @ SHIFT), atol=0.6)
        assert (found.mirrored, found.box, found.voxel_size_angstrom) == (False, 16, 6.0)
        assert found.shells == tuple(range(9))
        file = client.download_compared(one, other, tmp_path, mirror=True)
        assert file.name.endswith(f"_on_{one}.mrc")
        with mrcfile.open(file) as opened:
            assert np.corrcoef(opened.data.ravel(), PHANTOM.ravel())[0, 1] > 0.95
        changes = client.changes(one, other)
        assert changes.counts == ((2, 0), (2, 0), (0, 0))
        assert (changes.changed, changes.particles, len(changes.rows)) == (2, 4, 2)
        assert sorted(changes.partner, key=str) == [1, None]
        with pytest.raises(HTTPProblem, match="classes"):
            client.compare(one, other, with_cls=2)


def test_the_command_compares_two_jobs(service: Served, pair: tuple[str, str], tmp_path: Path):
    one, other = pair

    def compare(*arguments: str) -> str:
        result = service.command("compare", *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    lines = compare(one, other, "--to", str(tmp_path / "moved.mrc")).splitlines()
    assert lines[0] == f"class 1 of {other}, iteration 2, on class 1 of {one}, iteration 2:"
    assert re.fullmatch(
        r"turned by 7[5-9]\.\d degrees, shifted by \S+ \S+ \S+ Å \(x, y, z\)", lines[1]
    )
    assert re.fullmatch(r"correlation 0\.9\d+; FSC 0\.5 at \S+ Å, 0\.143 at \S+ Å", lines[2])
    assert lines[3] == "2 of 4 particles are in another class"
    assert [line.split() for line in lines[4:8]] == [
        ["particles", "other", "1", "junk"],
        ["class", "1", "2", "0"],
        ["class", "2", "2", "0"],
        ["junk", "0", "0"],
    ]
    assert lines[8] == str(tmp_path / "moved.mrc")
    assert (tmp_path / "moved.mrc").stat().st_size == 1024 + 4 * 16**3
    told = json.loads(compare(one, other, "--json"))
    assert told["changes"]["changed"] == 2
    assert told["comparison"]["correlation"] > 0.98
    assert told["file"] is None
    alike = json.loads(compare(one, one, "--with-iteration", "2", "--json"))
    assert alike["comparison"]["correlation"] == pytest.approx(1.0, abs=1e-3)
    assert alike["changes"] is None  # one iteration of one job


@pytest.mark.slow
def test_two_jobs_are_compared_on_a_page(visit: Visit, pair: tuple[str, str]):
    page = visit.page
    visit.open(f"/jobs/{pair[0]}/compare?with={pair[1]}")
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("Correlation 0.9").wait_for(timeout=LONG)
    page.get_by_text("2 of 4 particles are in another class").wait_for(timeout=LONG)
    page.locator(".cut").nth(5).wait_for(timeout=LONG)
    assert page.locator("#fsc path.curve").count() == 1
