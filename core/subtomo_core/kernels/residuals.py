"""Squared distance between a particle and a posed reference, per shell."""

from __future__ import annotations

import math

from subtomo_core.kernels.interpolate import corner
from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, F64, I32


@jit
def residuals(
    grid: F32,
    points: F32,
    samples: F32,
    weights: F32,
    shells: I32,
    rotation: F64,
    shift: F64,
    probability: float,
    box: int,
    out: F64,
) -> None:
    """``out[shell] += p sum (W |A_Rt|^2 - 2 Re S conj(A_Rt))``.

    With ``sum |S|^2 / W`` this is the squared distance ``sum |S - W A_Rt|^2 / W``.
    """
    c = (grid.shape[0] - 1) // 2
    r = rotation * 2.0
    turn = 2.0 * math.pi / box
    for j in range(points.shape[0]):
        x, y, z = points[j, 0], points[j, 1], points[j, 2]
        u = r[0, 0] * x + r[1, 0] * y + r[2, 0] * z
        v = r[0, 1] * x + r[1, 1] * y + r[2, 1] * z
        w = r[0, 2] * x + r[1, 2] * y + r[2, 2] * z
        re, im = corner(grid, u, v, w, c)
        angle = turn * (x * shift[0] + y * shift[1] + z * shift[2])
        a = samples[j, 0] * math.cos(angle) - samples[j, 1] * math.sin(angle)
        b = samples[j, 0] * math.sin(angle) + samples[j, 1] * math.cos(angle)
        power = re * re + im * im
        out[shells[j]] += probability * (weights[j] * power - 2.0 * (a * re + b * im))
