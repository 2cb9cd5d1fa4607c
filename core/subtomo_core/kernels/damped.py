"""A damped Gauss-Newton step in pose parameters, some of which may be held."""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.summits import solve
from subtomo_core.kernels.types import F64


@jit
def damped_step(slope: F64, curve: F64, free: F64, damping: float, step: F64) -> float:
    """Write ``step`` (6,) with ``(H + damping diag H) y = slope`` in the free directions.

    ``free`` (6, p) holds the directions in which the pose may move. Returns by how much the
    model ``-2 slope.s + s.H s`` falls; minus 1 where there is no such step.
    """
    size = free.shape[1]
    right, matrix, inner = np.zeros(size), np.zeros((size, size)), np.zeros(size)
    for a in range(size):
        # Summed in scalars: the order of a sum in an array may hang on where the array lies.
        along = 0.0
        for i in range(6):
            along += free[i, a] * slope[i]
        right[a] = along
        for b in range(size):
            bend = 0.0
            for i in range(6):
                for k in range(6):
                    bend += free[i, a] * curve[i, k] * free[k, b]
            matrix[a, b] = bend
    flat = matrix.copy()
    for a in range(size):
        matrix[a, a] += damping * flat[a, a] + 1e-30
    if not solve(matrix, right, inner):
        return -1.0
    step[:] = 0.0
    fall = 0.0
    for a in range(size):
        fall += 2.0 * inner[a] * right[a]
        for b in range(size):
            fall -= inner[a] * flat[a, b] * inner[b]
        for i in range(6):
            step[i] += free[i, a] * inner[a]
    return fall
