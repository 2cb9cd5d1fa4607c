from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.errors import InputError
from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.orientation.rotations import rotation_about
from subtomo_core.simulate import (
    GaussianStructure,
    MapStructure,
    asymmetric_blob,
    barrel,
    four_gaussians,
)
from support.strategies import rotations, shifts

BOX, VOXEL = 24, 10.0


def difference(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("box", [15, 16])
def test_one_gaussian_is_where_it_says(box):
    one = GaussianStructure(np.array([[12.0, -8.0, 4.0]]), np.array([4.0]), np.array([2.5]))
    volume = one.density(box, 4.0)
    peak = (box // 2 + 1, box // 2 - 2, box // 2 + 3)
    assert np.unravel_index(volume.argmax(), volume.shape) == peak
    assert volume[peak] == pytest.approx(2.5)
    assert volume[peak[0], peak[1], peak[2] - 1] == pytest.approx(2.5 * np.exp(-0.5))


@settings(max_examples=20, deadline=None)
@given(rotations(), shifts())
def test_a_pose_moves_the_centres(R, t):
    blob = asymmetric_blob()
    moved = GaussianStructure(blob.centres @ R.T + t * VOXEL, blob.widths, blob.amplitudes)
    assert np.allclose(blob.density(BOX, VOXEL, R, t), moved.density(BOX, VOXEL), atol=1e-4)


@pytest.mark.parametrize("member", range(14))
def test_the_barrel_has_d7_symmetry(member):
    turned = barrel().density(BOX, VOXEL, symmetry_group("D7")[member])
    assert difference(turned, barrel().density(BOX, VOXEL)) < 1e-5


def test_the_barrel_has_no_other_turn():
    still = barrel().density(BOX, VOXEL)
    for axis, angle in (([0, 0, 1], 360 / 14), ([0, 0, 1], 180.0), ([0, 1, 0], 90.0)):
        turned = barrel().density(BOX, VOXEL, rotation_about(axis, angle))
        assert difference(turned, still) > 0.2


@pytest.mark.parametrize("make", [asymmetric_blob, four_gaussians])
@pytest.mark.parametrize("axis", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1]])
def test_others_have_no_symmetry(make, axis):
    for angle in (90.0, 120.0, 180.0):
        turned = make().density(BOX, VOXEL, rotation_about(axis, angle))
        assert difference(turned, make().density(BOX, VOXEL)) > 0.2


@pytest.mark.parametrize("make", [barrel, asymmetric_blob, four_gaussians])
def test_phantoms_are_centred_and_fit_their_diameter(make):
    volume = make(140.0).density(BOX, VOXEL).astype(float)
    axis = np.arange(BOX) - BOX // 2
    for direction in range(3):
        profile = volume.sum(tuple({0, 1, 2} - {direction}))
        assert abs((profile * axis).sum() / profile.sum()) < 0.01
        assert profile[[0, -1]].max() < 1e-4 * profile.max()
    assert np.linalg.norm(make(140.0).centres, axis=1).max() < 100.0


def test_phantoms_are_the_same_every_time():
    assert np.array_equal(barrel().centres, barrel().centres)
    assert not np.array_equal(asymmetric_blob(seed=1).centres, asymmetric_blob(seed=2).centres)


def test_a_map_turns_like_the_structure_it_shows():
    R, t = rotation_about([1, 2, -1], 50.0), np.array([0.5, -1.0, 1.5])
    shown = MapStructure(four_gaussians().density(BOX, VOXEL), VOXEL)
    assert (
        difference(shown.density(BOX, VOXEL, R, t), four_gaussians().density(BOX, VOXEL, R, t))
        < 2e-3
    )
    with pytest.raises(InputError, match="resample it first"):
        shown.density(BOX, 2 * VOXEL)


@pytest.mark.parametrize("make", [asymmetric_blob, barrel, four_gaussians])
def test_a_peak_is_set_without_changing_the_shape(make):
    scaled = make(140.0).with_peak(0.17)
    # Each centre is moved into the middle of the box, a voxel.
    peaks = [scaled.density(8, 5.0, shift=-centre / 5.0)[4, 4, 4] for centre in scaled.centres]
    assert max(peaks) == pytest.approx(0.17, rel=1e-5)
    plain, seen = (s.density(32, 6.0) for s in (make(140.0), scaled))
    assert np.allclose(plain / plain.max(), seen / seen.max(), atol=1e-5)
