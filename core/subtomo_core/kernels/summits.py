"""Levenberg-Marquardt from a pose to the summit of the log-likelihood nearby."""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.jit import inlined, jit
from subtomo_core.kernels.shifts import falling
from subtomo_core.kernels.slopes import slope
from subtomo_core.kernels.types import F32, F64

_LONGEST = math.radians(6.0)  # of one turn
# A step that promises less log-likelihood than this is taken without another look: slopes of a
# trilinear grid promise as much wherever one stands.
_NEAR = 0.1


@inlined
def solve(matrix: F64, right: F64, out: F64) -> bool:
    """Solve a symmetric system by Cholesky's method; False where it is not positive definite."""
    size = right.shape[0]
    factor = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            if i > j:
                factor[i, j] = total / factor[j, j]
            elif total > 0.0:
                factor[i, i] = math.sqrt(total)
            else:
                return False
    for i in range(size):
        total = right[i]
        for k in range(i):
            total -= factor[i, k] * out[k]
        out[i] = total / factor[i, i]
    for i in range(size - 1, -1, -1):
        total = out[i]
        for k in range(i + 1, size):
            total -= factor[k, i] * out[k]
        out[i] = total / factor[i, i]
    return True


@inlined
def turn_by(vector: F64, rotation: F64, out: F64) -> None:
    """``out = exp([vector]) rotation`` by Rodrigues' formula."""
    angle = math.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
    a = math.sin(angle) / angle if angle > 1e-9 else 1.0
    b = (1.0 - math.cos(angle)) / (angle * angle) if angle > 1e-9 else 0.5
    x, y, z = vector[0], vector[1], vector[2]
    for i in range(3):
        p, q, r = rotation[0, i], rotation[1, i], rotation[2, i]
        u, v, w = y * r - z * q, z * p - x * r, x * q - y * p
        out[0, i] = p + a * u + b * (y * w - z * v)
        out[1, i] = q + a * v + b * (z * u - x * w)
        out[2, i] = r + a * w + b * (x * v - y * u)


@inlined
def summit(
    grid: F32,
    points: F32,
    samples: F32,
    weights: F32,
    box: int,
    steps: int,
    reach: float,
    rotation: F64,
    shift: F64,
) -> tuple[float, float]:
    """Move ``rotation`` and ``shift`` uphill, in at most ``steps`` looks; gain and power there.

    Where a look is left, one step more is taken unseen if it promises little, and what it
    promises is taken for gained. Minus infinity and 0 where the start is out of ``reach``.
    """
    gradient, hessian, step = np.empty(6), np.empty((6, 6)), np.empty(6)
    slope_here, curve_here, damped = np.empty(6), np.empty((6, 6)), np.empty((6, 6))
    there, away = rotation.copy(), shift.copy()
    gain, power, highest = -np.inf, 0.0, -np.inf
    damping = 0.1
    for left in range(steps - 1, -1, -1):
        found, whole = slope(grid, points, samples, weights, there, away, box, gradient, hessian)
        length = away[0] ** 2 + away[1] ** 2 + away[2] ** 2
        if found - 0.5 * whole > highest and length <= reach * reach:
            gain, power, highest = found, whole, found - 0.5 * whole
            rotation[:], shift[:] = there, away
            slope_here[:], curve_here[:] = gradient, hessian
            damping *= 0.3
        else:
            damping *= 10.0
        if highest == -np.inf:
            break
        damped[:] = curve_here
        for a in range(6):
            damped[a, a] += damping * curve_here[a, a] + 1e-12
        if not solve(damped, slope_here, step):
            break
        if left == 0:
            break
        promise = 0.0
        for a in range(6):
            promise += 0.5 * step[a] * slope_here[a]
        turn = math.sqrt(step[0] ** 2 + step[1] ** 2 + step[2] ** 2)
        if turn > _LONGEST:
            step *= _LONGEST / turn
        turn_by(step[:3], rotation, there)
        for axis in range(3):
            away[axis] = shift[axis] + step[3 + axis]
        if promise < _NEAR:
            if away[0] ** 2 + away[1] ** 2 + away[2] ** 2 <= reach * reach:
                rotation[:], shift[:] = there, away
                gain += promise
            break
    return gain, power


@jit
def climb_best(
    grid: F32,
    points: F32,
    samples: F32,
    weights: F32,
    box: int,
    steps: int,
    reach: float,
    most: int,
    margin: float,
    rotations: F64,
    shifts: F64,
    gain: F64,
    power: F64,
) -> None:
    """Move the best poses (C,) to their `summit`: ``most``, no more than ``margin`` below the best.

    The others, and one that would fall, stay as they are.
    """
    likelihood = gain - 0.5 * power
    order = falling(likelihood)
    turned, moved = np.empty((3, 3)), np.empty(3)
    for i in order[:most]:
        if not likelihood[i] >= likelihood[order[0]] - margin:
            continue
        turned[:], moved[:] = rotations[i], shifts[i]
        higher, whole = summit(grid, points, samples, weights, box, steps, reach, turned, moved)
        if higher - 0.5 * whole >= likelihood[i]:
            rotations[i], shifts[i] = turned, moved
            gain[i], power[i] = higher, whole
