from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.masks import radii, soft_sphere


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
