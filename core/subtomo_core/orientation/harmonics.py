"""Real functions on Fourier shells, their spherical harmonics, and correlation over SO(3).

Source: Kovacs & Wriggers (2002), Fast rotational matching; FAML (Zhao 2018), section 2.1.
A complex transform F of a real volume is carried by its Hartley values ``Re F + Im F``: Re is
even and Im is odd under ``k -> -k``, so that they meet in no degree, and the correlation of two
Hartley functions is the real part of the correlation of the complex ones. Magnitudes are even.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import ducc0
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from subtomo_core.kernels import correlation, shells
from subtomo_core.kernels.types import RotationTables
from subtomo_core.orientation.rotations import to_euler

Real = NDArray[np.float32]

_LANES = 4  # values of beta come in multiples of this (`kernels.rotation_sums`)


@dataclass(frozen=True, eq=False)
class Sphere:
    """Gauss-Legendre rings and the tables of a bandwidth L.

    Attributes
    ----------
    bandwidth : int
        L: degrees 0 .. L - 1. Even.
    north : ndarray of float32, (L // 2, 2 L, 3)
        Directions x, y, z of the northern rings.
    legendre : ndarray of float32, (L, L // 2, 2 L)
        [l, t, p L + m]: normalised associated Legendre function times quadrature weight, for
        real (p = 0) and imaginary parts alike.
    rotations : RotationTables
        Wigner's functions (rows, 2, lanes), where lane j of ``[row, 0]`` is ``d^l_mm'(pi j / L)``
        for j up to L / 2, of ``[row, 1]`` the same for -m', both halved for m' = 0; the row of
        the lowest degree of each m and m' >= 0, (L, L), the others behind it; and cosines and
        sines (L / 2 + 1, 2, L) of ``pi i m' / L`` and ``pi i m / L``, the latter with the sign
        and weight with which the order m enters the real sum over all orders.
    """

    bandwidth: int
    north: Real
    legendre: Real
    rotations: RotationTables


@lru_cache(maxsize=4)
def sphere(bandwidth: int) -> Sphere:
    """Tables of an even bandwidth (made once)."""
    if bandwidth % 2:
        raise ValueError(f"the bandwidth must be even, got {bandwidth}")
    nodes, weights = np.polynomial.legendre.leggauss(bandwidth)
    cosines, weights = nodes[::-1], weights[::-1]
    sines = np.sqrt(1.0 - cosines**2)
    phi = np.pi * np.arange(2 * bandwidth) / bandwidth
    rings = bandwidth // 2
    north = np.stack(
        np.broadcast_arrays(
            sines[:rings, None] * np.cos(phi),
            sines[:rings, None] * np.sin(phi),
            cosines[:rings, None],
        ),
        -1,
    )
    table = _legendre(bandwidth, cosines) * weights * (np.pi / bandwidth)
    pairs = np.tile(table.transpose(1, 2, 0)[:, :rings], 2)
    return Sphere(
        bandwidth,
        np.ascontiguousarray(north, np.float32),
        np.ascontiguousarray(pairs, np.float32),
        _rotation_tables(bandwidth),
    )


def _legendre(bandwidth: int, cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal associated Legendre functions [m, l, t], Condon-Shortley phase included."""
    table = np.zeros((bandwidth, bandwidth, len(cosines)))
    sines = np.sqrt(1.0 - cosines**2)
    diagonal = np.full(len(cosines), math.sqrt(1.0 / (4.0 * math.pi)))
    for m in range(bandwidth):
        if m > 0:
            diagonal = -math.sqrt((2 * m + 1) / (2 * m)) * sines * diagonal
        table[m, m] = diagonal
        if m + 1 < bandwidth:
            table[m, m + 1] = math.sqrt(2 * m + 3) * cosines * diagonal
        for degree in range(m + 2, bandwidth):
            a = math.sqrt((4 * degree * degree - 1) / (degree * degree - m * m))
            b = math.sqrt(((degree - 1) ** 2 - m * m) / (4 * (degree - 1) ** 2 - 1))
            table[m, degree] = a * (cosines * table[m, degree - 1] - b * table[m, degree - 2])
    return table


def _lanes(bandwidth: int) -> int:
    """Room for the angles 0, pi / L, ..., pi / 2."""
    return _LANES * math.ceil((bandwidth // 2 + 1) / _LANES)


def _rotation_tables(bandwidth: int) -> RotationTables:
    half, orders = bandwidth // 2, np.arange(bandwidth)
    lanes = _lanes(bandwidth)
    angles: NDArray[np.float64] = np.pi / bandwidth * np.arange(half + 1.0)
    by_degree = [_wigner(degree, angles) for degree in range(bandwidth)]
    pairs = [(m, k) for m in orders for k in orders]
    wigner = np.zeros((sum(bandwidth - max(pair) for pair in pairs), 2, lanes), np.float32)
    rows = np.zeros((bandwidth, bandwidth), np.int64)
    row = 0
    for m, k in pairs:
        rows[m, k] = row
        for degree in range(max(m, k), bandwidth):
            both = by_degree[degree][:, degree + m, [degree + k, degree - k]]
            wigner[row, :, : half + 1] = (0.5 if k == 0 else 1.0) * both.T
            row += 1
    turns = angles[:, None] * orders
    waves = np.stack([np.cos(turns), np.sin(turns)], 1)
    twice = np.where(orders > 0, 2.0, 1.0) * np.array([1.0, -1.0])[:, None]
    return wigner, rows, waves.astype(np.float32), (waves * twice).astype(np.float32)


def _wigner(degree: int, angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """``d^l`` at angles (j,), (j, 2 l + 1, 2 l + 1), from J_y, whose eigenvalues are -l .. l."""
    m = np.arange(-degree, degree)
    raising = np.diag(np.sqrt(degree * (degree + 1) - m * (m + 1.0)), -1)
    values, vectors = np.linalg.eigh((raising - raising.T) / 2j)
    phases = np.exp(-1j * angles[:, None] * np.rint(values))
    turns = (vectors * phases[:, None, :]) @ vectors.conj().T
    real: NDArray[np.float64] = turns.real
    return real


def analyse(grid: Real, radii: Real, scale: float, tables: Sphere) -> Real:
    """Harmonics of the Hartley values of a half grid on shells.

    Parameters
    ----------
    grid : ndarray of float32, (2 c + 1, 2 c + 1, c + 1, 2)
        See `fourier.grids.half_grid`.
    radii : ndarray of float32, (shells,)
        Radii in Fourier pixels.
    scale : float
        Grid points in a Fourier pixel (the padding).

    Returns
    -------
    ndarray of float32, (shells, L, 2, L)
        [s, l, p, m] for m >= 0, real parts (p = 0) and imaginary parts; those of -m follow as
        ``(-1)^m conj``.
    """
    bandwidth, count = tables.bandwidth, len(radii)
    values = np.empty((count, bandwidth, 2 * bandwidth), np.float32)
    shells.rings(grid, tables.north, radii, scale, values)
    rings: NDArray[np.complex64] = ducc0.fft.r2c(values, axes=(2,), nthreads=1)
    pairs = rings.view(np.float32).reshape(count, bandwidth, bandwidth + 1, 2)
    harmonics = np.zeros((count, bandwidth, 2, bandwidth), np.float32)
    shells.legendre(pairs, tables.legendre, harmonics)
    return harmonics


def correlate(f: Real, g: Real, weights: Real, tables: Sphere, *, even: bool = False) -> Real:
    r"""Rotational correlation :math:`C(R) = \sum_r w_r \int f(r, u) g(r, R^{-1} u) du`.

    Parameters
    ----------
    f, g : ndarray of float32, (shells, L, 2, L)
        Harmonics of two real functions (`analyse`).
    weights : ndarray of float32, (shells,)
        Usually the squared radius.
    even : bool
        Both functions are even: odd degrees are skipped.

    Returns
    -------
    ndarray of float32, (2 L, 2 L, 2, lanes)
        Axes alpha, gamma of ``R = Rz(alpha) Ry(beta) Rz(gamma)``, angles ``pi index / L``, then
        beta: ``pi j / L`` at [0, j] and ``pi - pi j / L`` at [1, j], for j up to L / 2. The other
        half of beta repeats this one; lanes beyond L / 2 are 0.
    """
    size, lanes = 2 * tables.bandwidth, tables.rotations[0].shape[2]
    values = np.empty((size, size, 2, lanes), np.float32)
    correlation.correlate(f, g, weights, tables.rotations, 2 if even else 1, values)
    return values


def at_rotations(values: Real, rotations: NDArray[np.float64], bandwidth: int) -> Real:
    """A correlation (`correlate`) at rotations (m, 3, 3), by linear interpolation, (m,)."""
    half = bandwidth // 2
    by_beta = np.concatenate([values[:, :, 0, : half + 1], values[:, :, 1, :half][..., ::-1]], 2)
    alpha, beta, gamma = to_euler(rotations).T
    places = np.stack([alpha, gamma, beta]) * (bandwidth / 180.0)
    found: Real = map_coordinates(by_beta, places, order=1, mode="grid-wrap")
    return found


def in_halves(values: Real) -> Real:
    """Values (L + 1, 2 L, 2 L), axes beta, alpha, gamma, laid out as `correlate` does."""
    bandwidth = len(values) - 1
    half = bandwidth // 2
    lanes = _lanes(bandwidth)
    result = np.zeros((*values.shape[1:], 2, lanes), np.float32)
    result[:, :, 0, : half + 1] = np.moveaxis(values[: half + 1], 0, -1)
    result[:, :, 1, : half + 1] = np.moveaxis(values[half:][::-1], 0, -1)
    return result
