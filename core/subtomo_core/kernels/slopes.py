r"""Log-likelihood of a pose with its slope and curvature in six pose parameters.

With the model :math:`M_k = e^{-2 \pi i k \cdot t / n} A(R^{-1} k)` and an increment
:math:`R \to e^{[\omega]} R`, the rotated frequency moves by
:math:`\partial (R^{-1} k) / \partial \omega_a = -R^{-1} (e_a \times k)`, and

.. math::
    L = \mathrm{Re} \sum S M^* - \tfrac12 \sum W |M|^2, \quad
    \nabla L = \mathrm{Re} \sum (S - W M) \, \nabla M^*, \quad
    H \approx \mathrm{Re} \sum W \, \nabla M \, \nabla M^{* T}

(H is the Gauss-Newton curvature of -L; Xu & Alber 2012, equation 13, for complex residuals).
"""

from __future__ import annotations

import math

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, F64


@jit
def corner_slope(grid: F32, x: float, y: float, z: float, c: int, out: F64) -> None:
    """Trilinear value and gradient at a grid point: out[0..7] = re, im, then d/dx, d/dy, d/dz."""
    sign = 1.0
    if x < 0.0:
        x, y, z, sign = -x, -y, -z, -1.0
    i = int(x)
    y += c
    z += c
    j = int(y)
    k = int(z)
    fx, fy, fz = x - i, y - j, z - k
    for p in range(2):
        a000, a001 = grid[k, j, i, p], grid[k, j, i + 1, p]
        a010, a011 = grid[k, j + 1, i, p], grid[k, j + 1, i + 1, p]
        a100, a101 = grid[k + 1, j, i, p], grid[k + 1, j, i + 1, p]
        a110, a111 = grid[k + 1, j + 1, i, p], grid[k + 1, j + 1, i + 1, p]
        b00, b01 = a000 + fx * (a001 - a000), a010 + fx * (a011 - a010)
        b10, b11 = a100 + fx * (a101 - a100), a110 + fx * (a111 - a110)
        c0, c1 = b00 + fy * (b01 - b00), b10 + fy * (b11 - b10)
        # The value's imaginary part changes sign in the mirrored half; so does each slope,
        # once more, as the point itself was mirrored.
        turn = sign if p == 1 else 1.0
        out[p] = turn * (c0 + fz * (c1 - c0))
        turn *= sign
        d0 = (1.0 - fy) * (a001 - a000) + fy * (a011 - a010)
        d1 = (1.0 - fy) * (a101 - a100) + fy * (a111 - a110)
        out[2 + p] = turn * (d0 + fz * (d1 - d0))
        out[4 + p] = turn * ((1.0 - fz) * (b01 - b00) + fz * (b11 - b10))
        out[6 + p] = turn * (c1 - c0)


@jit
def slope(
    grid: F32,
    points: F32,
    samples: F32,
    weights: F32,
    rotation: F64,
    shift: F64,
    box: int,
    room: F64,
    derivative: F64,
    gradient: F64,
    hessian: F64,
) -> float:
    """Value of L; writes ``gradient`` (6,) and ``hessian`` (6, 6) for (omega, t).

    ``room`` (8,) and ``derivative`` (6, 2) are room to work in.
    """
    c = (grid.shape[0] - 1) // 2
    turn = 2.0 * math.pi / box
    value = 0.0
    gradient[:] = 0.0
    hessian[:] = 0.0
    r = rotation * 2.0
    for j in range(points.shape[0]):
        x, y, z = points[j, 0], points[j, 1], points[j, 2]
        weight = weights[j]
        u = r[0, 0] * x + r[1, 0] * y + r[2, 0] * z
        v = r[0, 1] * x + r[1, 1] * y + r[2, 1] * z
        w = r[0, 2] * x + r[1, 2] * y + r[2, 2] * z
        corner_slope(grid, u, v, w, c, room)
        # Back to the frame of the particle: R grad, in pixels of the particle.
        for p in range(2):
            gx = r[0, 0] * room[2 + p] + r[0, 1] * room[4 + p] + r[0, 2] * room[6 + p]
            gy = r[1, 0] * room[2 + p] + r[1, 1] * room[4 + p] + r[1, 2] * room[6 + p]
            gz = r[2, 0] * room[2 + p] + r[2, 1] * room[4 + p] + r[2, 2] * room[6 + p]
            # -(e_a x k) . g = -(k x g)_a
            derivative[0, p] = z * gy - y * gz
            derivative[1, p] = x * gz - z * gx
            derivative[2, p] = y * gx - x * gy
        re, im = room[0], room[1]
        for a in range(3):
            k = turn * points[j, a]
            derivative[3 + a, 0] = k * im  # -i k (re + i im)
            derivative[3 + a, 1] = -k * re
        angle = turn * (x * shift[0] + y * shift[1] + z * shift[2])
        cos, sin = math.cos(angle), math.sin(angle)
        sr = samples[j, 0] * cos - samples[j, 1] * sin
        si = samples[j, 0] * sin + samples[j, 1] * cos
        value += sr * re + si * im - 0.5 * weight * (re * re + im * im)
        er, ei = sr - weight * re, si - weight * im
        for a in range(6):
            da, db = derivative[a, 0], derivative[a, 1]
            gradient[a] += er * da + ei * db
            wa, wb = weight * da, weight * db
            for b in range(a, 6):
                hessian[a, b] += wa * derivative[b, 0] + wb * derivative[b, 1]
    for a in range(6):
        for b in range(a):
            hessian[a, b] = hessian[b, a]
    return value
