"""STAR files which other programs wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import starfile
from scipy.spatial.transform import Rotation

from subtomo_store.formats.star import (
    read_particles,
)
from subtomo_store.formats.star_text import read_star
from support.particles import shared
from support.star_files import problems_of

READABLE = {
    "formats/example.star": (1399, 5.0),
    "formats/relion_3.0.star": (3, 5.364),
    "formats/relion_3.1_optics.star": (3, 2.446),
    "formats/relion_3_star.star": (6, 1.7005),
    "formats/relion_4_star.star": (6, 1.0),
    "formats/relion5_refine3d/job_refine/run_it050_data.star": (5, 12.42),
    "ribosome-70S/particles.star": (40, 12.0),
    "ribosome-70S/poses_depositor.star": (40, None),
}
UNREADABLE = {
    "formats/relion31.6opticsgroups.star": "2D images",
    "formats/relion5.star": "2D images",
    "formats/stopgap_motl_head.star": "STOPGAP motive list",
    "formats/relion5_refine3d/job_refine/run_it050_optimisation_set.star": "optimisation set",
    "ribosome-70S/warptools_test_4-tomos_10-ptcls_box-32_angpix-12_tomograms.star": (
        "table of tomograms"
    ),
}


@pytest.mark.parametrize("name", READABLE)
def test_samples_are_read_as_another_reader_reads_them(name):
    path = shared(*name.split("/"))
    count, voxel_size = READABLE[name]
    back = read_particles(path)
    assert len(back) == count
    if voxel_size is None:
        assert back.voxel_sizes is None
    else:
        np.testing.assert_allclose(back.voxel_sizes, voxel_size)
    for block, frame in starfile.read(path, always_dict=True).items():
        ours = next(b for b in read_star(path, name) if b.name == block)
        assert list(ours.columns) == list(frame.columns)
        assert len(ours.rows) == len(frame)
    assert [image.text for image in back.images] == list(frame["rlnImageName"])


@pytest.mark.parametrize("name", UNREADABLE)
def test_samples_of_other_kinds_are_told_apart(name):
    (problem,) = problems_of(shared(*name.split("/")))
    assert UNREADABLE[name] in problem.detail


def test_a_pose_which_relion_wrote_has_its_sign():
    """Warp exported -1.2, -2.4, -3.2 as origins: the particle lies at +1.2, +2.4, +3.2."""
    back = read_particles(shared("formats", "relion_4_star.star"))
    np.testing.assert_allclose(back.shifts_angstrom(1.0)[0], [1.2, 2.4, 3.2])
    inverse = Rotation.from_euler("ZYZ", [90, 45, 180], degrees=True).as_matrix()
    np.testing.assert_allclose(back.rotations[0], inverse.T, atol=1e-12)


def test_every_shared_star_file_is_read_or_refused_in_words():
    known = {Path(name).name for name in (*READABLE, *UNREADABLE)}
    for path in sorted(shared("formats").rglob("*.star")):
        if path.name not in known:
            problems_of(path)
