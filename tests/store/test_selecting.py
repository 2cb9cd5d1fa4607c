"""Datasets made of some particles of another one: the same particles, weights, regions, tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import starfile

from subtomo_core.errors import InputError
from subtomo_core.fourier.binning import binned, binned_weights
from subtomo_core.orientation.rotations import angular_distance, random_rotations
from subtomo_core.spec.missing_region import ByName, Each, Wedge, Weights
from subtomo_store.datasets.provenance import Provenance, places_among
from subtomo_store.datasets.sealing import House, seal
from subtomo_store.datasets.selecting import ChosenParticles, select
from subtomo_store.datasets.stack import StackParticles, read_record
from subtomo_store.errors import DamagedError, QuotaError
from support.particles import make_particles
from support.sealing import WEDGE, names

ROWS = np.array([1, 2, 4])
REGIONS = {
    "TS_01": Wedge(tilt_min_deg=-60, tilt_max_deg=60),
    "TS_02": Wedge(tilt_min_deg=-40, tilt_max_deg=50),
    "TS_03": Wedge(tilt_min_deg=-30, tilt_max_deg=30),
}


def chosen(box: int = 8) -> ChosenParticles:
    rng = np.random.default_rng(3)
    rotations, shifts = random_rotations(rng, 3), rng.uniform(-2, 2, (3, 3))
    return ChosenParticles(ROWS, rotations, shifts, np.array([2, 1, 2]), box)


def test_particles_and_tables_stay_and_the_poses_are_the_chosen_ones(tmp_path: Path):
    uploaded = make_particles(tmp_path / "whole" / "uploads", count=6)
    seal(tmp_path / "whole", WEDGE, dark_particles=True)
    asked: list[int] = []
    shared: list[str] = []
    own = chosen()
    house = House(allow=asked.append, share=lambda path, _written: shared.append(path.name))
    select(tmp_path / "whole", tmp_path / "some", own, "chosen for a test", house)
    whole, some = StackParticles(tmp_path / "whole"), StackParticles(tmp_path / "some")
    assert some.summary == whole.summary.model_copy(update={"particles": 3})
    for place, row in enumerate(ROWS):
        np.testing.assert_array_equal(some.volume(place), -uploaded.volumes[row])
    assert some.damaged(range(3)) == []
    poses = some.given_poses()
    assert poses.rotations is not None
    assert angular_distance(poses.rotations, own.rotations).max() < 1e-3
    np.testing.assert_allclose(poses.shifts, own.shifts, atol=1e-4)
    assert poses.classes is not None
    assert poses.classes.tolist() == [2, 1, 2]
    given = starfile.read(tmp_path / "some" / "given.star")["particles"]
    assert given["rlnImageName"].tolist() == [f"particles/p{row}.mrc" for row in ROWS]
    assert given["rlnClassNumber"].tolist() == [2, 1, 2]
    record = read_record(tmp_path / "some")
    assert record.remarks == ("chosen for a test",)
    assert asked == [4 * 3 * 8**3]
    assert shared == ["particles.mrcs"]
    assert names(tmp_path / "some") == sorted([*names(tmp_path / "whole"), "provenance.npz"])


def test_particles_are_binned_and_tables_name_the_volumes_as_they_came(tmp_path: Path):
    uploaded = make_particles(tmp_path / "whole" / "uploads", count=6, box=16, weighted=True)
    text = uploaded.star.read_text().replace("_rlnOrigin", "_rlnOld").replace("Angst", "")
    uploaded.star.write_text(text.replace("_rlnOld", "_rlnOrigin"))  # as RELION 3.0 had them
    seal(tmp_path / "whole", Weights())
    whole = StackParticles(tmp_path / "whole")
    own, asked = chosen(8), list[int]()
    select(tmp_path / "whole", tmp_path / "some", own, "", House(allow=asked.append))
    some = StackParticles(tmp_path / "some")
    assert (some.summary.box, some.summary.voxel_size_angstrom) == (8, 10.0)
    assert asked == [4 * 3 * 8**2 * (8 + 5)]
    assert some.damaged(range(3)) == []
    for place, row in enumerate(ROWS.tolist()):
        np.testing.assert_array_equal(some.volume(place), binned(whole.volume(row), 8))
        np.testing.assert_array_equal(some.weight(place), binned_weights(whole.weight(row), 8))
    np.testing.assert_allclose(some.given_poses().shifts, own.shifts / 2, atol=1e-5)
    given = starfile.read(tmp_path / "some" / "given.star")
    assert given["optics"]["rlnImagePixelSize"].tolist() == [5.0]
    np.testing.assert_allclose(given["particles"]["rlnOriginX"], -own.shifts[:, 0], atol=1e-5)
    np.testing.assert_allclose(
        given["particles"]["rlnOriginXAngst"], -5 * own.shifts[:, 0], atol=1e-5
    )
    again = ChosenParticles(np.array([0, 2]), own.rotations[:2], own.shifts[:2], ROWS[:2], 8)
    select(tmp_path / "some", tmp_path / "fewer", again, "", House())
    told = StackParticles(tmp_path / "fewer").provenance()
    assert (told.dataset, told.rows.tolist(), told.box) == ("whole", [1, 4], 16)
    given = starfile.read(tmp_path / "fewer" / "given.star")
    np.testing.assert_allclose(given["particles"]["rlnOriginX"], -2 * own.shifts[:2, 0], atol=1e-5)


def test_halves_that_the_job_kept_apart_stay_so(tmp_path: Path):
    make_particles(tmp_path / "whole" / "uploads", count=6)
    seal(tmp_path / "whole", WEDGE)
    halves = np.array([2, 1, 1])
    select(tmp_path / "whole", tmp_path / "some", replace(chosen(), half_sets=halves), "", House())
    some = StackParticles(tmp_path / "some")
    assert some.grouping().halves is not None
    assert some.grouping().halves.tolist() == [1, 0, 0]
    given = starfile.read(tmp_path / "some" / "given.star")["particles"]
    assert given["rlnRandomSubset"].tolist() == halves.tolist()


def test_particles_find_their_places_in_datasets_of_one_source():
    def of(*rows: int, source: str = "whole") -> Provenance:
        return Provenance(source, np.array(rows), 5.0, 8)

    assert places_among(of(1, 4), of(0, 1, 3, 4), "job_a").tolist() == [1, 3]
    with pytest.raises(InputError, match=r"job_a has no poses of 2 of this dataset's 3 particles"):
        places_among(of(1, 4, 5), of(1, 2), "job_a")
    with pytest.raises(InputError, match="job_a is of another dataset"):
        places_among(of(1), of(1, source="other"), "job_a")


def test_weights_stay_with_their_particles(tmp_path: Path):
    make_particles(tmp_path / "whole" / "uploads", count=6, weighted=True)
    seal(tmp_path / "whole", Weights())
    select(tmp_path / "whole", tmp_path / "some", chosen(), "", House())
    whole, some = StackParticles(tmp_path / "whole"), StackParticles(tmp_path / "some")
    for place, row in enumerate(ROWS):
        np.testing.assert_array_equal(some.weight(place), whole.weight(int(row)))


def test_regions_stay_and_those_without_particles_go(tmp_path: Path):
    uploaded = make_particles(tmp_path / "whole" / "uploads", count=6)
    lines = uploaded.star.read_text().splitlines()
    tomograms = iter(["TS_01", "TS_02", "TS_03", "TS_01", "TS_02", "TS_01"])
    lines = [line.replace("TS_01", next(tomograms)) if "TS_01" in line else line for line in lines]
    uploaded.star.write_text("\n".join(lines) + "\n")
    seal(tmp_path / "whole", ByName(by="tomogram", regions=REGIONS))
    select(tmp_path / "whole", tmp_path / "some", chosen(), "", House())
    some = StackParticles(tmp_path / "some")
    assert [some.region(place) for place in range(3)] == [
        REGIONS[name] for name in ("TS_02", "TS_03", "TS_02")
    ]
    missing = some.summary.missing
    assert isinstance(missing, Each)
    assert [(part.particles, part.names) for part in missing.parts] == [
        (2, ("TS_02",)),
        (1, ("TS_03",)),
    ]
    one = ChosenParticles(ROWS[:1], chosen().rotations[:1], chosen().shifts[:1], ROWS[:1], 8)
    select(tmp_path / "whole", tmp_path / "one", one, "", House())
    assert StackParticles(tmp_path / "one").summary.missing == REGIONS["TS_02"]
    assert StackParticles(tmp_path / "one").region(0) == REGIONS["TS_02"]


def test_nothing_is_left_of_a_selection_that_could_not_be_made(tmp_path: Path):
    make_particles(tmp_path / "whole" / "uploads", count=6)
    seal(tmp_path / "whole", WEDGE)
    stack = tmp_path / "whole" / "particles.mrcs"
    content = bytearray(stack.read_bytes())
    content[1024 + 2 * 4 * 8**3 + 5] ^= 1  # in the third particle
    stack.write_bytes(content)
    with pytest.raises(DamagedError, match="particle 3"):
        select(tmp_path / "whole", tmp_path / "some", chosen(), "", House())

    def refuse(_needed: int) -> None:
        raise QuotaError("too much")

    with pytest.raises(QuotaError):
        select(tmp_path / "whole", tmp_path / "some", chosen(), "", House(allow=refuse))
    assert not (tmp_path / "some").exists() or names(tmp_path / "some") == []
