"""B-factors and weights: what was blurred by a known B is told, and brought back."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.fourier.level_mask import level_mask
from subtomo_core.fourier.masks import radii
from subtomo_core.fourier.sharpening import fsc_weights, guinier, sharpened
from subtomo_core.fourier.shells import radius_of
from subtomo_core.fourier.transforms import to_fourier, to_real

BOX, VOXEL = 48, 2.0
EXTENT = BOX * VOXEL
ALL = np.ones(BOX // 2 + 1)


def point(b_factor: float = 0.0) -> np.ndarray:
    """A point, whose amplitudes are all alike, blurred by a B-factor."""
    volume = np.zeros((BOX,) * 3, np.float32)
    volume[(BOX // 2,) * 3] = 1.0
    fall = np.exp(-b_factor / 4 * (radius_of(BOX) / EXTENT) ** 2)
    return to_real(to_fourier(volume) * fall.astype(np.float32))


@pytest.mark.parametrize("b_factor", [0.0, 80.0, 200.0])
def test_the_b_factor_of_a_blurred_point_is_told(b_factor):
    found = guinier(point(b_factor), ALL, VOXEL)
    assert found.b_factor == pytest.approx(-b_factor, abs=3.0)
    assert found.resolution_angstrom == pytest.approx(2 * VOXEL)


def test_sharpening_brings_a_blurred_point_back():
    back, plain = sharpened(point(200.0), ALL, VOXEL, -200.0), sharpened(point(), ALL, VOXEL)
    np.testing.assert_allclose(back, plain, atol=1e-3 * plain.max())
    assert point(200.0).max() < 0.3 * plain.max()


def test_shells_that_halves_do_not_share_are_left_out():
    fsc = np.where(np.arange(BOX // 2 + 1) < 12, 1.0, 0.0)
    kept = np.abs(to_fourier(sharpened(point(), fsc, VOXEL, -300.0)))
    assert kept[radius_of(BOX) > 14].max() < 1e-6
    # Too few shells between 10 Å and the resolution of 8 Å: nothing is told.
    assert guinier(point(80.0), fsc, VOXEL).b_factor is None


def test_weights_are_the_correlation_with_the_truth():
    """Halves of signal S and noise N each: F = S/(S+N), and r^2 = S/(S + N/2)."""
    snr = np.array([0.0, 0.1, 1.0, 50.0])
    np.testing.assert_allclose(fsc_weights(snr / (snr + 1)) ** 2, snr / (snr + 0.5))
    assert fsc_weights(np.array([-0.4]))[0] == 0.0


def test_a_mask_is_one_about_what_is_above_the_level():
    distance = radii(BOX)
    volume = (distance < 8.0).astype(np.float32)
    volume[2, 2, 2] = 1.0  # dust
    mask = level_mask(volume, 2.0, extend=3.0, edge=4.0)
    assert mask[distance < 10.5].min() == pytest.approx(1.0, abs=0.05)
    assert mask[distance > 15.5].max() == 0.0
    np.testing.assert_allclose(mask[np.abs(distance - 12.5) < 0.3], 0.5, atol=0.25)
    assert (level_mask(volume, 2.0, 0.0, 0.0) == (distance < 8.0)).all()


@pytest.mark.parametrize(("level", "extend", "words"), [(99, 0, "lower"), (2, 16, "faces")])
def test_masks_of_nothing_and_of_everything_are_refused(level, extend, words):
    with pytest.raises(InputError, match=words):
        level_mask((radii(BOX) < 8.0).astype(np.float32), level, extend, 4.0)
