"""Nearest neighbours of sample points, counted."""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, I64

_BLOCK = 128  # points whose running best stays in the first cache


@jit
def row(points: F32, d: int, first: int) -> F32:
    """A block of one row, in a form which the compiler knows to be contiguous."""
    block: F32 = points[d][first : first + _BLOCK]
    return block


@jit
def count_nearest(points: F32, axes: F32, offsets: F32, counts: I64) -> None:
    """Add to ``counts`` (C,) for each point the candidate it is nearest to.

    ``points`` (12, M) in columns; the closeness of point i to candidate c is
    ``offsets[c] + sum_d axes[c, d] points[d, i]``.
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
        for c in range(axes.shape[0]):
            number, offset = np.int32(c), offsets[c]
            a0, a1, a2, a3 = axes[c, 0], axes[c, 1], axes[c, 2], axes[c, 3]
            a4, a5, a6, a7 = axes[c, 4], axes[c, 5], axes[c, 6], axes[c, 7]
            a8, a9, a10, a11 = axes[c, 8], axes[c, 9], axes[c, 10], axes[c, 11]
            for i in range(size):
                # Written out, so that all of it stays in registers.
                here = offset + a0 * p0[i] + a1 * p1[i] + a2 * p2[i]
                here += a3 * p3[i] + a4 * p4[i] + a5 * p5[i]
                here += a6 * p6[i] + a7 * p7[i] + a8 * p8[i]
                here += a9 * p9[i] + a10 * p10[i] + a11 * p11[i]
                nearer = here > best[i]
                best[i] = here if nearer else best[i]
                which[i] = number if nearer else which[i]
        for i in range(size):
            counts[which[i]] += 1
