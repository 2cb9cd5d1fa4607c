"""A particle's components in the forms that a search needs; complex numbers as pairs (J, 2)."""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, F64, I32, I64
from subtomo_core.kernels.waves import wave

_BLOCK = 256  # components whose phases stay in the first cache


@jit
def weigh(
    values: F32,
    weights: F32,
    count: F32,
    shell: I32,
    parts: F32,
    doubled: F32,
    shells: F64,
) -> None:
    """``parts`` (2, J): real parts and imaginary ones times ``count``; ``doubled`` the weights.

    Their sum over each shell joins ``shells``.
    """
    for j in range(weights.shape[0]):
        parts[0, j] = count[j] * values[j, 0]
        parts[1, j] = count[j] * values[j, 1]
        doubled[j] = count[j] * weights[j]
        shells[shell[j]] += doubled[j]


@jit
def spread(values: F32, cells: I64, grid: F32) -> None:
    """Put components at their ``cells`` of a flat grid of pairs."""
    for j in range(cells.shape[0]):
        grid[2 * cells[j]] = values[j, 0]
        grid[2 * cells[j] + 1] = values[j, 1]


@jit
def spread_magnitudes(values: F32, cells: I64, grid: F32) -> None:
    """The same with their magnitudes."""
    for j in range(cells.shape[0]):
        grid[2 * cells[j]] = math.sqrt(values[j, 0] ** 2 + values[j, 1] ** 2)


@jit
def spread_moved(values: F32, points: F32, shift: F64, box: int, cells: I64, grid: F32) -> None:
    """The same with components of the particle moved back by ``shift`` voxels."""
    a, b, c = np.float32(shift[0] / box), np.float32(shift[1] / box), np.float32(shift[2] / box)
    cosines, sines = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32)
    for first in range(0, cells.shape[0], _BLOCK):
        last = min(first + _BLOCK, cells.shape[0])
        # Views of one row, which the compiler knows to be contiguous.
        x, y, z = points[0][first:last], points[1][first:last], points[2][first:last]
        for j in range(x.shape[0]):
            cosines[j], sines[j] = wave(x[j] * a + y[j] * b + z[j] * c)
        for j in range(x.shape[0]):
            re, im, cell = values[first + j, 0], values[first + j, 1], 2 * cells[first + j]
            grid[cell] = re * cosines[j] - im * sines[j]
            grid[cell + 1] = re * sines[j] + im * cosines[j]


@jit
def shell_powers(values: F32, weights: F32, count: F32, shell: I32, sums: F64, counts: F64) -> None:
    """Add ``|S|^2 / W`` and the number of components to each shell, where W is above 0."""
    for j in range(weights.shape[0]):
        if weights[j] > 0.0 and shell[j] < sums.shape[0]:
            power = values[j, 0] ** 2 + values[j, 1] ** 2
            sums[shell[j]] += count[j] * (power / weights[j])
            counts[shell[j]] += count[j]
