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
    legendre : ndarray of float32, (L, L, L)
        [m, l, t]: normalised associated Legendre function times quadrature weight.
    quarter_turns : ndarray of float32, (L, L, 2 L - 1)
        [l, h, l + m]: Wigner's d at 90 degrees.
    """

    bandwidth: int
    north: Real
    legendre: Real
    quarter_turns: Real


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
    return Sphere(
        bandwidth,
        np.ascontiguousarray(north, np.float32),
        np.ascontiguousarray(table, np.float32),
        _quarter_turns(bandwidth),
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


def _quarter_turns(bandwidth: int) -> Real:
    """``d^l_hm(pi/2)`` for h >= 0 as [l, h, l + m]: eigenvectors of J_y turned to J_z's basis."""
    table = np.zeros((bandwidth, bandwidth, 2 * bandwidth - 1), np.float32)
    for degree in range(bandwidth):
        m = np.arange(-degree, degree)
        raising = np.diag(np.sqrt(degree * (degree + 1) - m * (m + 1.0)), -1)
        j_y = (raising - raising.T) / 2j
        values, vectors = np.linalg.eigh(j_y)
        values = np.rint(values)  # the spectrum of J_y is exactly -degree .. degree
        turn = (vectors * np.exp(-0.5j * np.pi * values)) @ vectors.conj().T
        table[degree, : degree + 1, : 2 * degree + 1] = turn.real[degree:]
    return table


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
    ndarray of float32, (shells, L, L, 2)
        [s, l, m] for m >= 0; those of -m follow as ``(-1)^m conj``.
    """
    bandwidth = tables.bandwidth
    values = np.empty((len(radii), bandwidth, 2 * bandwidth), np.float32)
    shells.sample_hartley(grid, tables.north, radii, scale, values)
    rings: NDArray[np.complex64] = ducc0.fft.r2c(values, axes=(2,), nthreads=1)
    pairs = np.ascontiguousarray(rings[:, :, :bandwidth]).view(np.float32)
    harmonics = np.zeros((len(radii), bandwidth, bandwidth, 2), np.float32)
    shells.legendre(pairs.reshape(len(radii), bandwidth, bandwidth, 2), tables.legendre, harmonics)
    return harmonics


def correlate(f: Real, g: Real, weights: Real, tables: Sphere, *, even: bool = False) -> Real:
    r"""Rotational correlation :math:`C(R) = \sum_r w_r \int f(r, u) g(r, R^{-1} u) du`.

    Parameters
    ----------
    f, g : ndarray of float32, (shells, L, L, 2)
        Harmonics of two real functions (`analyse`).
    weights : ndarray of float32, (shells,)
        Usually the squared radius.
    even : bool
        Both functions are even: odd degrees are skipped.

    Returns
    -------
    ndarray of float32, (2 L, 2 L, 2 L)
        Axes beta, gamma, alpha of ``R = Rz(alpha) Ry(beta) Rz(gamma)``, angles
        ``2 pi index / 2 L``.
    """
    size = 2 * tables.bandwidth
    products = np.empty((tables.bandwidth, size - 1, 2), np.float32)
    spectrum = np.empty((size, size, tables.bandwidth + 1, 2), np.float32)
    correlation.spectrum(f, g, weights, tables.quarter_turns, 2 if even else 1, products, spectrum)
    packed = spectrum.view(np.complex64)[..., 0]
    values: Real = ducc0.fft.c2r(packed, axes=(0, 1, 2), lastsize=size, forward=False, nthreads=1)
    return values
