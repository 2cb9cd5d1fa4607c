"""Squared distance between a particle and a posed reference, per shell."""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.interpolate import gather, shift_back
from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, F64, I32


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
    for i in range(probabilities.shape[0]):
        probability = probabilities[i]
        if not probability > 0.0:
            continue
        gather(grid, points, rotations[i], 2.0, model)
        shift_back(points, samples, shifts[i], box, back)
        for j in range(points.shape[1]):
            re, im = model[0, j], model[1, j]
            power = weights[j] * (re * re + im * im)
            out[shells[j]] += probability * (power - 2.0 * (back[0, j] * re + back[1, j] * im))
