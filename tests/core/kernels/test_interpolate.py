from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.fourier.band import band
from subtomo_core.fourier.gridding import fold
from subtomo_core.fourier.grids import padded_grid
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.kernels.interpolate import gather, scatter, shift_back
from subtomo_core.kernels.residuals import residuals
from support.numerics import as_parts, blob, gathered, inner, phases
from support.strategies import rotations, seeds, shifts


def scattered(support, values, weights, R, *, shift=(0.0, 0.0, 0.0), probability=1.0):
    c = 2 * support.reach + 3
    numerator = np.zeros((2 * c + 1, 2 * c + 1, c + 1, 2), np.float32)
    denominator = np.zeros(numerator.shape[:3], np.float32)
    parts = as_parts(values * support.count * 0.5)
    moved = np.empty_like(parts)
    shift_back(support.points, parts, np.array(shift), support.box, moved)
    scatter(
        numerator,
        denominator,
        support.points,
        moved,
        (weights * support.count * 0.5).astype(np.float32),
        R,
        probability,
    )
    return numerator.view(np.complex64)[..., 0], denominator


def hermitian(support, rng):
    """Components of a real volume's transform in the band."""
    volume = rng.normal(size=(support.box,) * 3).astype(np.float32)
    return support.take(to_fourier(volume))


def without_nyquist(volume):
    box = volume.shape[0]
    transform = to_fourier(volume)
    transform[box // 2], transform[:, box // 2], transform[:, :, box // 2] = 0, 0, 0
    return to_real(transform)


@settings(max_examples=20, deadline=None)
@given(rotations(), seeds())
def test_gather_and_scatter_are_transposes(R, seed):
    # At this radius the scattered grid folds over exactly the box's own voxels.
    rng, support = np.random.default_rng(seed), band(16, 6.0)
    volume = without_nyquist(rng.normal(size=(16, 16, 16)).astype(np.float32))
    values = hermitian(support, rng)
    left = (support.count * gathered(padded_grid(volume, 7.0), support, R) * values.conj()).real
    numerator, _ = scattered(support, values, np.ones(len(values)), R)
    right = inner(to_fourier(volume), fold(numerator, 16))
    scale = float(np.linalg.norm(volume) * np.linalg.norm(values))
    assert float(left.sum()) == pytest.approx(right, abs=1e-4 * scale)


@settings(max_examples=10, deadline=None)
@given(rotations(), seeds())
def test_they_stay_so_in_a_larger_box(R, seed):
    # Folding samples the trilinear kernel at fewer voxels than the box has. Measured: below 1e-3.
    rng, support = np.random.default_rng(seed), band(24, 6.0)
    volume = blob(24)
    values = hermitian(support, rng)
    left = (support.count * gathered(padded_grid(volume, 7.0), support, R) * values.conj()).real
    numerator, _ = scattered(support, values, np.ones(len(values)), R)
    right = inner(to_fourier(volume), fold(numerator, 24))
    scale = float(np.linalg.norm(volume) * np.linalg.norm(values))
    assert float(left.sum()) == pytest.approx(right, abs=2e-3 * scale)


@settings(max_examples=10, deadline=None)
@given(rotations(), shifts(3.0), seeds())
def test_scattering_undoes_the_shift_and_counts_the_probability(R, shift, seed):
    rng, support = np.random.default_rng(seed), band(16, 6.0)
    values = hermitian(support, rng)
    moved = (values * phases(support, -shift)).astype(np.complex64)
    weights = rng.random(len(values))
    at_home, mass = scattered(support, values, weights, R)
    found, part = scattered(support, moved, weights, R, shift=shift, probability=0.25)
    assert np.allclose(found, 0.25 * at_home, atol=1e-5 * np.abs(values).max())
    assert np.allclose(part, 0.25 * mass, atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(rotations(), seeds())
def test_scattering_loses_no_mass(R, seed):
    support = band(16, 6.0)
    weights = np.random.default_rng(seed).random(len(support.index)).astype(np.float32)
    _, mass = scattered(support, weights.astype(np.complex64), weights, R)
    assert mass.sum() == pytest.approx(float((0.5 * weights * support.count).sum()), rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(rotations())
def test_a_linear_transform_is_gathered_exactly(R):
    # 1 + i a.k is the same at -k but for the sign of i: trilinear interpolation is exact on it.
    slope = np.array([0.3, -0.7, 0.5])
    u, v, w = np.arange(9.0), np.arange(-8.0, 9.0), np.arange(-8.0, 9.0)
    grid = np.ones((17, 17, 9, 2), np.float32)
    grid[..., 1] = slope[0] * u + slope[1] * v[:, None] + slope[2] * w[:, None, None]
    points = np.random.default_rng(0).uniform(-3, 3, (3, 50)).astype(np.float32)
    out = np.empty((2, 50), np.float32)
    gather(grid, points, R, 1.0, out)
    assert np.allclose(out[0], 1.0, atol=1e-5)
    assert np.allclose(out[1], points.T @ R @ slope, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(rotations(), shifts(2.0), seeds())
def test_residuals_are_the_squared_distance(R, shift, seed):
    rng, support = np.random.default_rng(seed), band(12, 5.0)
    grid = padded_grid(rng.normal(size=(12,) * 3).astype(np.float32), 6.0)
    values = hermitian(support, rng)
    weights = rng.uniform(0.2, 1.0, len(values)).astype(np.float32)
    out = np.ones(7)
    residuals(
        grid,
        support.points,
        as_parts(values * support.count),
        weights * support.count,
        support.shell,
        np.stack([R, R, np.eye(3)]),
        np.stack([shift] * 3),
        np.array([0.3, 0.2, 0.0]),
        12,
        out,
    )
    model = gathered(grid, support, R) * phases(support, -shift)
    distance = np.abs(values - weights * model) ** 2 / weights - np.abs(values) ** 2 / weights
    expected = 1.0 + 0.5 * np.bincount(support.shell, support.count * distance, minlength=7)
    assert np.allclose(out, expected, atol=1e-4 * np.abs(expected).max())
