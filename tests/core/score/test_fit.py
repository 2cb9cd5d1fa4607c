from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.fourier.nufft import rotate
from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.orientation.rotations import (
    angular_distance,
    from_rotation_vectors,
    random_rotations,
)
from subtomo_core.score import correlation, fit, mirror
from subtomo_core.score.fit import fit_coarsely
from subtomo_core.simulate import asymmetric_blob, barrel, four_gaussians
from support.strategies import rotations, seeds, shifts

BOX, VOXEL = 24, 10.0


@pytest.mark.parametrize(
    ("make", "group"), [(barrel, "D7"), (asymmetric_blob, "C1"), (four_gaussians, "C1")]
)
@settings(max_examples=2, deadline=None)
@given(R=rotations(), t=shifts(2.0))
def test_a_known_pose_is_found(make, group, R, t):
    found = fit(make().density(BOX, VOXEL), make().density(BOX, VOXEL, R, t))
    assert angular_distance(found.rotation, R @ symmetry_group(group)).min() < 0.3
    assert np.linalg.norm(found.shift - t) < 0.05
    assert found.r > 0.99


@settings(max_examples=2, deadline=None)
@given(R=rotations(), t=shifts(2.0))
def test_large_maps_are_fitted_on_a_coarser_grid_and_moved_whole(R, t):
    target = four_gaussians().density(2 * BOX, VOXEL / 2, R, t)
    found = fit_coarsely(four_gaussians().density(2 * BOX, VOXEL / 2), target, BOX)
    assert found.map.shape == target.shape
    assert angular_distance(found.rotation, R) < 0.5
    assert np.linalg.norm(found.shift - t) < 0.1
    assert found.r > 0.99


@settings(max_examples=2, deadline=None)
@given(R=rotations(), t=shifts(2.0), seed=seeds())
def test_noise_on_the_map_is_borne(R, t, seed):
    """Noise of 1.5 sigma a voxel: the bound on the angle's error is 0.5 degrees here."""
    clean = four_gaussians().density(BOX, VOXEL)
    noise = np.random.default_rng(seed).normal(0, 1.5 * clean.std(), clean.shape)
    found = fit((clean + noise).astype(np.float32), four_gaussians().density(BOX, VOXEL, R, t))
    assert angular_distance(found.rotation, R) < 4.0
    assert np.linalg.norm(found.shift - t) < 0.3


def test_the_fitted_map_is_the_map_at_the_fitted_pose():
    moving, target = four_gaussians().density(BOX, VOXEL), asymmetric_blob().density(BOX, VOXEL)
    found = fit(moving, target, mask=soft_sphere(BOX, 9.0))
    assert np.allclose(found.map, rotate(moving, found.rotation, found.shift), atol=5e-3)
    assert 0 < found.r < 0.99


def test_no_other_pose_is_better():
    moving, target = four_gaussians().density(BOX, VOXEL), asymmetric_blob().density(BOX, VOXEL)
    found = fit(moving, target)
    rng = np.random.default_rng(0)
    for R in random_rotations(rng, 40):
        assert correlation(rotate(moving, R), target) < found.r + 1e-3
    for move in rng.normal(0, 0.05, (10, 3)):
        near = rotate(moving, from_rotation_vectors(move) @ found.rotation, found.shift)
        assert correlation(near, target) < found.r + 1e-3


def test_the_mirror_image_is_found_when_asked_for():
    volume = asymmetric_blob().density(BOX, VOXEL)
    assert np.array_equal(mirror(mirror(volume)), volume)
    assert correlation(mirror(volume), volume) < 0.95
    assert fit(mirror(volume), volume).r < 0.98
    found = fit(mirror(volume), volume, try_mirror=True)
    assert found.mirrored
    assert found.r > 0.999
