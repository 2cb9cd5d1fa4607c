"""All pairs of a dataset, through the whole house: service, client and command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from subtomo import Client, HTTPProblem
from subtomo_core.simulate import asymmetric_blob, four_gaussians, simulate
from subtomo_store.formats.mrc import write_volume
from support.embedded import Embedded
from support.services import environment
from support.small_jobs import VOXEL, WEDGE

pytestmark = pytest.mark.slow
BOX = 20


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    service = Embedded(tmp_path_factory.mktemp("house") / "data").start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def particles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A folder of particles of two structures, and the structure of each."""
    folder = tmp_path_factory.mktemp("particles")
    structures = [asymmetric_blob(0.5 * BOX * VOXEL), four_gaussians(0.6 * BOX * VOXEL)]
    made = simulate(structures, [4, 3], BOX, VOXEL, snr=10.0, missing=WEDGE, seed=3)
    for index in range(7):
        write_volume(folder / f"p{index}.mrc", made.particles.volume(index), VOXEL)
    return folder, made.truth.classes


def test_all_pairs_from_upload_to_clusters(house: Embedded, particles, tmp_path: Path):
    folder, true = particles
    url, token = house.note
    with Client(url, token) as client:
        dataset = client.create_dataset("two", tilt=(-60, 60))
        client.upload(dataset, folder)
        client.seal(dataset)
        with pytest.raises(HTTPProblem, match="'iterations' must be 2"):
            client.submit(dataset=dataset, algorithm="pairwise", iterations=5)
        with pytest.raises(HTTPProblem, match="'growth_shells' has no meaning here"):
            client.submit(dataset=dataset, algorithm="pairwise", resolution={"growth_shells": 1})
        job = client.submit(dataset=dataset, algorithm="pairwise", classes=2, name="pairs")
        assert client.wait(job, timeout=120).status == "succeeded"
        before = np.load(client.download_dissimilarity(job, tmp_path / "a.npy", iteration=0))
        after = np.load(client.download_dissimilarity(job, tmp_path / "b.npy"))
        picture = client.download_dissimilarity(job, tmp_path, kind="png")
    same = (true[:, None] == true) & ~np.eye(7, dtype=bool)
    assert after[same].max() < after[true[:, None] != true].min()
    assert after[same].mean() < 0.5 * before[same].mean()
    assert picture.name == "pairs_it002_dissimilarity.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    command = [sys.executable, "-m", "subtomo", "fetch", "pairs", "--to", str(tmp_path / "out")]
    variables = environment(SUBTOMO_URL=url, SUBTOMO_TOKEN=token)
    subprocess.run(command, env=variables, check=True, capture_output=True, timeout=60)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "class_1.mrc",
        "class_2.mrc",
        "particles.star",
        "dissimilarity.npy",
        "dissimilarity.png",
    }
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "dissimilarity.npy"), after)
