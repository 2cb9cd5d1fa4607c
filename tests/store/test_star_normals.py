"""Normals in the prior columns of STAR files."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.orientation.rotations import from_relion_angles
from subtomo_store.formats.star import read_particles
from support.star_files import problems_of

PRIORS = ("rlnImageName", "rlnAngleTiltPrior", "rlnAnglePsiPrior")


def star(folder, columns, *rows):
    names = "".join(f"_{column}\n" for column in columns)
    path = folder / "p.star"
    path.write_text(f"data_particles\nloop_\n{names}" + "\n".join(rows) + "\n")
    return path


def test_priors_give_the_normal_where_angles_are_missing(tmp_path):
    back = read_particles(star(tmp_path, PRIORS, "a.mrc 30 40", "b.mrc 90 -10"))
    assert np.allclose(back.rotations, from_relion_angles([[0, 30, 40], [0, 90, -10]]))
    assert back.remarks[:1] == (
        "p.star: the particles' normals come from _rlnAngleTiltPrior and _rlnAnglePsiPrior, the "
        "angle about them is 0",
    )


def test_the_angle_about_the_normal_may_be_known(tmp_path):
    back = read_particles(star(tmp_path, (*PRIORS, "rlnAngleRot"), "a.mrc 30 40 50"))
    assert np.allclose(back.rotations, from_relion_angles([[50, 30, 40]]))
    z = np.array([0.0, 0.0, 1.0])
    assert np.allclose(back.rotations @ z, from_relion_angles([[0, 30, 40]]) @ z)


def test_angles_come_before_priors(tmp_path):
    angles = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
    back = read_particles(star(tmp_path, (*PRIORS, *angles), "a.mrc 30 40 1 2 3"))
    assert np.allclose(back.rotations, from_relion_angles([[1, 2, 3]]))
    left = "not read of p.star: data_particles (_rlnAngleTiltPrior, _rlnAnglePsiPrior)"
    assert left in back.remarks


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        (("rlnImageName", "rlnAngleTiltPrior"), "rlnAnglePsiPrior"),
        ((*PRIORS, "rlnAngleRot", "rlnAngleTilt"), "rlnAnglePsi"),
    ],
)
def test_half_a_normal_is_refused(tmp_path, columns, missing):
    row = " ".join(["a.mrc", *["1"] * (len(columns) - 1)])
    (problem,) = problems_of(star(tmp_path, columns, row))
    assert problem.column == missing
    assert "is missing beside" in problem.detail
