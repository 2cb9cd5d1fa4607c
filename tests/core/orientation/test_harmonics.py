from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.special import sph_harm_y

from subtomo_core.fourier.grids import half_grid
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.kernels.shells import legendre
from subtomo_core.orientation.harmonics import analyse, at_rotations, correlate, in_halves, sphere
from subtomo_core.orientation.rotations import from_euler, to_euler
from support.numerics import on_euler_grid
from support.strategies import rotations, seeds

L = 6
TABLES = sphere(L)


def random_harmonics(rng, shells, *, even=False):
    """Coefficients [s, l, m >= 0] of real functions."""
    values = rng.normal(size=(shells, L, L)) + 1j * rng.normal(size=(shells, L, L))
    values[:, :, 0] = values[:, :, 0].real
    values *= np.tri(L)
    if even:
        values[:, 1::2] = 0.0
    return values


def as_pairs(values):
    return np.stack([values.real, values.imag], -1).astype(np.float32)


def as_rows(values):
    """Harmonics [s, l, m] as the engine keeps them: [s, l, real or imaginary, m]."""
    return np.stack([values.real, values.imag], -2).astype(np.float32)


def synthesise(harmonics, directions):
    """Values (shells, ...) of real functions at unit vectors (..., 3)."""
    theta = np.arccos(np.clip(directions[..., 2], -1, 1))
    phi = np.arctan2(directions[..., 1], directions[..., 0])
    total = np.zeros((len(harmonics), *theta.shape))
    for degree in range(L):
        for m in range(degree + 1):
            wave = sph_harm_y(degree, m, theta, phi)
            part = (harmonics[:, degree, m].reshape(-1, *[1] * theta.ndim) * wave).real
            total += part if m == 0 else 2.0 * part
    return total


def quadrature(count):
    """Directions (T, P, 3) and weights (T, P) exact for products of degree below ``2 count``."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    phi = np.pi * np.arange(2 * count) / count
    sine = np.sqrt(1 - nodes**2)
    directions = np.stack(
        np.broadcast_arrays(
            sine[:, None] * np.cos(phi), sine[:, None] * np.sin(phi), nodes[:, None]
        ),
        -1,
    )
    return directions, np.broadcast_to(weights[:, None] * np.pi / count, (count, 2 * count))


@settings(max_examples=10, deadline=None)
@given(seeds())
def test_analysis_gives_back_the_coefficients_of_scipys_harmonics(seed):
    expected = random_harmonics(np.random.default_rng(seed), 2)
    nodes = np.polynomial.legendre.leggauss(L)[0][::-1]
    phi = np.pi * np.arange(2 * L) / L
    sine = np.sqrt(1 - nodes**2)
    directions = np.stack(
        np.broadcast_arrays(
            sine[:, None] * np.cos(phi), sine[:, None] * np.sin(phi), nodes[:, None]
        ),
        -1,
    )
    rings = np.fft.rfft(synthesise(expected, directions), axis=-1)[:, :, :L]
    found = np.zeros((2, L, 2, L), np.float32)
    legendre(as_pairs(rings), TABLES.legendre, found)
    assert np.allclose(found, as_rows(expected), atol=1e-5)
    assert np.allclose(TABLES.north, directions[: L // 2], atol=1e-6)


def test_the_harmonics_of_a_linear_transform_are_known():
    # F = 1 + i a.k: Hartley values 1 + r a.u, exact under trilinear interpolation.
    a = np.array([0.3, -0.7, 0.5])
    u, v, w = np.arange(9.0), np.arange(-8.0, 9.0), np.arange(-8.0, 9.0)
    grid = np.ones((17, 17, 9, 2), np.float32)
    grid[..., 1] = a[0] * u + a[1] * v[:, None] + a[2] * w[:, None, None]
    radii = np.array([1.0, 2.5, 5.0], np.float32)
    found = np.array([1, 1j]) @ analyse(grid, radii, 1.0, TABLES)
    expected = np.zeros_like(found)
    expected[:, 0, 0] = math.sqrt(4 * math.pi)
    expected[:, 1, 0] = radii * a[2] * math.sqrt(4 * math.pi / 3)
    expected[:, 1, 1] = -radii * (a[0] - 1j * a[1]) * math.sqrt(2 * math.pi / 3)
    assert np.allclose(found, expected, atol=1e-5)
    half = np.array([1, 1j]) @ analyse(
        grid, radii / 2, 2.0, TABLES
    )  # the padding scales the radius
    assert np.allclose(half, expected, atol=1e-5)


def test_magnitudes_have_even_degrees_only():
    grid = half_grid(to_fourier(np.random.default_rng(0).normal(size=(16,) * 3)), 6)
    magnitude = np.zeros_like(grid)
    magnitude[..., 0] = np.hypot(grid[..., 0], grid[..., 1])
    found = analyse(magnitude, np.array([3.0, 5.0], np.float32), 1.0, TABLES)
    assert np.abs(found[:, 1::2]).max() < 1e-5 * np.abs(found).max()
    assert np.abs(found[:, 2::2]).max() > 1e-2 * np.abs(found).max()


def test_the_layout_of_correlations_is_that_of_an_euler_grid():
    values = np.random.default_rng(1).normal(size=(L + 1, 2 * L, 2 * L)).astype(np.float32)
    assert np.array_equal(on_euler_grid(in_halves(values)), values)


def test_a_correlation_is_read_off_at_rotations():
    """Exact on its grid, the mean of neighbours halfway between them."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(L + 1, 2 * L, 2 * L)).astype(np.float32)
    j, k, i = rng.integers([1, 0, 0], [L - 1, 2 * L, 2 * L], (20, 3)).T
    angles = np.stack([k, j, i], -1) * 180.0 / L
    found = at_rotations(in_halves(values), from_euler(angles), L)
    assert np.allclose(found, values[j, k, i], atol=1e-4)
    between = from_euler(angles + np.array([0.0, 0.5, 0.0]) * 180.0 / L)
    halfway = (values[j, k, i] + values[j + 1, k, i]) / 2
    assert np.allclose(at_rotations(in_halves(values), between, L), halfway, atol=1e-4)


def wigner(degree, row, column, beta):
    """Wigner's explicit sum for ``d^l_row,column``."""
    f = math.factorial
    front = math.sqrt(f(degree + row) * f(degree - row) * f(degree + column) * f(degree - column))
    total = 0.0
    for s in range(max(0, column - row), min(degree + column, degree - row) + 1):
        below = f(degree + column - s) * f(s) * f(row - column + s) * f(degree - row - s)
        cosines = math.cos(beta / 2) ** (2 * degree + column - row - 2 * s)
        sines = math.sin(beta / 2) ** (row - column + 2 * s)
        total += (-1) ** (row - column + s) * front / below * cosines * sines
    return total


def test_the_table_is_wigners_sum():
    bandwidth = 12
    table, rows, _, _ = sphere(bandwidth).rotations
    assert not table[:, :, bandwidth // 2 + 1 :].any()
    for m, k in np.ndindex(bandwidth, bandwidth):
        for row, degree in enumerate(range(max(m, k), bandwidth), rows[m, k]):
            for j in range(0, bandwidth // 2 + 1, 3):
                expected = [wigner(degree, m, order, math.pi * j / bandwidth) for order in (k, -k)]
                share = 0.5 if k == 0 else 1.0  # both orders are the same one
                assert np.allclose(table[row, :, j], share * np.array(expected), atol=1e-6)


def representation(degree, R):
    """``D^l(R)``, rows and columns -l .. l."""
    m = np.arange(-degree, degree + 1)
    a, b, g = np.radians(to_euler(R))
    small = np.array([[wigner(degree, row, column, b) for column in m] for row in m])
    return np.exp(-1j * m * a)[:, None] * small * np.exp(-1j * m * g)


@settings(max_examples=20, deadline=None)
@given(rotations(), rotations())
def test_the_representation_of_a_product_is_the_product(first, second):
    for degree in range(L):
        both = representation(degree, first) @ representation(degree, second)
        assert np.allclose(both, representation(degree, first @ second), atol=1e-5)


@settings(max_examples=6, deadline=None)
@given(seeds())
@pytest.mark.parametrize("even", [True, False])
def test_the_correlation_is_the_integral_over_the_sphere(even, seed):
    rng = np.random.default_rng(seed)
    f, g = (random_harmonics(rng, 3, even=even) for _ in range(2))
    weights = np.array([1.0, 4.0, 9.0], np.float32)
    found = on_euler_grid(correlate(as_rows(f), as_rows(g), weights, TABLES, even=even))
    assert found.shape == (L + 1, 2 * L, 2 * L)
    directions, areas = quadrature(L)
    still = synthesise(f, directions)
    for j, k, i in rng.integers(0, [L + 1, 2 * L, 2 * L], (12, 3)):
        R = from_euler(np.array([k, j, i]) * 180.0 / L)  # axes beta, alpha, gamma
        turned = synthesise(g, directions @ R)  # rows: R^-1 u
        expected = (weights[:, None, None] * areas * still * turned).sum()
        assert found[j, k, i] == pytest.approx(
            float(expected), abs=1e-4 * float(np.abs(found).max())
        )


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("bandwidth", [4, 10, 16, 24, 32, 48])
def test_correlations_of_every_bandwidth_agree_at_the_same_rotations(bandwidth, even):
    rng = np.random.default_rng(bandwidth)
    f, g = (random_harmonics(rng, 2, even=even)[:, :4, :4] for _ in range(2))
    weights = np.array([1.0, 4.0], np.float32)

    def found(size):  # the functions have degrees below 4
        rows = [as_rows(np.pad(h, [(0, 0), (0, size - 4), (0, size - 4)])) for h in (f, g)]
        return on_euler_grid(correlate(*rows, weights, sphere(size), even=even))

    many, few = found(bandwidth), found(4)
    common = math.gcd(bandwidth, 4)
    many = many[:: bandwidth // common, :: bandwidth // common, :: bandwidth // common]
    few = few[:: 4 // common, :: 4 // common, :: 4 // common]
    assert np.allclose(many, few, atol=1e-5 * np.abs(few).max())


@settings(max_examples=10, deadline=None)
@given(seeds())
@pytest.mark.parametrize("even", [True, False])
def test_the_maximum_lies_at_the_rotation(even, seed):
    rng = np.random.default_rng(seed)
    g = random_harmonics(rng, 2, even=even)
    j, k, i = rng.integers(0, [L + 1, 2 * L, 2 * L])
    R = from_euler(np.array([k, j, i]) * 180.0 / L)
    f = np.zeros_like(g)
    for degree in range(L):
        signs = (-1.0) ** np.arange(1, degree + 1)
        negative = (signs * g[:, degree, 1 : degree + 1].conj())[:, ::-1]
        whole = np.concatenate([negative, g[:, degree, : degree + 1]], 1)
        turned = whole @ representation(degree, R).T
        f[:, degree, : degree + 1] = turned[:, degree:]
    # Cauchy-Schwarz: nowhere is it above the norm, and at R it is the norm.
    weights = np.array([1.0, 4.0], np.float32)
    found = on_euler_grid(correlate(as_rows(f), as_rows(g), weights, TABLES, even=even))
    assert found[j, k, i] == pytest.approx(float(found.max()), rel=1e-5)
    power = 2.0 * np.abs(g) ** 2
    power[:, :, 0] *= 0.5
    assert float(found.max()) == pytest.approx(
        float((weights[:, None, None] * power).sum()), rel=1e-4
    )


def test_an_odd_bandwidth_is_refused():
    with pytest.raises(ValueError, match="must be even"):
        sphere(7)
