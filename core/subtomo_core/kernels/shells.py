"""Sampling of Fourier shells, and spherical harmonics of what was sampled."""

from __future__ import annotations

from subtomo_core.kernels.interpolate import corner
from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32


@jit
def sample_hartley(grid: F32, directions: F32, radii: F32, scale: float, out: F32) -> None:
    """Hartley values ``Re + Im`` on shells of a half grid.

    ``directions`` (north, phi, 3) holds the rings of the northern half; the antipode of ring t
    at angle p is ring ``T - 1 - t`` at ``p + P / 2``, where the value is ``Re - Im``.
    ``out`` (shells, T, P).
    """
    c = (grid.shape[0] - 1) // 2
    north, turn = directions.shape[0], directions.shape[1]
    rings = out.shape[1]
    half = turn // 2
    for s in range(radii.shape[0]):
        radius = radii[s] * scale
        for t in range(north):
            for p in range(turn):
                re, im = corner(
                    grid,
                    radius * directions[t, p, 0],
                    radius * directions[t, p, 1],
                    radius * directions[t, p, 2],
                    c,
                )
                q = p + half if p < half else p - half
                out[s, t, p] = re + im
                out[s, rings - 1 - t, q] = re - im


@jit
def legendre(rings: F32, table: F32, out: F32) -> None:
    """``out[s, l, m] = sum_t table[m, l, t] rings[s, t, m]`` for ``m <= l``.

    ``rings`` (shells, T, L, 2) are the Fourier coefficients over phi; ``out`` (shells, L, L, 2).
    The table is even or odd in t: ``table[m, l, T-1-t] = (-1)^(l+m) table[m, l, t]``.
    """
    shells, count, bandwidth = rings.shape[0], rings.shape[1], out.shape[1]
    north = count // 2
    for s in range(shells):
        for m in range(bandwidth):
            for degree in range(m, bandwidth):
                sign = 1.0 if (degree + m) % 2 == 0 else -1.0
                re = 0.0
                im = 0.0
                for t in range(north):
                    u = count - 1 - t
                    p = table[m, degree, t]
                    re += p * (rings[s, t, m, 0] + sign * rings[s, u, m, 0])
                    im += p * (rings[s, t, m, 1] + sign * rings[s, u, m, 1])
                out[s, degree, m, 0] = re
                out[s, degree, m, 1] = im
