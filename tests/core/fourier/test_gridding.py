from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.fourier.band import band
from subtomo_core.fourier.gridding import (
    ball,
    fill_in,
    fold,
    fsc,
    on_components,
    relative_ridge,
    resample,
    weighted_average,
)
from subtomo_core.fourier.shells import multiplicity, radius_of, shell_sums
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.kernels.interpolate import scatter, shift_back
from subtomo_core.orientation.rotations import random_rotations
from support.numerics import as_parts, blob, posed
from support.strategies import seeds, volumes

BOX, R_MAX, COUNT = 24, 10.0, 300


@pytest.fixture(scope="module")
def sums():
    """Numerator and denominator, over the number of noise-free particles in random poses."""
    support, volume = band(BOX, R_MAX), blob(BOX)
    c = 2 * support.reach + 3
    numerator = np.zeros((2 * c + 1, 2 * c + 1, c + 1, 2), np.float32)
    denominator = np.zeros(numerator.shape[:3], np.float32)
    half = (0.5 * support.count).astype(np.float32)
    rng = np.random.default_rng(0)
    for R in random_rotations(rng, COUNT):
        t = rng.uniform(-2.0, 2.0, 3)
        samples = as_parts(posed(volume, support, R, t) * half)
        moved = np.empty_like(samples)
        shift_back(support.points, samples, t, BOX, moved)
        scatter(numerator, denominator, support.points, moved, half, R, 1.0)
    whole = fold(numerator.view(np.complex64)[..., 0], BOX) / COUNT
    return whole, fold(denominator, BOX).real / COUNT


def off(estimate):
    """Relative error of each shell."""
    truth = to_fourier(blob(BOX))
    wrong = shell_sums(np.abs(estimate - truth) ** 2, BOX)
    return np.sqrt(wrong / shell_sums(np.abs(truth) ** 2, BOX))


def test_the_average_of_noise_free_particles_over_their_mass_is_the_truth(sums):
    # Measured: 0.5 to 0.8 %, then 0.8 to 1.4 %. Beyond, the grid's points lack the neighbours
    # which lie outside the band: 2.5 %, 5 %, and in the last shell 60 %.
    wrong = off(sums[0])
    assert wrong[1:5].max() < 0.01
    assert wrong[5:8].max() < 0.02
    assert wrong[8] < 0.03


def test_so_is_their_average_over_the_denominator(sums):
    # Measured: 0.6 to 1.8 %, then 1.5 to 2.6 %.
    wrong = off(weighted_average(*sums, np.float32(1e-3)))
    assert wrong[1:5].max() < 0.025
    assert wrong[5:9].max() < 0.04


def test_particles_in_many_poses_weigh_on_all_components_alike(sums):
    # Measured: 0.92 to 1.06, and 0.7 % in the shells' means.
    inside = ball(BOX, R_MAX - 1.5)
    assert sums[1][inside].min() > 0.88
    assert sums[1][inside].max() < 1.12
    shells = shell_sums(sums[1], BOX) / shell_sums(np.ones_like(sums[1]), BOX)
    assert np.abs(shells[1:8] - 1.0).max() < 0.02


@settings(max_examples=15, deadline=None)
@given(volumes(12), st.sampled_from([16, 20, 24]))
def test_resampling_to_a_larger_box_and_back_changes_nothing_below_nyquist(volume, larger):
    transform = to_fourier(volume)
    transform[6], transform[:, 6], transform[:, :, 6] = 0, 0, 0
    there = resample(transform, larger)
    assert there.shape == (larger, larger, larger // 2 + 1)
    assert np.array_equal(resample(there, 12), transform)
    power = (np.abs(there) ** 2 * multiplicity(larger)).sum()
    assert power == pytest.approx((np.abs(transform) ** 2 * multiplicity(12)).sum(), rel=1e-5)


def test_resampling_keeps_the_centre():
    volume = np.zeros((12, 12, 12), np.float32)
    volume[6, 6, 6] = 1.0
    finer = to_real(resample(to_fourier(volume), 24))
    assert np.unravel_index(np.argmax(finer), finer.shape) == (12, 12, 12)


def random_sums(seed):
    rng = np.random.default_rng(seed)
    shape = (8, 8, 5)
    old = to_fourier(rng.normal(size=(8, 8, 8)))
    return rng, rng.uniform(0.0, 2.0, shape).astype(np.float32), old


@settings(max_examples=15, deadline=None)
@given(seeds())
def test_filling_in_leaves_an_estimate_which_agrees_with_the_data_as_it_is(seed):
    _, denominator, old = random_sums(seed)
    same = fill_in(denominator * old, denominator, np.float32(2.0), old)
    assert np.allclose(same, old, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(seeds())
def test_filling_in_again_and_again_ends_at_the_weighted_average(seed):
    rng, denominator, old = random_sums(seed)
    denominator += 0.2
    numerator = (denominator * to_fourier(rng.normal(size=(8, 8, 8)))).astype(np.complex64)
    present = old
    for _ in range(150):  # each turn leaves at most 1 - 0.2 / 2.2 of the difference
        present = fill_in(numerator, denominator, np.float32(2.2), present)
    target = weighted_average(numerator, denominator, np.float32(0.0))
    assert np.allclose(present, target, atol=1e-4)


def test_where_nothing_was_observed_the_estimate_stays_and_the_average_is_zero():
    _, _, old = random_sums(0)
    nothing = np.zeros((8, 8, 5), np.float32)
    kept = fill_in(nothing.astype(np.complex64), nothing, np.float32(1.0), old)
    assert np.array_equal(kept, old)
    assert not weighted_average(nothing.astype(np.complex64), nothing, np.float32(0.0)).any()


def test_folded_weights_below_zero_count_as_nothing():
    _, _, old = random_sums(1)
    below = np.full((8, 8, 5), -0.5, np.float32)
    kept = fill_in(np.zeros_like(old), below, np.float32(1.0), old)
    assert np.allclose(kept, old)


def test_a_ridge_is_a_share_of_its_shells_mean():
    box = 8
    shell = np.rint(radius_of(box))
    ridge = relative_ridge((3.0 * shell).astype(np.float32), 0.1)
    within = shell <= box // 2
    assert np.allclose(ridge[within], 0.3 * shell[within], atol=1e-6)
    assert not ridge[~within].any()


def test_values_per_shell_are_spread_over_its_components():
    spread = on_components(np.arange(5.0), 8)
    assert np.array_equal(spread, np.where(np.rint(radius_of(8)) <= 4, np.rint(radius_of(8)), 0))


@settings(max_examples=15, deadline=None)
@given(volumes(12), volumes(12), st.floats(0.1, 10.0))
def test_the_fsc_of_a_map_with_itself_is_one_whatever_its_scale(first, second, scale):
    a, b = to_fourier(first), to_fourier(second)
    assert np.allclose(fsc(a, np.float32(scale) * a), 1.0, atol=1e-5)
    assert np.allclose(fsc(a, -a), -1.0, atol=1e-5)
    assert np.allclose(fsc(a, b), fsc(b, a), atol=1e-6)
    assert np.abs(fsc(a, b)).max() <= 1.0 + 1e-5


def test_the_fsc_of_nothing_is_zero():
    a = to_fourier(np.random.default_rng(0).normal(size=(8, 8, 8)))
    assert not fsc(a, np.zeros_like(a)).any()


def test_a_ball_leaves_the_origin_out():
    inside = ball(8, 2.0)
    assert not inside[0, 0, 0]
    assert (inside * multiplicity(8)).sum() == 32  # points with 0 < |k| <= 2
