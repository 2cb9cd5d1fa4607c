"""Membrane-bound particles from Dynamo: the normals of its table, through the whole house."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import emfile
import numpy as np
import pytest

from subtomo import Client, HTTPProblem
from subtomo_core.orientation.rotations import angular_distance, rotation_about
from subtomo_store.formats.star import read_particles
from support.dynamo import write_particles, write_table
from support.embedded import Embedded
from support.services import environment
from support.small_jobs import VOXEL, blobs

pytestmark = pytest.mark.slow
COUNT, BOX = 8, 24
Z = np.array([0.0, 0.0, 1.0])
MADE = blobs(COUNT, BOX, snr=2.0)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    service = Embedded(tmp_path_factory.mktemp("house") / "data").start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def turned() -> np.ndarray:
    """True poses, each turned about its own normal by an angle which nobody knows."""
    turns = np.random.default_rng(4).uniform(0.0, 360.0, COUNT)
    return MADE.truth.rotations @ rotation_about(Z, turns)


def test_a_job_about_the_normals_of_a_table_keeps_them(
    house: Embedded, turned: np.ndarray, tmp_path: Path
):
    write_particles(tmp_path, np.stack([MADE.particles.volume(i) for i in range(COUNT)]))
    write_table(tmp_path / "crop.tbl", turned, MADE.truth.shifts)
    emfile.write(tmp_path / "ribo.em", MADE.truth.maps[0].astype(np.float32))
    command = [sys.executable, "-m", "subtomo", "push", str(tmp_path), "--name", "membrane"]
    given = ["--tilt", "-60", "60", "--voxel-size", str(VOXEL)]
    pushed = subprocess.run(
        [*command, *given],
        env=environment(SUBTOMO_URL=house.note[0], SUBTOMO_TOKEN=house.note[1]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert pushed.returncode == 0, pushed.stderr
    assert f"membrane: {COUNT} particles, box {BOX}" in pushed.stdout
    with Client(*house.note) as client:
        with pytest.raises(HTTPProblem, match="EM files do not tell their voxel size"):
            client.upload_map(tmp_path / "ribo.em")
        reference = client.upload_map(tmp_path / "ribo.em", voxel_size=VOXEL)
        assert (reference.box, reference.voxel_size_angstrom) == (BOX, VOXEL)
        dataset = client.datasets()[0]
        spec = {
            "dataset": dataset.id,
            "algorithm": "sag",
            "iterations": 3,
            "half_sets": False,
            "start": {"kind": "poses"},
            "parameters": {"about_normal": True},
            "resolution": {"start_angstrom": 30.0},
        }
        job = client.wait(client.submit(spec), timeout=120)
        assert job.status == "succeeded", job.status_reason
        found = read_particles(client.download_star(job, tmp_path / "found.star"))
    assert found.rotations is not None
    assert np.allclose(found.rotations @ Z, turned @ Z, atol=1e-6)
    assert angular_distance(found.rotations, turned).max() > 10.0
