from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings

from subtomo_core.fourier.band import band
from subtomo_core.fourier.grids import padded_grid
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.kernels.interpolate import gather, gather_slopes
from subtomo_core.kernels.slopes import slope
from subtomo_core.orientation.rotations import from_rotation_vectors, random_rotations
from support.numerics import as_parts, blob, phases, trilinear
from support.strategies import seeds, shifts

BOX = 12
SUPPORT = band(BOX, 5.0)
GRID = padded_grid(blob(BOX), 6.0)


def at(values, weights, rotation, shift):
    gradient, hessian = np.empty(6), np.empty((6, 6))
    gain, power = slope(
        GRID,
        SUPPORT.points,
        as_parts(values * SUPPORT.count),
        weights * SUPPORT.count,
        rotation,
        shift,
        BOX,
        gradient,
        hessian,
    )
    return gain - 0.5 * power, gradient, hessian


def moved(rotation, shift, axis, step):
    delta = np.zeros(6)
    delta[axis] = step
    return from_rotation_vectors(delta[:3]) @ rotation, shift + delta[3:]


def noise(seed):
    rng = np.random.default_rng(seed)
    values = SUPPORT.take(to_fourier(rng.normal(size=(BOX,) * 3)))
    return rng, values, rng.uniform(0.1, 1.0, len(values)).astype(np.float32)


def model_at(rotation, shift):
    points = 2.0 * rotation.T @ SUPPORT.points.astype(np.float64)
    return trilinear(GRID, points) * phases(SUPPORT, -shift)


def log_likelihood(values, weights, rotation, shift):
    model = model_at(rotation, shift)
    terms = (values * model.conj()).real - 0.5 * weights * np.abs(model) ** 2
    return float((SUPPORT.count * terms).sum())


def away_from_kinks(rotation):
    """No component lies where rounding to float32 may put it into the next cell."""
    points = 2.0 * rotation.T @ SUPPORT.points.astype(np.float64)
    return bool(np.abs(points - np.rint(points)).min() > 1e-5)


def differences(function, rotation, shift, step=1e-6):
    """Along each of the six parameters, where no kink lies that near."""
    return np.array(
        [
            (
                function(*moved(rotation, shift, a, step))
                - function(*moved(rotation, shift, a, -step))
            )
            / (2 * step)
            for a in range(6)
        ]
    )


@settings(max_examples=10, deadline=None)
@given(seeds(), shifts(2.0))
def test_the_value_is_the_log_likelihood(seed, shift):
    rng, values, weights = noise(seed)
    R = random_rotations(rng, 1)[0]
    value, _, _ = at(values, weights, R, shift)
    assert value == pytest.approx(log_likelihood(values, weights, R, shift), rel=1e-4, abs=1e-3)


@settings(max_examples=10, deadline=None)
@given(seeds(), shifts(2.0))
def test_the_gradient_agrees_with_differences(seed, shift):
    rng, values, weights = noise(seed)
    R = random_rotations(rng, 1)[0]
    assume(away_from_kinks(R))
    _, gradient, _ = at(values, weights, R, shift)
    expected = differences(lambda *pose: log_likelihood(values, weights, *pose), R, shift)
    assert np.allclose(gradient, expected, atol=1e-3 * np.abs(gradient).max())


@settings(max_examples=10, deadline=None)
@given(seeds(), shifts(2.0))
def test_the_curvature_is_exact_where_nothing_is_left_over(seed, shift):
    rng, _, weights = noise(seed)
    R = random_rotations(rng, 1)[0]
    assume(away_from_kinks(R))
    values = (weights * model_at(R, shift)).astype(np.complex64)
    _, gradient, hessian = at(values, weights, R, shift)
    # Samples are kept in float32: the slope at the summit is 0 to their rounding.
    assert np.abs(gradient).max() < 1e-5 * hessian.max()
    assert np.array_equal(hessian, hessian.T)
    slopes = differences(model_at, R, shift)
    expected = ((SUPPORT.count * weights * slopes) @ slopes.conj().T).real
    assert np.allclose(hessian, expected, atol=1e-3 * np.abs(hessian).max())


@settings(max_examples=10, deadline=None)
@given(seeds())
def test_interpolated_slopes_agree_with_differences_in_both_halves(seed):
    rng = np.random.default_rng(seed)
    point, step = rng.uniform(-8, 8, 3), 1e-3
    ways = np.vstack([np.zeros(3), step * np.eye(3), -step * np.eye(3)])
    points = np.ascontiguousarray((point + ways).T, np.float32)
    assume(not (np.diff(np.floor(points), axis=1).any() or np.diff(points[0] < 0).any()))
    values, slopes = np.empty((2, 7), np.float32), np.empty((8, 7), np.float32)
    gather(GRID, points, np.eye(3), 1.0, values)
    gather_slopes(GRID, points, np.eye(3), 1.0, slopes)
    assert np.allclose(slopes[:2], values, atol=1e-6)
    # Within a cell a trilinear function is linear along each axis.
    differences = (values[:, 1:4] - values[:, 4:]) / (2 * step)
    expected = np.stack([slopes[2:4, 0], slopes[4:6, 0], slopes[6:8, 0]], 1)
    assert np.allclose(differences, expected, atol=2e-3 * np.abs(GRID).max())


def test_no_bit_depends_on_where_arrays_lie():
    # A loop which adds and writes is done in vectors or one by one, as arrays lie to each other.
    rng, values, weights = noise(1)
    kept = np.arange(261)  # the last block has five
    points, samples = SUPPORT.points[:, kept].copy(), as_parts(values[kept])
    held, found = [], set()
    for _ in range(3000):
        held.append(np.empty(rng.integers(1, 3000), np.uint8))
        gradient, hessian = np.empty(6), np.empty((6, 6))
        pose = np.eye(3), np.array([0.3, -0.2, 0.1])
        sums = slope(GRID, points, samples, weights[kept], *pose, BOX, gradient, hessian)
        found.add((*sums, gradient.tobytes(), hessian.tobytes()))
    assert len(found) == 1
