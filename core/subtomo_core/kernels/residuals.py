"""Squared distance between a particle and a posed reference, per shell."""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.interpolate import gather, shift_back
from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, F64, I32

_BLOCK = 256  # terms that stay in the first cache
_TWO = np.float32(2.0)


@jit
def residuals(
    grid: F32,
    points: F32,
    samples: F32,
    weights: F32,
    shells: I32,
    rotations: F64,
    shifts: F64,
    probabilities: F64,
    box: int,
    out: F64,
) -> None:
    """``out[shell] += p sum (W |A_Rt|^2 - 2 Re S conj(A_Rt))`` of poses (C,), components (2, J).

    With ``sum |S|^2 / W`` this is the squared distance ``sum |S - W A_Rt|^2 / W``. Poses of no
    probability are left out.
    """
    model, back = np.empty_like(samples), np.empty_like(samples)
    terms = np.empty(_BLOCK, np.float32)
    for i in range(probabilities.shape[0]):
        probability = probabilities[i]
        if not probability > 0.0:
            continue
        gather(grid, points, rotations[i], 2.0, model)
        shift_back(points, samples, shifts[i], box, back)
        for first in range(0, points.shape[1], _BLOCK):
            last = min(first + _BLOCK, points.shape[1])
            # Views of one row, which the compiler knows to be contiguous.
            re, im, w = model[0][first:last], model[1][first:last], weights[first:last]
            a, b = back[0][first:last], back[1][first:last]
            for j in range(w.shape[0]):
                power = w[j] * (re[j] * re[j] + im[j] * im[j])
                terms[j] = power - _TWO * (a[j] * re[j] + b[j] * im[j])
            for j in range(w.shape[0]):
                out[shells[first + j]] += probability * terms[j]
