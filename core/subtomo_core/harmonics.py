"""Real functions on Fourier shells, their spherical harmonics, and correlation over SO(3).

Source: Kovacs & Wriggers (2002), Fast rotational matching; FAML (Zhao 2018), section 2.2.
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

from subtomo_core.kernels import correlation, shells
from subtomo_core.kernels.interpolate import gather

Real = NDArray[np.float32]


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
    wigner : ndarray of float32, (L (L + 1) / 2, L // 2 + 1, 2 L)
        [row, j, L + m']: Wigner's ``d^l_mm'(pi j / L)``, rows in order of m, then l >= m.
    """

    bandwidth: int
    north: Real
    legendre: Real
    wigner: Real


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
        _wigner(bandwidth),
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


def _wigner(bandwidth: int) -> Real:
    """``d^l_mm'`` from the eigenvectors of J_y, whose eigenvalues are exactly -l .. l."""
    angles = np.pi * np.arange(bandwidth // 2 + 1) / bandwidth
    table = np.zeros((bandwidth, bandwidth, len(angles), 2 * bandwidth), np.float32)
    for degree in range(bandwidth):
        m = np.arange(-degree, degree)
        raising = np.diag(np.sqrt(degree * (degree + 1) - m * (m + 1.0)), -1)
        values, vectors = np.linalg.eigh((raising - raising.T) / 2j)
        phases = np.exp(-1j * angles[:, None] * np.rint(values))
        turns = (vectors * phases[:, None, :]) @ vectors.conj().T
        columns = slice(bandwidth - degree, bandwidth + degree + 1)
        table[: degree + 1, degree, :, columns] = turns.real[:, degree:].transpose(1, 0, 2)
    return table[np.triu_indices(bandwidth)]


def analyse(grid: Real, radii: Real, scale: float, tables: Sphere) -> Real:
    """Harmonics of the Hartley values of a half grid on shells.

    Parameters
    ----------
    grid : ndarray of float32, (2 c + 1, 2 c + 1, c + 1, 2)
        See `fourier.half_grid`.
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
    north = tables.north.shape[:2]
    points = np.empty((3, count * north[0] * north[1]), np.float32)
    found = np.empty((2, points.shape[1]), np.float32)
    values = np.empty((count, bandwidth, 2 * bandwidth), np.float32)
    shells.directions(tables.north, radii, scale, points)
    gather(grid, points, np.eye(3), 1.0, found)
    shells.hartley(found.reshape(2, count, *north), values)
    rings: NDArray[np.complex64] = ducc0.fft.r2c(values, axes=(2,), nthreads=1)
    pairs = np.ascontiguousarray(rings[:, :, :bandwidth]).view(np.float32)
    harmonics = np.zeros((count, bandwidth, 2, bandwidth), np.float32)
    shells.legendre(pairs.reshape(count, bandwidth, bandwidth, 2), tables.legendre, harmonics)
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
    ndarray of float32, (L + 1, 2 L, 2 L)
        Axes beta, alpha, gamma of ``R = Rz(alpha) Ry(beta) Rz(gamma)``, angles ``pi index / L``;
        the other half of beta repeats this one.
    """
    size = 2 * tables.bandwidth
    spectrum = np.empty((tables.bandwidth + 1, tables.bandwidth + 1, size, 2), np.float32)
    correlation.spectrum(f, g, weights, tables.wigner, 2 if even else 1, spectrum)
    packed = spectrum.view(np.complex64)[..., 0]
    values: Real = ducc0.fft.c2r(packed, axes=(2, 1), lastsize=size, forward=False, nthreads=1)
    return values
