r"""Trilinear gather from, and scatter into, a centred half grid of Fourier space.

A half grid ``g[w, v, u]`` holds the transform at the points ``(u, v - c, w - c) / scale`` with
``u >= 0`` and ``c = (g.shape[0] - 1) // 2``; the other half follows from
``g(-k) = conj(g(k))``. Complex numbers are pairs of float32 on a last axis.
"""

from __future__ import annotations

import math

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, F64


@jit
def corner(grid: F32, x: float, y: float, z: float, c: int) -> tuple[float, float]:
    """Trilinear value of ``grid`` at the grid point ``(x, y, z)``: (re, im)."""
    sign = 1.0
    if x < 0.0:
        x = -x
        y = -y
        z = -z
        sign = -1.0
    i = int(x)
    y += c
    z += c
    j = int(y)
    k = int(z)
    fx = x - i
    fy = y - j
    fz = z - k
    gx = 1.0 - fx
    w00 = (1.0 - fz) * (1.0 - fy)
    w01 = (1.0 - fz) * fy
    w10 = fz * (1.0 - fy)
    w11 = fz * fy
    re = (
        w00 * (gx * grid[k, j, i, 0] + fx * grid[k, j, i + 1, 0])
        + w01 * (gx * grid[k, j + 1, i, 0] + fx * grid[k, j + 1, i + 1, 0])
        + w10 * (gx * grid[k + 1, j, i, 0] + fx * grid[k + 1, j, i + 1, 0])
        + w11 * (gx * grid[k + 1, j + 1, i, 0] + fx * grid[k + 1, j + 1, i + 1, 0])
    )
    im = (
        w00 * (gx * grid[k, j, i, 1] + fx * grid[k, j, i + 1, 1])
        + w01 * (gx * grid[k, j + 1, i, 1] + fx * grid[k, j + 1, i + 1, 1])
        + w10 * (gx * grid[k + 1, j, i, 1] + fx * grid[k + 1, j, i + 1, 1])
        + w11 * (gx * grid[k + 1, j + 1, i, 1] + fx * grid[k + 1, j + 1, i + 1, 1])
    )
    return re, sign * im


@jit
def gather(grid: F32, points: F32, rotation: F64, scale: float, out: F32) -> None:
    """``out[j] = grid(R^-1 points[j])`` for points (J, 3) in order x, y, z."""
    c = (grid.shape[0] - 1) // 2
    r = rotation * scale
    for j in range(points.shape[0]):
        x, y, z = points[j, 0], points[j, 1], points[j, 2]
        u = r[0, 0] * x + r[1, 0] * y + r[2, 0] * z
        v = r[0, 1] * x + r[1, 1] * y + r[2, 1] * z
        w = r[0, 2] * x + r[1, 2] * y + r[2, 2] * z
        out[j, 0], out[j, 1] = corner(grid, u, v, w, c)


@jit
def scatter(
    numerator: F32,
    denominator: F32,
    points: F32,
    samples: F32,
    weights: F32,
    rotation: F64,
    shift: F64,
    probability: float,
    box: int,
) -> None:
    """Transpose of `gather`: add samples, shifted back, at ``R^-1 k`` on a grid padded twice.

    ``numerator += p S exp(2 pi i k.t / n)`` and ``denominator += p W``. Each sample stands for
    itself only; its conjugate mate is added when the grid is folded (`maximisation`).
    """
    c = (denominator.shape[0] - 1) // 2
    r = rotation * 2.0
    turn = 2.0 * math.pi / box
    for j in range(points.shape[0]):
        x, y, z = points[j, 0], points[j, 1], points[j, 2]
        angle = turn * (x * shift[0] + y * shift[1] + z * shift[2])
        cos = math.cos(angle) * probability
        sin = math.sin(angle) * probability
        re = samples[j, 0] * cos - samples[j, 1] * sin
        im = samples[j, 0] * sin + samples[j, 1] * cos
        weight = weights[j] * probability
        u = r[0, 0] * x + r[1, 0] * y + r[2, 0] * z
        v = r[0, 1] * x + r[1, 1] * y + r[2, 1] * z
        w = r[0, 2] * x + r[1, 2] * y + r[2, 2] * z
        if u < 0.0:
            u = -u
            v = -v
            w = -w
            im = -im
        v += c
        w += c
        i0 = int(u)
        j0 = int(v)
        k0 = int(w)
        fu = u - i0
        fv = v - j0
        fw = w - k0
        for dk in range(2):
            gw = fw if dk else 1.0 - fw
            for dj in range(2):
                gv = gw * (fv if dj else 1.0 - fv)
                for di in range(2):
                    g = gv * (fu if di else 1.0 - fu)
                    numerator[k0 + dk, j0 + dj, i0 + di, 0] += g * re
                    numerator[k0 + dk, j0 + dj, i0 + di, 1] += g * im
                    denominator[k0 + dk, j0 + dj, i0 + di] += g * weight
