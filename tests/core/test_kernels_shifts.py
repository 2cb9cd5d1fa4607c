from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.fourier import band, padded_grid, to_fourier
from subtomo_core.kernels import shifts as kernel
from subtomo_core.rotations import random_rotations
from support.numerics import as_parts, blob, gathered, phases, posed
from support.strategies import seeds
from support.strategies import shifts as shift_vectors

BOX, R_MAX = 12, 5.0
SUPPORT = band(BOX, R_MAX)
TURN = 2.0 * math.pi / BOX


def series(seed):
    """Random Fourier coefficients of the band."""
    rng = np.random.default_rng(seed)
    size = len(SUPPORT.index)
    return (rng.normal(size=size) + 1j * rng.normal(size=size)).astype(np.complex64)


def factors(shifts):
    k = np.arange(-SUPPORT.reach, SUPPORT.reach + 1)
    angle = TURN * k[:, None] * shifts
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def on_grid(product, shifts):
    size = len(shifts)
    out = np.empty((size, size, size), np.float32)
    kernel.transform(
        as_parts(product),
        SUPPORT.columns,
        SUPPORT.starts,
        SUPPORT.points[2],
        *factors(shifts),
        np.empty((2, size), np.float32),
        np.empty((SUPPORT.reach + 1, 2, size, size), np.float32),
        out,
    )
    return out


def climb(product, shift):
    gradient, hessian = np.empty(3), np.empty((3, 3))
    value = kernel.climb(as_parts(product), SUPPORT.points, BOX, shift, gradient, hessian)
    return value, gradient, hessian


@settings(max_examples=10, deadline=None)
@given(seeds())
def test_the_pruned_transform_is_the_direct_sum_over_shifts(seed):
    product, shifts = series(seed), np.array([-2.5, -1.0, 0.0, 0.7, 3.0], np.float32)
    out = on_grid(product, shifts)
    for c, b, a in np.ndindex(out.shape):
        shift = np.array([shifts[c], shifts[b], shifts[a]], np.float64)
        expected = (product * phases(SUPPORT, shift)).sum().real
        assert out[c, b, a] == pytest.approx(float(expected), abs=1e-3)  # float32 of 500 terms


@settings(max_examples=15, deadline=None)
@given(seeds(), shift_vectors(3.0))
def test_value_slope_and_curvature_of_the_series_are_the_direct_sums(seed, shift):
    product = series(seed)
    value, gradient, hessian = climb(product, shift)
    terms = product * phases(SUPPORT, shift)
    k = TURN * SUPPORT.points.T.astype(np.float64)
    assert value == pytest.approx(float(terms.sum().real), abs=1e-3)
    assert np.allclose(gradient, -(k.T @ terms.imag), atol=2e-3)
    assert np.allclose(hessian, -(k.T * terms.real) @ k, atol=5e-3)


@settings(max_examples=20, deadline=None)
@given(seeds(), st.floats(0.5, 4.0))
def test_the_best_cell_is_the_highest_within_reach(seed, reach):
    values = np.random.default_rng(seed).normal(size=(5, 5, 5)).astype(np.float32)
    shifts = np.arange(-2, 3, dtype=np.float32)
    length = np.sqrt(shifts[:, None, None] ** 2 + shifts[:, None] ** 2 + shifts**2)
    allowed = np.where(length <= reach, values, -np.inf)
    top = np.unravel_index(np.argmax(allowed), values.shape)
    assert kernel.best_cell(values, shifts, reach) == top


@settings(max_examples=20, deadline=None)
@given(seeds())
def test_newtons_step_solves_the_equations_on_a_hill(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(3, 3))
    hessian = -(root @ root.T + 0.1 * np.eye(3))
    gradient, step = rng.normal(size=3), np.empty(3)
    assert kernel.newton_step(gradient, hessian, 1e9, step)
    assert np.allclose(step, np.linalg.solve(-hessian, gradient), rtol=1e-6)
    assert kernel.newton_step(gradient, hessian, 1e-3, step)
    assert np.linalg.norm(step) == pytest.approx(1e-3)


@pytest.mark.parametrize("curve", [(1, -1, -1), (-1, 1, -1), (-1, -1, 1), (1, 1, -1), (1, 1, 1)])
def test_newton_takes_no_step_off_a_saddle(curve):
    assert not kernel.newton_step(np.ones(3), np.diag(np.array(curve, float)), 1.0, np.empty(3))


def match(volume, values, weights, rotations, *, shifts, reach):
    count = len(rotations)
    best, gain, power = np.zeros((count, 3)), np.empty(count), np.empty(count)
    kernel.survey(
        padded_grid(volume, R_MAX + 1),
        SUPPORT.points,
        SUPPORT.columns,
        SUPPORT.starts,
        as_parts(values * SUPPORT.count),
        weights * SUPPORT.count,
        rotations,
        *factors(shifts),
        shifts,
        reach,
        BOX,
        np.inf,
        best,
        gain,
        power,
    )
    return best, gain, power


@settings(max_examples=8, deadline=None)
@given(seeds())
def test_matching_agrees_with_direct_sums_at_a_summit(seed):
    rng = np.random.default_rng(seed)
    volume = blob(BOX)
    values = SUPPORT.take(to_fourier(rng.normal(size=(BOX,) * 3)))
    weights = rng.uniform(0.1, 1.0, len(values)).astype(np.float32)
    rotations = random_rotations(rng, 3)
    shifts = np.arange(-4, 5, dtype=np.float32) * np.float32(0.8)
    best, gain, power = match(volume, values, weights, rotations, shifts=shifts, reach=3.0)
    grid = padded_grid(volume, R_MAX + 1)
    for i, R in enumerate(rotations):
        model = gathered(grid, SUPPORT, R)
        product = SUPPORT.count * values * model.conj()

        def correlation(shift, product=product):
            return float((product * phases(SUPPORT, shift)).sum().real)

        scale = float(np.abs(product).sum())
        expected = float((SUPPORT.count * weights * np.abs(model) ** 2).sum())
        assert power[i] == pytest.approx(expected, rel=1e-4)
        assert gain[i] == pytest.approx(correlation(best[i]), abs=1e-4 * scale)
        assert np.linalg.norm(best[i]) <= 3.0 + 1e-6
        steps = np.stack(np.meshgrid(shifts, shifts, shifts), -1).reshape(-1, 3)
        near = steps[np.linalg.norm(steps, axis=1) <= 3.0].astype(np.float64)
        assert gain[i] >= max(correlation(t) for t in near) - 1e-4 * scale


@settings(max_examples=8, deadline=None)
@given(seeds(), shift_vectors(1.5))
def test_the_shift_of_a_noise_free_particle_is_found(seed, shift):
    volume = 10.0 * blob(BOX)  # the climb ends where less than 0.01 is to be gained
    R = random_rotations(np.random.default_rng(seed), 1)
    values = posed(volume, SUPPORT, R[0], shift)
    shifts = np.arange(-4, 5, dtype=np.float32) * np.float32(0.8)
    best, _, _ = match(
        volume, values, np.ones(len(values), np.float32), R, shifts=shifts, reach=3.2
    )
    # Gathering is wrong by 1 %: measured below 0.01 voxel.
    assert np.allclose(best[0], shift, atol=0.02)
