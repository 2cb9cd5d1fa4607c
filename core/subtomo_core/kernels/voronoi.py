"""Nearest neighbours of sample points, counted."""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, F64, I64

_BLOCK = 128  # points whose running best stays in the first cache


@jit
def row(points: F32, d: int, first: int) -> F32:
    """A block of one row, in a form which the compiler knows to be contiguous."""
    block: F32 = points[d][first : first + _BLOCK]
    return block


@jit
def count_nearest(points: F32, axes: F32, offsets: F32, counts: I64) -> None:
    """Add to ``counts`` (C,) for each point the candidate it is nearest to.

    ``points`` (12, M) in columns, an even number of candidates; the closeness of point i to
    candidate c is ``offsets[c] + sum_d axes[c, d] points[d, i]``.
    """
    best = np.empty(_BLOCK, np.float32)
    which = np.empty(_BLOCK, np.int32)
    for first in range(0, points.shape[1], _BLOCK):
        size = min(_BLOCK, points.shape[1] - first)
        best[:] = -np.inf
        p0, p1, p2 = row(points, 0, first), row(points, 1, first), row(points, 2, first)
        p3, p4, p5 = row(points, 3, first), row(points, 4, first), row(points, 5, first)
        p6, p7, p8 = row(points, 6, first), row(points, 7, first), row(points, 8, first)
        p9, p10, p11 = row(points, 9, first), row(points, 10, first), row(points, 11, first)
        # Two candidates at a time, written out, so that all of it stays in registers and each
        # point is read once for both.
        for c in range(0, axes.shape[0] - 1, 2):
            number, another = np.int32(c), np.int32(c + 1)
            offset, shift = offsets[c], offsets[c + 1]
            a, b = axes[c], axes[c + 1]
            a0, a1, a2, a3, a4, a5 = a[0], a[1], a[2], a[3], a[4], a[5]
            a6, a7, a8, a9, a10, a11 = a[6], a[7], a[8], a[9], a[10], a[11]
            b0, b1, b2, b3, b4, b5 = b[0], b[1], b[2], b[3], b[4], b[5]
            b6, b7, b8, b9, b10, b11 = b[6], b[7], b[8], b[9], b[10], b[11]
            for i in range(size):
                here = offset + a0 * p0[i] + a1 * p1[i] + a2 * p2[i]
                here += a3 * p3[i] + a4 * p4[i] + a5 * p5[i]
                here += a6 * p6[i] + a7 * p7[i] + a8 * p8[i]
                here += a9 * p9[i] + a10 * p10[i] + a11 * p11[i]
                there = shift + b0 * p0[i] + b1 * p1[i] + b2 * p2[i]
                there += b3 * p3[i] + b4 * p4[i] + b5 * p5[i]
                there += b6 * p6[i] + b7 * p7[i] + b8 * p8[i]
                there += b9 * p9[i] + b10 * p10[i] + b11 * p11[i]
                second = there > here
                nearest, which_one = there if second else here, another if second else number
                nearer = nearest > best[i]
                best[i] = nearest if nearer else best[i]
                which[i] = which_one if nearer else which[i]
        for i in range(size):
            counts[which[i]] += 1


@jit
def shares(points: F32, rotations: F64, shifts: F64, shift_weight: float, out: F64) -> None:
    """Share of ``points`` nearest to each candidate, rotations (C, 3, 3) and shifts (C, 3).

    A share which no point fell on is floored at half a point.
    """
    count = rotations.shape[0]
    # An even number: the last may be one from which every point is as far as can be.
    even = count + count % 2
    axes, offsets = np.zeros((even, 12), np.float32), np.full(even, -np.inf, np.float32)
    flat = rotations.reshape(count, 9)
    low, high = shifts[0].copy(), shifts[0].copy()
    for c in range(count):
        for a in range(3):
            low[a], high[a] = min(low[a], shifts[c, a]), max(high[a], shifts[c, a])
    for c in range(count):
        away = 0.0
        for e in range(9):
            axes[c, e] = 2.0 * flat[c, e]
        # |t1 - t2|^2 with t1 = low + (high - low) p: only what depends on the candidate counts.
        for a in range(3):
            axes[c, 9 + a] = 2.0 * shift_weight * (shifts[c, a] - low[a]) * (high[a] - low[a])
            away += (shifts[c, a] - low[a]) ** 2
        offsets[c] = -shift_weight * away
    counts = np.zeros(even, np.int64)
    count_nearest(points, axes, offsets, counts)
    total = 0.0
    for c in range(count):
        out[c] = max(float(counts[c]), 0.5)
        total += out[c]
    for c in range(count):
        out[c] /= total
