from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.fourier.shells import radius_of, soft_edge
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.maximise.half_map_fsc import (
    corrected_for_mask,
    half_curves,
    phases_randomised,
    reliable_shell,
)

BOX = 32


def noise(seed, sigma=1.0):
    return np.random.default_rng(seed).normal(0, sigma, (BOX,) * 3).astype(np.float32)


def shells():
    return np.rint(radius_of(BOX))


def test_random_phases_keep_amplitudes_and_what_lies_below():
    transform = to_fourier(noise(0))
    turned = phases_randomised(transform, 5, 0)
    assert np.allclose(np.abs(turned), np.abs(transform), rtol=1e-4, atol=1e-5)
    below = shells() < 5
    assert turned[below].tobytes() == transform[below].tobytes()
    # The transform of a real map: going there and back changes nothing.
    assert np.allclose(to_fourier(to_real(turned)), turned, atol=1e-4)
    cosine = (turned * np.conj(transform)).real / np.abs(transform) ** 2
    assert abs(cosine[~below].mean()) < 5 / np.sqrt((~below).sum())


def test_random_phases_are_always_the_same_and_differ_between_halves():
    transform = to_fourier(noise(0))
    one, again, other = (phases_randomised(transform, 3, half) for half in (0, 0, 1))
    assert one.tobytes() == again.tobytes()
    beyond = shells() >= 3
    product = (one * np.conj(other)).real / np.abs(transform) ** 2
    assert abs(product[beyond].mean()) < 5 / np.sqrt(beyond.sum())


def test_the_correction_is_the_published_one():
    masked = np.array([1.0, 0.95, 0.9, 0.8, 0.6, 0.5, 0.3])
    random = np.array([1.0, 0.95, 0.4, 0.4, 0.2, 0.5, 0.4])
    corrected = corrected_for_mask(masked, random, 2)
    expected = [1.0, 0.95, 0.9, 0.8, 0.5, 0.0, -0.1 / 0.6]
    assert corrected == pytest.approx(expected)


def test_phases_are_random_from_where_the_halves_disagree():
    assert reliable_shell(np.array([0.0, 0.9, 0.85, 0.7, 0.9])) == 3
    assert reliable_shell(np.array([1.0, 0.1])) == 1
    assert reliable_shell(np.ones(4)) == 4


def test_what_a_sharp_mask_makes_agree_is_taken_away():
    # Halves which agree in six shells and nowhere else, under a small hard mask.
    common = to_real(to_fourier(noise(1)) * (shells() <= 5)) * np.float32(30.0)
    mask = soft_sphere(BOX, 5.0, 0.0)
    curves = half_curves(common + noise(2), common + noise(3), mask)
    beyond = slice(9, BOX // 2)
    assert curves.masked[beyond].mean() > 0.5
    assert abs(curves.unmasked[beyond].mean()) < 0.05
    assert abs(curves.corrected[beyond].mean()) < 0.25
    assert curves.phase_randomised[beyond].mean() > 0.5
    assert curves.corrected[1:6].min() > 0.9


@pytest.mark.parametrize("snr", [0.5, 2.0])
def test_signal_at_all_shells_stays_under_a_wide_soft_mask(snr):
    common = noise(4, np.sqrt(snr))
    mask = soft_sphere(BOX, 12.0, 6.0)
    curves = half_curves(common + noise(5), common + noise(6), mask)
    inner = slice(4, BOX // 2)
    expected = snr / (1 + snr)
    assert curves.masked[inner].mean() == pytest.approx(expected, abs=0.06)
    assert curves.corrected[inner].mean() == pytest.approx(expected, abs=0.06)


def test_the_same_maps_agree_fully_and_nothing_is_corrected():
    soft = to_real(to_fourier(noise(7)) * soft_edge(radius_of(BOX), 8.0))
    curves = half_curves(soft, soft, soft_sphere(BOX, 10.0))
    assert np.allclose(curves.corrected[1:7], 1.0, atol=1e-5)
    assert not curves.cut(5.0).corrected[6:].any()
    assert np.array_equal(curves.cut(5.0).masked[:6], curves.masked[:6])


def test_empty_halves_give_zeros():
    empty = np.zeros((BOX,) * 3, np.float32)
    for curve in half_curves(empty, empty, soft_sphere(BOX, 10.0)):
        assert not curve.any()
