"""Spherical harmonics of what was sampled on Fourier shells."""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.interpolate import gather
from subtomo_core.kernels.jit import inlined, jit
from subtomo_core.kernels.types import F32


@inlined
def directions(north: F32, radii: F32, scale: float, out: F32) -> None:
    """Points (3, shells * rings * turn) of the northern half of shells of radius ``r * scale``.

    ``north`` (rings, turn, 3) are unit vectors.
    """
    count = north.shape[0] * north.shape[1]
    flat = north.reshape(count, 3)
    for s in range(radii.shape[0]):
        radius = np.float32(radii[s] * scale)
        for axis in range(3):
            for p in range(count):
                out[axis, s * count + p] = radius * flat[p, axis]


@inlined
def hartley(values: F32, out: F32) -> None:
    """Hartley values ``Re + Im`` on whole shells from transforms on their northern halves.

    ``values`` (2, shells, north, turn). The antipode of ring t at angle p is ring ``T - 1 - t``
    at ``p + P / 2``, where the value is ``Re - Im``. ``out`` (shells, T, P).
    """
    north, turn = values.shape[2], values.shape[3]
    rings, half = out.shape[1], values.shape[3] // 2
    for s in range(values.shape[1]):
        for t in range(north):
            for p in range(turn):
                out[s, t, p] = values[0, s, t, p] + values[1, s, t, p]
            for p in range(half):
                south = rings - 1 - t
                out[s, south, p + half] = values[0, s, t, p] - values[1, s, t, p]
                out[s, south, p] = values[0, s, t, p + half] - values[1, s, t, p + half]


@jit
def rings(grid: F32, north: F32, radii: F32, scale: float, out: F32) -> None:
    """`hartley` values (shells, T, P) of a half grid on shells of radii in Fourier pixels."""
    count, turn = north.shape[0], north.shape[1]
    points = np.empty((3, radii.shape[0] * count * turn), np.float32)
    found = np.empty((2, points.shape[1]), np.float32)
    directions(north, radii, scale, points)
    gather(grid, points, np.eye(3), 1.0, found)
    hartley(found.reshape(2, radii.shape[0], count, turn), out)


@jit
def legendre(rings: F32, table: F32, out: F32) -> None:
    """``out[s, l, :, m] = sum_t table[l, t, m] rings[s, t, m]`` for ``m <= l``, all rings t.

    ``rings`` (shells, T, L or more, 2) are the Fourier coefficients over phi; ``out``
    (shells, L, 2, L) holds zeros, and gets real parts, then imaginary parts. ``table``
    (L, T / 2, 2 L) has each value twice, for both; it is even or odd in t: that of ring
    ``T - 1 - t`` is ``(-1)^(l + m)`` times that of t.
    """
    count, bandwidth = rings.shape[1], out.shape[1]
    north, width = count // 2, 2 * bandwidth
    folded = np.empty((2, north, width), np.float32)
    for s in range(rings.shape[0]):
        for t in range(north):
            for m in range(bandwidth):
                odd = m % 2
                for p in range(2):
                    near, far = rings[s, t, m, p], rings[s, count - 1 - t, m, p]
                    folded[odd, t, p * bandwidth + m] = near + far
                    folded[1 - odd, t, p * bandwidth + m] = near - far
        target = out[s].reshape(bandwidth, width)
        for degree in range(bandwidth):
            row = target[degree]
            for t in range(north):
                factors, values = table[degree, t], folded[degree % 2, t]
                for m in range(width):
                    row[m] += factors[m] * values[m]
