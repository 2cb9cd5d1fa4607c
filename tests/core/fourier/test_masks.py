from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.fourier.masks import mask_problem, radii, radius_of_mask, soft_sphere


@pytest.mark.parametrize("box", [15, 16])
def test_the_mask_is_centred_where_the_origin_is(box):
    assert np.unravel_index(radii(box).argmin(), (box,) * 3) == (box // 2,) * 3
    mask = soft_sphere(box, 4.0, 3.0)
    axis = np.arange(box) - box // 2
    for direction in range(3):
        profile = mask.sum(tuple({0, 1, 2} - {direction}))
        assert abs((profile * axis).sum() / profile.sum()) < 1e-6


def test_the_edge_falls_from_one_to_zero():
    mask, r = soft_sphere(32, 10.0, 4.0), radii(32)
    assert (mask[r <= 8.0] == 1).all()
    assert (mask[r >= 12.0] == 0).all()
    assert mask[16, 16, 26] == pytest.approx(0.5)
    assert (np.diff(mask[16, 16, 16:]) <= 0).all()
    assert set(np.unique(soft_sphere(16, 5.0, 0.0))) == {0.0, 1.0}


def test_the_radius_of_a_sphere_is_its_own():
    for radius in (4.0, 6.5, 10.0):
        assert radius_of_mask(soft_sphere(32, radius, 4.0)) == pytest.approx(radius, abs=0.5)


def test_a_mask_is_told_what_is_wrong_with_it():
    good = soft_sphere(16, 5.0)
    assert mask_problem(good, 16) is None
    assert mask_problem(good + np.float32(1e-4), 16) is None
    for bad, words in (
        (good[:8], "8 x 16 x 16 voxels"),
        (2.0 * good, "from 0 to 2"),
        (good - 0.5, "from -0.5 to 0.5"),
        (0.0 * good, "zero everywhere"),
        (np.where(good > 0, np.nan, 0.0), "between 0 and 1"),
    ):
        problem = mask_problem(bad, 16)
        assert problem is not None
        assert problem.pointer == "/mask/map"
        assert words in problem.detail
