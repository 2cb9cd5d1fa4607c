"""Boxes that were cut out turned: their missing regions are turned with them."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.fourier.missing import Turned, observed
from subtomo_core.fourier.shells import radius_of
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.orientation.rotations import angular_distance, from_relion_angles
from subtomo_core.spec.missing_region import Complete, Cone, Each, Weights
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import StackParticles, read_record
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import read_particles
from support.particles import noise_volumes, shared
from support.sealing import WEDGE
from support.star_files import star, table

TURNED = tuple(f"rlnTomoSubtomogram{p}" for p in ("Rot", "Tilt", "Psi"))
COLUMNS = ("rlnImageName", "rlnCtfImage", *TURNED)


def upload(folder, angles: str) -> None:
    uploads = folder / "uploads"
    uploads.mkdir(parents=True)
    for i, volume in enumerate(noise_volumes(2, 8)):
        write_volume(uploads / f"p{i}.mrc", volume, 4.0)
        write_volume(uploads / f"w{i}.mrc", abs(volume[:, :, :5]), 4.0)
    rows = f"p0.mrc w0.mrc 0 0 0\np1.mrc w1.mrc {angles}\n"
    star(uploads, table(*COLUMNS, rows=rows))


@pytest.mark.parametrize(
    ("angles", "turned"),
    [("10 20 30", True), ("0 0 0", False), ("40 0 -40", False), ("360 0 0", False)],
)
def test_a_box_is_turned_where_its_angles_come_to_a_turn(tmp_path, angles, turned):
    upload(tmp_path, angles)
    turns = read_particles(tmp_path / "uploads" / "p.star").turns
    assert (turns is not None) == turned
    if turned:
        assert np.array_equal(turns[0], np.eye(3))
        assert np.allclose(turns[1], from_relion_angles([10.0, 20.0, 30.0]))


@pytest.mark.parametrize("missing", [WEDGE, Cone(half_angle_deg=30.0)])
def test_a_region_is_turned_with_the_boxes_that_are(folder, missing):
    upload(folder, "10 20 30")
    found = seal(folder, missing).missing
    assert isinstance(found, Each)
    assert ([part.region for part in found.parts], found.turned) == ([missing], 1)
    particles = StackParticles(folder)
    assert particles.region(0) == missing
    turned = particles.region(1)
    assert isinstance(turned, Turned)
    assert np.allclose(turned.turn, from_relion_angles([10.0, 20.0, 30.0]), atol=1e-12)
    assert "1 of the boxes were cut out turned" in " ".join(read_record(folder).remarks)


@pytest.mark.parametrize("missing", [Weights(), Complete()])
def test_turned_boxes_are_read_where_each_brings_its_own_region_or_lacks_nothing(folder, missing):
    upload(folder, "10 20 30")
    assert seal(folder, missing).missing == missing


def test_boxes_that_are_not_turned_are_read_behind_a_wedge(folder):
    upload(folder, "40 0 -40")
    assert seal(folder, WEDGE).missing == WEDGE
    assert not (folder / "regions.npz").exists()


def test_angles_of_boxes_stand_in_the_datasets_own_table(folder):
    upload(folder, "10 20 30")
    seal(folder, WEDGE)
    own = read_particles(folder / "particles.star")
    assert angular_distance(own.turns, StackParticles(folder)._regions.turns).max() < 1e-5


def test_particles_without_angles_lie_as_their_boxes_do(folder):
    """As in RELION, where the pose in the tomogram is that of the box times that in the box."""
    upload(folder, "10 20 30")
    seal(folder, WEDGE)
    assert np.array_equal(StackParticles(folder).given_poses().rotations, [np.eye(3)] * 2)
    assert "particles lie in their turned boxes" in " ".join(read_record(folder).remarks)


def test_the_turned_wedge_is_that_of_the_weights_which_came_with_the_boxes(folder):
    """Two ways to tell one thing: angles of boxes, and weights beside them."""
    case, own = shared("cases", "r01-turned-boxes"), []
    for name, missing in (("wedge", WEDGE), ("weights", Weights())):
        (folder / name).mkdir(parents=True)
        (folder / name / "uploads").symlink_to(case)
        seal(folder / name, missing)
        own.append(StackParticles(folder / name))
    wedge, weighted = own
    below, shares = (radius_of(24) < 12) & (radius_of(24) > 0), []
    for i in range(16):
        power = np.abs(to_fourier(wedge.volume(i))[below]) ** 2
        missing = [observed(r, 24)[below] == 0 for r in (wedge.region(i), WEDGE)]
        held = weighted.weight(i)[below], power
        shares.append([[of[where].sum() / of.sum() for where in missing] for of in held])
    turned, unturned = np.mean(shares, 0).T
    assert (turned < 1e-3).all()
    assert (unturned > 0.2).all()
