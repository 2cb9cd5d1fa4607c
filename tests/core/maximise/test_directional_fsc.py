"""Directional FSC: the direction that is noisy is told, and no other."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.fourier.gridding import fsc
from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.fourier.shells import radius_of
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.maximise.directional_fsc import (
    anisotropy_warning,
    directional_fsc,
)

BOX, VOXEL = 64, 2.0
MASK = soft_sphere(BOX, BOX / 3)
ALL = np.ones_like(MASK)


def white(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((BOX,) * 3, np.float32)


def structure() -> np.ndarray:
    fall = 8 * np.exp(-0.5 * (radius_of(BOX) / (BOX / 6)) ** 2)
    return to_real(to_fourier(white(0)) * fall.astype(np.float32))


def cone(axis: int, half_angle: float = 35.0) -> np.ndarray:
    """Components about x (0), y (1) or z (2)."""
    full = np.fft.fftfreq(BOX, 1 / BOX)
    z, y, x = np.meshgrid(full, full, np.arange(BOX // 2 + 1), indexing="ij")
    along = np.abs((x, y, z)[axis])
    return along >= np.cos(np.radians(half_angle)) * np.maximum(radius_of(BOX), 1.0)


def halves(noisy: np.ndarray | None = None) -> list[np.ndarray]:
    """One structure with noise, eight times stronger in some components."""
    gain = np.ones(1, np.float32) if noisy is None else np.where(noisy, 8, 1).astype(np.float32)
    return [structure() + to_real(to_fourier(white(k)) * gain) for k in (1, 2)]


@pytest.mark.parametrize("mask", [MASK, ALL])
def test_isotropic_noise_gives_equal_curves(mask: np.ndarray):
    found = directional_fsc(*halves(), mask, VOXEL)
    d = found.resolution_angstrom
    assert d.std() < 0.06 * np.median(d)
    assert found.sphericity > 0.95
    assert found.area_ratio > 0.85
    assert anisotropy_warning(found) is None
    # Where the whole curve is high each one is, and their mean is about it.
    np.testing.assert_allclose(found.curves.mean(0)[:20], found.whole[:20], atol=0.03)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_noisy_axis_is_the_coarsest(axis: int):
    found = directional_fsc(*halves(cone(axis)), MASK, VOXEL)
    along = np.abs(found.directions[:, axis])
    assert along[found.coarsest] > np.cos(np.radians(20.0))
    within, beyond = along > np.cos(np.radians(15)), along < np.cos(np.radians(55 + 5))
    d = found.resolution_angstrom
    assert d[within].min() > d[beyond].max()
    assert np.median(d[within]) > 1.5 * d[beyond].max()
    assert found.area_ratio < 0.5
    assert found.strong
    assert found.sphericity < 0.9
    warning = anisotropy_warning(found)
    assert warning is not None
    assert f"along {'xyz'[axis]}," in warning


def test_a_curve_runs_over_the_components_of_its_cone():
    first, second = halves()
    slanted = np.array([[0.6, 0.0, 0.8]])
    axes = np.concatenate([slanted, np.eye(3)])
    found = directional_fsc(first, second, ALL, VOXEL, axes)
    full = np.fft.fftfreq(BOX, 1 / BOX)
    z, _, x = np.meshgrid(full, full, np.arange(BOX // 2 + 1), indexing="ij")
    dot = np.abs(0.6 * x + 0.8 * z)
    inside = dot >= np.cos(np.radians(20.0)) * np.maximum(radius_of(BOX), 1e-3)
    curve = fsc(to_fourier(first) * inside, to_fourier(second) * inside)
    # Up to the shell where phases are random the curve is that under the mask, as it stands.
    np.testing.assert_allclose(found.curves[0, 10:14], curve[10:14], atol=2e-3)


def test_alike_halves_are_at_nyquist_along_all_directions():
    found = directional_fsc(structure(), 3 * structure(), ALL, VOXEL)
    np.testing.assert_allclose(found.resolution_angstrom, 2 * VOXEL)
    assert found.sphericity == pytest.approx(1.0)
    assert found.area_ratio == pytest.approx(1.0)


@pytest.mark.parametrize("box", [16, 24])
def test_chance_in_small_boxes_is_no_anisotropy(box: int):
    """Halves alike up to shell 3, and beyond it in half of their power, along all directions."""
    mask, seen = soft_sphere(box, 0.4 * box), []
    near = np.where(radius_of(box) < 3.5, 0.2, 1.0).astype(np.float32)
    for seed in range(12):
        common, *noise = np.random.default_rng(seed).standard_normal((3, box, box, box))
        first, second = (common + to_real(to_fourier(own) * near) for own in noise)
        found = directional_fsc(first.astype(np.float32), second.astype(np.float32), mask, VOXEL)
        assert not found.strong
        seen.append(found.areas.std() / found.chance)
    assert np.mean(seen) == pytest.approx(1.0, abs=0.35)


def test_of_noise_nothing_is_told():
    warning = anisotropy_warning(directional_fsc(white(1), white(2), MASK, VOXEL))
    assert warning is not None
    assert "too few shells" in warning


def test_large_boxes_are_refused():
    with pytest.raises(InputError, match="258 voxels"):
        directional_fsc(*(np.zeros((258, 1, 1), np.float32),) * 3, VOXEL)
