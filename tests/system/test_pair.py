"""One particle to one reference, through the whole house."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import emfile
import numpy as np
import pytest

from subtomo import Client, HTTPProblem, InvalidInput
from subtomo_core.orientation.rotations import angular_distance, from_relion_angles
from subtomo_store.formats.mrc import write_volume
from support.embedded import Embedded
from support.services import environment
from support.small_jobs import VOXEL, blobs

pytestmark = pytest.mark.slow
MADE = blobs(1, 24, snr=2.0)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    service = Embedded(tmp_path_factory.mktemp("house") / "data").start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    particle, reference = folder / "particle.mrc", folder / "reference.mrc"
    write_volume(particle, MADE.particles.volume(0), VOXEL)
    write_volume(reference, 7.0 * MADE.truth.maps[0], VOXEL)
    return particle, reference


def check(found: dict[str, float]) -> None:
    angles = [found["rot"], found["tilt"], found["psi"]]
    rotation = from_relion_angles([angles])
    assert angular_distance(rotation, MADE.truth.rotations)[0] < 4.0
    shift = -np.array(found["origin_angstrom"]) / VOXEL
    assert np.linalg.norm(shift - MADE.truth.shifts[0]) < 0.25
    assert 0.5 < found["correlation"] < 1.0


def test_a_pair_is_aligned_and_nothing_stays_behind(house: Embedded, pair: tuple[Path, Path]):
    with Client(*house.note) as client:
        for algorithm in ("gradient", "sag"):
            found = client.align(*pair, tilt=(-60, 60), algorithm=algorithm, timeout=120)
            check(found.model_dump())
        with pytest.raises(HTTPProblem, match="score"):
            client.align(*pair, score="xyz")
        assert not client.datasets()
        assert not client.jobs()
        assert not client.maps()


@pytest.fixture(scope="module")
def pair_of_em(pair: tuple[Path, Path]) -> tuple[Path, Path]:
    """The same pair as EM files, which do not tell their voxel size."""
    volumes = MADE.particles.volume(0), 7.0 * MADE.truth.maps[0]
    found = tuple(path.with_suffix(".em") for path in pair)
    for path, volume in zip(found, volumes, strict=True):
        emfile.write(path, volume.astype(np.float32))
    return found[0], found[1]


def test_em_and_mrc_files_give_the_same_pose(
    house: Embedded, pair: tuple[Path, Path], pair_of_em: tuple[Path, Path]
):
    (particle, reference), (em_particle, em_reference) = pair, pair_of_em
    with Client(*house.note) as client:
        poses = [
            client.align(em_particle, em_reference, tilt=(-60, 60), voxel_size=VOXEL),
            client.align(em_particle, reference, tilt=(-60, 60)),
            client.align(particle, em_reference, tilt=(-60, 60)),
        ]
    check(poses[0].model_dump())
    assert poses[0] == poses[1] == poses[2]


def test_voxel_sizes_which_do_not_fit_are_told(
    house: Embedded, pair: tuple[Path, Path], pair_of_em: tuple[Path, Path], tmp_path: Path
):
    coarse = tmp_path / "coarse.mrc"
    write_volume(coarse, MADE.truth.maps[0], 1.2 * VOXEL)
    with Client(*house.note) as client:
        with pytest.raises(InvalidInput, match=r"Neither particle.em nor reference.em says"):
            client.align(*pair_of_em)
        with pytest.raises(HTTPProblem, match=r"coarse.mrc has a box of 24 voxels of 6 Å"):
            client.align(pair[0], coarse)
        assert not client.datasets()
        assert not client.maps()


def test_the_command_prints_the_pose(house: Embedded, pair: tuple[Path, Path]):
    url, token = house.note
    command = [sys.executable, "-m", "subtomo", "align", *map(str, pair), "--tilt", "-60", "60"]
    told = subprocess.run(
        [*command, "--json", "--set", "score=fcs"],
        env=environment(SUBTOMO_URL=url, SUBTOMO_TOKEN=token),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    check(json.loads(told.stdout))
