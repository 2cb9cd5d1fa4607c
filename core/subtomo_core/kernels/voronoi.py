"""Nearest neighbours of sample points, counted."""

from __future__ import annotations

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, I64


@jit
def count_nearest(closeness: F32, counts: I64) -> None:
    """Add to ``counts`` (C,) for each row of ``closeness`` (M, C) its highest column."""
    for i in range(closeness.shape[0]):
        best = 0
        for c in range(1, closeness.shape[1]):
            if closeness[i, c] > closeness[i, best]:
                best = c
        counts[best] += 1
