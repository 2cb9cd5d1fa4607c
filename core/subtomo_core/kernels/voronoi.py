"""Nearest neighbours of sample points, counted."""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, I64

_BLOCK = 128  # points whose running best stays in the first cache


@jit
def count_nearest(points: F32, axes: F32, offsets: F32, counts: I64) -> None:
    """Add to ``counts`` (C,) for each point the candidate it is nearest to.

    ``points`` (D, M) in columns; the closeness of point i to candidate c is
    ``offsets[c] + sum_d axes[c, d] points[d, i]``.
    """
    best = np.empty(_BLOCK, np.float32)
    here = np.empty(_BLOCK, np.float32)
    which = np.empty(_BLOCK, np.int32)
    for first in range(0, points.shape[1], _BLOCK):
        size = min(_BLOCK, points.shape[1] - first)
        for c in range(axes.shape[0]):
            for i in range(size):
                here[i] = offsets[c]
            for d in range(points.shape[0]):
                axis = axes[c, d]
                for i in range(size):
                    here[i] += axis * points[d, first + i]
            for i in range(size):
                if c == 0 or here[i] > best[i]:
                    best[i] = here[i]
                    which[i] = c
        for i in range(size):
            counts[which[i]] += 1
