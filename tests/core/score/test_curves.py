from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.fourier.shells import radius_of
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.score import (
    band_of,
    correlation,
    fsc,
    r_in_band,
    resolution_angstrom,
)
from support.strategies import volumes

BOX = 16


def noise(seed):
    return np.random.default_rng(seed).normal(size=(BOX,) * 3).astype(np.float32)


def brute_fsc(a, b, shell):
    """From the whole complex transform, component by component."""
    F, G = (np.fft.fftshift(np.fft.fftn(v)) for v in (a, b))
    axis = np.arange(BOX) - BOX // 2
    r = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    at = np.rint(r) == shell
    return (F[at] * G[at].conj()).sum().real / np.sqrt(
        (np.abs(F[at]) ** 2).sum() * (np.abs(G[at]) ** 2).sum()
    )


@settings(max_examples=10, deadline=None)
@given(volumes(BOX), volumes(BOX))
def test_fsc_is_that_of_the_whole_transform(a, b):
    curve = fsc(a, a + 0.7 * b)
    assert len(curve) == BOX // 2 + 1
    expected = [brute_fsc(a, a + 0.7 * b, shell) for shell in range(BOX // 2 + 1)]
    assert np.allclose(curve, expected, atol=1e-5)


@given(volumes(BOX))
def test_a_map_agrees_with_itself_at_any_scale(a):
    assert np.allclose(fsc(a, 3 * a), 1.0, atol=1e-5)
    assert np.allclose(fsc(a, -a), -1.0, atol=1e-5)
    assert correlation(a, 2 * a + 5) == pytest.approx(1.0, abs=1e-5)


def test_empty_shells_count_as_nothing():
    low = to_real(to_fourier(noise(0)) * (radius_of(BOX) < 4.5))
    curve = fsc(low, np.zeros_like(low))
    assert (curve == 0).all()


def test_resolution_is_linear_between_shells():
    curve = [1.0, 0.9, 0.7, 0.3, 0.1]
    assert resolution_angstrom(curve, 0.5, 100.0) == pytest.approx(100 / 2.5)
    assert resolution_angstrom(curve, 0.143, 100.0) == pytest.approx(100 / (3 + 0.157 / 0.2))
    assert resolution_angstrom(curve, 0.05, 100.0) == pytest.approx(25.0)
    assert resolution_angstrom([1.0, 0.2, 0.9], 0.5, 100.0) == 100.0
    assert resolution_angstrom([-1.0, 0.9, 0.2], 0.5, 70.0) < 70.0
    assert resolution_angstrom(np.ones(8), 0.5, 100.0) == pytest.approx(100 / 7)
    assert resolution_angstrom(np.zeros(8), 0.5, 100.0) == 100.0


def test_correlation_under_a_mask_does_not_see_outside():
    a, mask = noise(1), soft_sphere(BOX, 5.0, 0.0)
    spoiled = np.where(mask > 0, a, noise(2) * 100)
    assert correlation(a, spoiled, mask) == pytest.approx(1.0)
    assert correlation(a, spoiled) < 0.5
    assert correlation(a, np.ones_like(a)) == 0.0


def test_band_ends_where_the_curve_first_falls():
    band = band_of([1.0, 0.9, 0.6, 0.4, 0.8])
    assert band.tolist() == [False, True, True, False, False]


def test_r_in_band_sees_its_shells_only():
    a, b = noise(3), noise(4)
    low = radius_of(BOX) < 4.5
    mixed = to_real(np.where(low, to_fourier(a), to_fourier(b)))
    shells = np.arange(BOX // 2 + 1)
    assert r_in_band(a, mixed, (shells > 0) & (shells <= 4)) == pytest.approx(1.0, abs=1e-5)
    assert abs(r_in_band(a, mixed, shells >= 6)) < 0.1
    assert r_in_band(a, a, np.zeros(9, bool)) == 0.0
