from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.fourier import band, padded_grid, to_fourier
from subtomo_core.kernels.interpolate import corner
from subtomo_core.kernels.slopes import corner_slope, slope
from subtomo_core.rotations import from_rotation_vectors, random_rotations
from support.numerics import as_pairs, blob, gathered, phases
from support.strategies import seeds, shifts

BOX = 12
SUPPORT = band(BOX, 5.0)
GRID = padded_grid(blob(BOX), 6.0)


def at(values, weights, rotation, shift):
    gradient, hessian = np.empty(6), np.empty((6, 6))
    value = slope(
        GRID,
        SUPPORT.points,
        as_pairs(values * SUPPORT.count),
        weights * SUPPORT.count,
        rotation,
        shift,
        BOX,
        np.empty(8),
        np.empty((6, 2)),
        gradient,
        hessian,
    )
    return value, gradient, hessian


def moved(rotation, shift, axis, step):
    delta = np.zeros(6)
    delta[axis] = step
    return from_rotation_vectors(delta[:3]) @ rotation, shift + delta[3:]


def noise(seed):
    rng = np.random.default_rng(seed)
    values = SUPPORT.take(to_fourier(rng.normal(size=(BOX,) * 3)))
    return rng, values, rng.uniform(0.1, 1.0, len(values)).astype(np.float32)


@settings(max_examples=10, deadline=None)
@given(seeds(), shifts(2.0))
def test_the_value_is_the_log_likelihood(seed, shift):
    rng, values, weights = noise(seed)
    R = random_rotations(rng, 1)[0]
    value, _, _ = at(values, weights, R, shift)
    model = gathered(GRID, SUPPORT, R)
    gain = (SUPPORT.count * values * phases(SUPPORT, shift) * model.conj()).real.sum()
    power = (SUPPORT.count * weights * np.abs(model) ** 2).sum()
    assert value == pytest.approx(float(gain - 0.5 * power), rel=1e-4, abs=1e-3)


@settings(max_examples=10, deadline=None)
@given(seeds(), shifts(2.0))
def test_the_gradient_agrees_with_differences(seed, shift):
    # Random rotations: none lies on a kink of the interpolation within a step of 1e-6.
    rng, values, weights = noise(seed)
    R, step = random_rotations(rng, 1)[0], 1e-6
    _, gradient, _ = at(values, weights, R, shift)
    for axis in range(6):
        ahead, _, _ = at(values, weights, *moved(R, shift, axis, step))
        behind, _, _ = at(values, weights, *moved(R, shift, axis, -step))
        difference = (ahead - behind) / (2 * step)
        assert gradient[axis] == pytest.approx(difference, abs=1e-3 * np.abs(gradient).max())


@settings(max_examples=10, deadline=None)
@given(seeds(), shifts(2.0))
def test_the_curvature_is_exact_where_nothing_is_left_over(seed, shift):
    rng, _, weights = noise(seed)
    R, step = random_rotations(rng, 1)[0], 1e-6
    values = weights * gathered(GRID, SUPPORT, R) * phases(SUPPORT, -shift)
    _, gradient, hessian = at(values, weights, R, shift)
    # Samples are kept in float32: the slope at the summit is 0 to their rounding.
    assert np.abs(gradient).max() < 1e-5 * hessian.max()
    assert np.array_equal(hessian, hessian.T)
    for axis in range(6):
        _, ahead, _ = at(values, weights, *moved(R, shift, axis, step))
        _, behind, _ = at(values, weights, *moved(R, shift, axis, -step))
        difference = -(ahead - behind) / (2 * step)
        assert np.allclose(hessian[axis], difference, atol=1e-3 * np.abs(hessian).max())


@settings(max_examples=10, deadline=None)
@given(seeds())
def test_slopes_of_one_interpolated_value_agree_with_differences_in_both_halves(seed):
    rng = np.random.default_rng(seed)
    c = (GRID.shape[0] - 1) // 2
    point, out, step = rng.uniform(-8, 8, 3), np.empty(8), 1e-6
    corner_slope(GRID, *point, c, out)
    assert np.allclose(out[:2], corner(GRID, *point, c), atol=1e-6)
    for axis in range(3):
        delta = np.zeros(3)
        delta[axis] = step
        ahead = np.array(corner(GRID, *(point + delta), c))
        behind = np.array(corner(GRID, *(point - delta), c))
        assert np.allclose(
            out[2 + 2 * axis : 4 + 2 * axis],
            (ahead - behind) / (2 * step),
            atol=1e-4 * np.abs(GRID).max(),
        )
