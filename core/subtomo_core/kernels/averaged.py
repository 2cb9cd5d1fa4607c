r"""Stochastic average gradient: descent of a pose by the slopes of slices, remembered.

Source: Lü et al. (2019), equations 10 to 13, algorithms 1 and 2. The constrained dissimilarity
is a sum over slices of equal x, in the transform as well as in the volume (Parseval). What each
slice last gave is kept, both its slopes and its part of the norms; a step replaces those of a
batch of slices and follows the sum of all.
"""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.jit import inlined, jit
from subtomo_core.kernels.pairs import moments
from subtomo_core.kernels.summits import turn_by
from subtomo_core.kernels.types import F32, F64, I64

_LEAST_SHARE = 0.2  # of the curvature where little is alike
_TINY = 1e-30
_EASIER = 0.8  # of the Lipschitz constant, after a pass that brought d down


@inlined
def look(
    grid: F32,
    table: F32,
    points: F32,
    samples: F32,
    weights: F32,
    box: int,
    first: int,
    last: int,
    rotation: F64,
    shift: F64,
    curved: bool,
    sums: F64,
    slopes: F64,
    curve: F64,
) -> None:
    """`pairs.moments` over the components from ``first`` to ``last``."""
    moments(
        grid,
        table,
        np.ascontiguousarray(points[:, first:last]),
        np.ascontiguousarray(samples[:, first:last]),
        weights[first:last],
        rotation,
        shift,
        box,
        curved,
        sums,
        slopes,
        curve,
    )


@inlined
def downhill(sums: F64, slopes: F64, total: F64, totals: F64, slope: F64) -> float:
    """Add up slices (n, 4) and (n, 2, 6); returns d, and writes ``-1/2`` of its slope (6,)."""
    total[:], totals[:] = 0.0, 0.0
    for i in range(sums.shape[0]):
        total += sums[i]
        totals += slopes[i]
    norm_f, norm_g = math.sqrt(max(total[0], _TINY)), math.sqrt(max(total[2], _TINY))
    ccc = total[1] / (norm_f * norm_g)
    for i in range(6):
        slope[i] = (totals[0, i] / norm_f - ccc * totals[1, i] / norm_g) / norm_g
    return float(2.0 - 2.0 * ccc)


@inlined
def stiffness(sums: F64, slopes: F64, curve: F64, free: F64, out: F64) -> float:
    """Write each free direction's curvature (p,); returns a bound of the scaled curvature.

    The bound is Gershgorin's for the curvature with unit diagonal: with it the slope has the
    Lipschitz constant.
    """
    norm_g = math.sqrt(max(sums[2], _TINY))
    ccc = sums[1] / (math.sqrt(max(sums[0], _TINY)) * norm_g)
    share = max(ccc, _LEAST_SHARE)
    along = slopes[1] / norm_g
    size = free.shape[1]
    matrix = np.zeros((size, size))
    for a in range(size):
        for b in range(size):
            bend = 0.0
            for i in range(6):
                for k in range(6):
                    bend += free[i, a] * (curve[i, k] - along[i] * along[k]) * free[k, b]
            matrix[a, b] = bend * share / (norm_g * norm_g)
    for a in range(size):
        out[a] = max(matrix[a, a], _TINY)
    highest = 0.0
    for a in range(size):
        row = 0.0
        for b in range(size):
            row += abs(matrix[a, b]) / math.sqrt(out[a] * out[b])
        highest = max(highest, row)
    return highest


@inlined
def follow(
    slope: F64, stiff: F64, free: F64, step_size: float, rotation: F64, shift: F64, reach: float
) -> float:
    """Move a pose downhill in place; by how much d falls at most, to first order."""
    move, there = np.zeros(6), np.empty((3, 3))
    fall = 0.0
    for a in range(free.shape[1]):
        along = 0.0
        for i in range(6):
            along += free[i, a] * slope[i]
        length = step_size * along / stiff[a]
        fall += 2.0 * length * along
        for i in range(6):
            move[i] += free[i, a] * length
    turn_by(move[:3], rotation, there)
    rotation[:] = there
    shift += move[3:]
    length = math.sqrt(shift[0] ** 2 + shift[1] ** 2 + shift[2] ** 2)
    if length > reach:
        shift *= reach / length
    return fall


@jit
def descend(
    grid: F32,
    table: F32,
    points: F32,
    samples: F32,
    weights: F32,
    planes: I64,
    draws: I64,
    batch: int,
    box: int,
    free: F64,
    reach: float,
    least: float,
    rotation: F64,
    shift: F64,
) -> float:
    """Move ``rotation`` and ``shift`` downhill; returns the looks, in whole volumes.

    ``planes`` (n + 1,) tells where each slice begins, ``draws`` the first slice of each batch.
    """
    count = planes.shape[0] - 1
    sums, slopes = np.zeros((count, 4)), np.zeros((count, 2, 6))
    curve, curves = np.empty((6, 6)), np.zeros((6, 6))
    total, totals, slope = np.empty(4), np.empty((2, 6)), np.empty(6)
    stiff, share = np.empty(free.shape[1]), batch / count
    best, best_turn, best_shift = np.inf, rotation.copy(), shift.copy()
    lipschitz, since, looks, promised = 1.0, count, 1.0, 0.0
    for k in range(draws.shape[0] + 1):
        first, number = 0, count
        if k > 0:
            first, number = draws[k - 1], batch
            promised += follow(slope, stiff, free, share / lipschitz, rotation, shift, reach)
            since += batch
            looks += share
        for j in range(number):
            i = (first + j) % count
            look(
                grid, table, points, samples, weights, box, planes[i], planes[i + 1],
                rotation, shift, k == 0, sums[i], slopes[i], curve,
            )  # fmt: skip
            if k == 0:
                curves += curve
        value = downhill(sums, slopes, total, totals, slope)
        if k == 0:
            lipschitz = stiffness(total, totals, curves, free, stiff)
        if since < count:  # not every slice was looked at about once since the last time
            continue
        still = k > 0 and promised < least * best
        if value < best:
            still = still and best - value < least * best
            best, best_turn[:], best_shift[:] = value, rotation, shift
            lipschitz *= _EASIER
        else:
            rotation[:], shift[:] = best_turn, best_shift
            lipschitz *= 2.0
        if still:
            break
        since, promised = 0, 0.0
    rotation[:], shift[:] = best_turn, best_shift
    return looks
