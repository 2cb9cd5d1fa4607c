"""Boxes that were cut out turned have missing regions of their own."""

from __future__ import annotations

import pytest

from subtomo_core.spec.missing_region import Complete, Cone, Weights
from subtomo_store.datasets.sealing import seal
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import read_particles
from support.particles import noise_volumes
from support.sealing import WEDGE, problems_of
from support.star_files import star, table

COLUMNS = (
    "rlnImageName",
    "rlnCtfImage",
    *(f"rlnTomoSubtomogram{p}" for p in ("Rot", "Tilt", "Psi")),
)


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
    assert read_particles(tmp_path / "uploads" / "p.star").turned.tolist() == [False, turned]


@pytest.mark.parametrize("missing", [WEDGE, Cone(half_angle_deg=30.0)])
def test_boxes_cut_out_turned_need_weights(folder, missing):
    upload(folder, "10 20 30")
    (problem,) = problems_of(folder, missing)
    assert (problem.row, problem.column) == (2, "rlnTomoSubtomogramRot")
    assert "(--missing-from-weights)" in problem.detail


@pytest.mark.parametrize("missing", [Weights(), Complete()])
def test_turned_boxes_are_read_where_each_brings_its_own_region_or_lacks_nothing(folder, missing):
    upload(folder, "10 20 30")
    assert seal(folder, missing).particles == 2


def test_boxes_that_are_not_turned_are_read_behind_a_wedge(folder):
    upload(folder, "40 0 -40")
    assert seal(folder, WEDGE).particles == 2
