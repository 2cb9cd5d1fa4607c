from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.fourier.nufft import frequencies, pose_transform, rotate, sample_transform
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.orientation.rotations import inverse_pose, rotation_about
from subtomo_core.simulate import four_gaussians
from support.strategies import rotations, shifts

BOX, VOXEL = 32, 8.0
# The narrowest Gaussian is 1.4 voxels wide: 1e-4 of its height is left at Nyquist.
PHANTOM = four_gaussians(140.0)


def difference(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def smooth():
    return PHANTOM.density(BOX, VOXEL)


@settings(max_examples=20, deadline=None)
@given(rotations(), shifts(2.0))
def test_a_rotated_sample_is_the_sample_of_the_rotated(R, t):
    assert difference(rotate(smooth(), R, t), PHANTOM.density(BOX, VOXEL, R, t)) < 1e-4


@settings(max_examples=20, deadline=None)
@given(rotations(), shifts(2.0))
def test_a_pose_and_its_inverse_leave_a_smooth_map_as_it_was(R, t):
    volume = smooth()
    assert difference(rotate(rotate(volume, R, t), *inverse_pose(R, t)), volume) < 1e-4


@settings(max_examples=10, deadline=None)
@given(rotations(), rotations())
def test_one_rotation_after_another_is_their_product(first, second):
    volume = smooth()
    twice = rotate(rotate(volume, first), second)
    assert difference(twice, rotate(volume, second @ first)) < 1e-4


def test_quarter_turns_permute_voxels():
    volume = np.random.default_rng(0).normal(size=(16, 16, 16)).astype(np.float32)
    below = (np.abs(frequencies(16)) < 8).all(-1)
    volume = to_real(to_fourier(volume) * below)
    turned = rotate(volume, rotation_about([0, 0, 1], 90.0))
    # x goes to y, y to -x; index 0 has no partner in an even box.
    expected = np.flip(volume[1:, 1:, 1:].swapaxes(1, 2), 2)
    assert np.allclose(turned[1:, 1:, 1:], expected, atol=2e-3)


def test_a_shift_moves_voxels_in_the_order_x_y_z():
    volume = smooth()
    moved = rotate(volume, np.eye(3), (3.0, -2.0, 1.0))
    assert np.allclose(moved, np.roll(volume, (1, -2, 3), (0, 1, 2)), atol=1e-4 * volume.max())


def test_sampling_at_grid_points_is_the_transform():
    volume = np.random.default_rng(1).normal(size=(12, 12, 12)).astype(np.float32)
    k = frequencies(12).reshape(-1, 3)
    assert np.allclose(sample_transform(volume, k), to_fourier(volume).ravel(), atol=1e-4)
    assert np.allclose(
        pose_transform(volume, np.eye(3), np.zeros(3)), to_fourier(volume), atol=1e-4
    )


def test_beyond_nyquist_there_is_nothing():
    assert sample_transform(np.ones((8, 8, 8)), [[0.0, 0.0, 4.1]])[0] == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_shift_phase_has_the_sign_of_the_conventions(axis):
    volume, t = smooth(), np.zeros(3)
    t[axis] = 1.0
    k = frequencies(32)
    expected = to_fourier(volume) * np.exp(-2j * np.pi * k[..., axis] / 32)
    assert np.allclose(pose_transform(volume, np.eye(3), t), expected, atol=2e-3)
