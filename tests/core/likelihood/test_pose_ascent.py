from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.fourier.band import band
from subtomo_core.fourier.grids import padded_grid
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.kernels import summits
from subtomo_core.likelihood.pose_ascent import refine
from subtomo_core.orientation.rotations import angular_distance, random_rotations, rotation_about
from support.numerics import as_parts, blob, gathered, phases, posed
from support.strategies import seeds

BOX = 24
SUPPORT = band(BOX, 10.0)
VOLUME = blob(BOX)
GRID = padded_grid(VOLUME, 11.0)


def climb(values, rotation, shift, *, steps=8, reach=6.0, weight=1.0):
    weights = (weight * SUPPORT.count).astype(np.float32)
    return refine(
        GRID,
        SUPPORT,
        as_parts(values * weights),
        weights,
        rotation,
        shift,
        steps=steps,
        reach=reach,
    )


def off_by(rng, degrees, voxels):
    R, t = random_rotations(rng, 1)[0], rng.uniform(-2.0, 2.0, 3)
    along = rng.normal(size=3)
    start = rotation_about(rng.normal(size=3), degrees) @ R
    return R, t, start, t + voxels * along / np.linalg.norm(along)


@settings(max_examples=15, deadline=None)
@given(seeds())
def test_a_noise_free_particle_is_found_from_five_degrees_and_half_a_voxel(seed):
    # Measured: at most 0.1 degrees and 0.003 voxel, left by the interpolation.
    rng = np.random.default_rng(seed)
    R, t, rotation, shift = off_by(rng, 5.0, 0.5)
    # So little noise that the climb does not end where a little is left to gain.
    pose = climb(posed(VOLUME, SUPPORT, R, t), rotation, shift, weight=1e3)
    assert angular_distance(pose.rotation, R) < 0.2
    assert np.linalg.norm(pose.shift - t) < 0.02


@settings(max_examples=10, deadline=None)
@given(seeds())
def test_more_steps_never_lower_the_likelihood_and_the_value_is_that_of_the_pose(seed):
    rng = np.random.default_rng(seed)
    R, t, rotation, shift = off_by(rng, 8.0, 1.0)
    values = posed(VOLUME, SUPPORT, R, t)
    values = values + 0.3 * SUPPORT.take(to_fourier(rng.normal(size=(BOX,) * 3)))
    poses = [climb(values, rotation, shift, steps=n) for n in (1, 2, 4, 8)]
    assert np.all(np.diff([p.value for p in poses]) >= 0)
    assert np.array_equal(poses[0].rotation, rotation)
    for pose in poses:
        model = gathered(GRID, SUPPORT, pose.rotation) * phases(SUPPORT, -pose.shift)
        gain = (SUPPORT.count * values * model.conj()).real.sum()
        power = (SUPPORT.count * np.abs(model) ** 2).sum()
        # The last step may be taken unseen: wrong by as much as it promised at the most.
        unseen = summits._NEAR
        assert pose.value == pytest.approx(float(gain - 0.5 * power), rel=1e-4, abs=unseen)
        assert np.allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-9)


def test_no_shift_is_longer_than_allowed():
    R = random_rotations(np.random.default_rng(0), 1)[0]
    values = posed(VOLUME, SUPPORT, R, (3.0, 0.0, 0.0))
    pose = climb(values, R, np.array([1.0, 0.0, 0.0]), steps=20, reach=2.0)
    assert np.linalg.norm(pose.shift) <= 2.0
    assert pose.shift[0] > 1.0


def test_a_start_out_of_reach_has_no_likelihood():
    values = posed(VOLUME, SUPPORT, np.eye(3))
    assert climb(values, np.eye(3), np.array([5.0, 0.0, 0.0]), reach=2.0).value == -np.inf
