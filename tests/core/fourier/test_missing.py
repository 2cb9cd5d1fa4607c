from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.fourier.missing import observed, observed_at
from subtomo_core.fourier.nufft import frequencies
from subtomo_core.fourier.shells import radius_of
from subtomo_core.spec.missing_region import Complete, Cone, Pyramid, Wedge, Weights
from support.strategies import regions, volumes, wedges


@settings(max_examples=30, deadline=None)
@given(regions(), volumes(16), st.sampled_from([15, 16]))
def test_cutting_a_region_is_real_and_done_once(region, volume, box):
    """A mask which is not Hermitian would make the volume complex, and change when repeated."""
    mask = observed(region, box)
    F = np.fft.rfftn(volume[:box, :box, :box])
    cut = np.fft.irfftn(F * mask, s=(box,) * 3, axes=(0, 1, 2))
    assert np.allclose(np.fft.rfftn(cut), F * mask, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(wedges())
def test_share_of_a_wedge_is_its_tilt_range(wedge):
    box = 48
    mask = observed(wedge, box)
    inner = radius_of(box) < box / 2 - 1
    count = np.where(np.arange(box // 2 + 1) > 0, 2.0, 1.0) * inner
    share = (mask * count).sum() / count.sum()
    expected = (wedge.tilt_max_deg - wedge.tilt_min_deg) / 180.0
    # A range which begins in the plane z = 0 holds all of it: half a pixel too much.
    assert share == pytest.approx(expected, abs=0.035)


@given(regions())
def test_formula_and_mask_agree_below_nyquist(region):
    box = 12
    mask, k = observed(region, box), frequencies(box)
    below = (np.abs(k) < box / 2).all(-1)
    assert np.array_equal(mask[below] > 0, observed_at(region, k[below]))


@given(regions())
def test_opposite_frequencies_are_observed_alike_and_length_does_not_matter(region):
    k = np.random.default_rng(0).normal(size=(200, 3))
    k[:20, 0] = k[20:40, 1] = k[40:60, 2] = 0.0
    at = observed_at(region, k)
    assert np.array_equal(at, observed_at(region, -k))
    assert np.array_equal(at, observed_at(region, 7.3 * k))


def test_an_asymmetric_wedge_is_seen_on_the_right_side():
    wedge = Wedge(tilt_min_deg=-50.0, tilt_max_deg=70.0)
    at = lambda degrees: (np.cos(np.radians(degrees)), 0.3, np.sin(np.radians(degrees)))  # noqa: E731
    inside, outside = [-49.0, 0.0, 69.0], [-51.0, 71.0, 90.0]
    assert observed_at(wedge, [at(a) for a in inside]).all()
    assert not observed_at(wedge, [at(a) for a in outside]).any()


def test_the_tilt_axis_itself_is_observed_and_the_beam_is_not():
    mask = observed(Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0), 16)
    assert (mask[0, 1:, 0] == 1).all()
    assert (mask[1:, 0, 0] == 0).all()
    assert (mask[1:, :, 0] == 0).all()
    about_x = observed(Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0, axis="x"), 16)
    assert (about_x[0, 0, 1:] == 1).all()
    assert (about_x[1:, 0, :8] == 0).all()


def test_a_full_tilt_range_misses_nothing():
    full = observed(Wedge(tilt_min_deg=-90.0, tilt_max_deg=90.0), 16)
    assert np.array_equal(full, observed(Complete(), 16))
    assert full.sum() == full.size - 1


def test_a_pyramid_is_the_union_of_two_wedges():
    first = observed(Wedge(tilt_min_deg=-60.0, tilt_max_deg=50.0), 16)
    second = observed(Wedge(tilt_min_deg=-40.0, tilt_max_deg=55.0, axis="x"), 16)
    both = Pyramid(
        tilt_min_deg=-60.0, tilt_max_deg=50.0, second_tilt_min_deg=-40.0, second_tilt_max_deg=55.0
    )
    inner = (np.abs(frequencies(16)) < 8).all(-1)
    assert np.array_equal(observed(both, 16)[inner], np.maximum(first, second)[inner])


@pytest.mark.parametrize("angle", [20.0, 30.0, 45.0])
def test_a_cone_misses_its_share_of_the_sphere(angle):
    k = np.random.default_rng(0).normal(size=(40_000, 3))
    share = observed_at(Cone(half_angle_deg=angle), k).mean()
    assert share == pytest.approx(np.cos(np.radians(angle)), abs=0.01)


def test_the_mean_is_never_observed():
    assert observed(Complete(), 8)[0, 0, 0] == 0
    assert not observed_at(Complete(), np.zeros(3))


def test_weights_have_no_formula():
    with pytest.raises(ValueError, match="come with the particles"):
        observed(Weights(), 8)
