r"""Two volumes compared within their overlap: sums for scores, their slopes and curvatures.

A fixed volume f and a moved one g, the model :math:`M_k = e^{-2 \pi i k \cdot t / n} g(R^{-1} k)`,
and the overlap :math:`O_k = w_f(k) w_g(R^{-1} k)`, held fixed in derivatives. Both dissimilarity
scores of Xu & Alber (2012), equations 3 and 13, and all their derivatives follow from

.. math::
    \sum O |f|^2, \; \mathrm{Re} \sum O f M^*, \; \sum O |M|^2, \; \sum O, \;
    \mathrm{Re} \sum O f \nabla M^*, \; \mathrm{Re} \sum O M \nabla M^*, \;
    \mathrm{Re} \sum O \nabla M \nabla M^{*T} .

Components (2, J) hold real parts, then imaginary parts.
"""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.ascent import ascend
from subtomo_core.kernels.interpolate import gather, gather_slopes, locate, shift_back
from subtomo_core.kernels.jit import inlined, jit
from subtomo_core.kernels.series import best_cell, transform
from subtomo_core.kernels.shifts import multiply
from subtomo_core.kernels.slopes import derivatives, dot, row
from subtomo_core.kernels.types import F32, F64, Runs, Waves

_BLOCK = 256  # as in `slopes`: its rows and derivatives come in blocks of this size
_ZERO, _ONE, _U1 = np.float32(0.0), np.float32(1.0), np.uint64(1)


@inlined
def overlap(table: F32, points: F32, rotation: F64, scale: float, weights: F32, out: F32) -> None:
    """``out = weights * table(R^-1 k)``, trilinear; a table without points stands for 1."""
    if table.shape[0] == 0:
        out[:] = weights
        return
    c, width = (table.shape[0] - 1) // 2, table.shape[2]
    flat = table.reshape(-1)
    step, plane = np.uint64(width), np.uint64(width * table.shape[1])
    turn = (rotation * scale).astype(np.float32)
    index, fraction = np.empty(_BLOCK, np.int32), np.empty((4, _BLOCK), np.float32)
    for first in range(0, points.shape[1], _BLOCK):
        size = min(_BLOCK, points.shape[1] - first)
        locate(points, first, turn, c, width, index[:size], fraction)
        for a in range(size):
            p = np.uint64(index[a])
            q, s, t = p + step, p + plane, p + step + plane
            fx, fy, fz = fraction[0, a], fraction[1, a], fraction[2, a]
            b0 = flat[p] + fx * (flat[p + _U1] - flat[p])
            b1 = flat[q] + fx * (flat[q + _U1] - flat[q])
            b2 = flat[s] + fx * (flat[s + _U1] - flat[s])
            b3 = flat[t] + fx * (flat[t + _U1] - flat[t])
            c0, c1 = b0 + fy * (b1 - b0), b2 + fy * (b3 - b2)
            out[first + a] = weights[first + a] * (c0 + fz * (c1 - c0))


@inlined
def add(
    mass: F32, found: F32, values: F32, steep: F32, curved: bool, room: F32,
    sums: F64, slopes: F64, curve: F64,
) -> None:  # fmt: skip
    """Add the real or the imaginary part of a block of components; ``room`` (3, B) to work in."""
    size = mass.shape[0]
    seen, expected, heavy = room[0], room[1], room[2]
    for j in range(size):
        seen[j], expected[j] = mass[j] * found[j], mass[j] * values[j]
    # Apart from the loop that writes: whether that one is done in vectors hangs on where small
    # arrays happen to lie, and with it the last bit of a sum.
    sums[0] += dot(seen, found, size)
    sums[1] += dot(seen, values, size)
    sums[2] += dot(expected, values, size)
    for i in range(6):
        slope = steep[i]
        slopes[0, i] += dot(seen, slope, size)
        slopes[1, i] += dot(expected, slope, size)
        if not curved:
            continue
        for j in range(size):
            heavy[j] = mass[j] * slope[j]
        for k in range(i, 6):
            curve[i, k] += dot(heavy, steep[k], size)


@inlined
def moments(
    grid: F32,
    table: F32,
    points: F32,
    samples: F32,
    weights: F32,
    rotation: F64,
    shift: F64,
    box: int,
    curved: bool,
    sums: F64,
    slopes: F64,
    curve: F64,
) -> None:
    """Sums over all components (J,) of a band at one pose; ``curve`` only where it is wanted.

    ``grid`` is g's half grid padded twice, ``table`` (as large, without the last axis) its w_g;
    ``weights`` w_f times `Band.count`. Writes ``sums`` (4,): f f, f M, M M, O; ``slopes`` (2, 6):
    f dM, M dM for (omega, t); ``curve`` (6, 6): dM dM.
    """
    count = points.shape[1]
    model, back = np.empty((8, count), np.float32), np.empty((2, count), np.float32)
    mass = np.empty(count, np.float32)
    gather_slopes(grid, points, rotation, 2.0, model)
    shift_back(points, samples, shift, box, back)
    overlap(table, points, rotation, 2.0, weights, mass)
    turn = (rotation * 2.0).astype(np.float32)
    wave = np.float32(2.0 * math.pi / box)
    steep, room = np.empty((2, 6, _BLOCK), np.float32), np.empty((3, _BLOCK), np.float32)
    sums[:], slopes[:], curve[:] = 0.0, 0.0, 0.0
    for first in range(0, count, _BLOCK):
        derivatives(model, points, first, turn, wave, steep)
        block = mass[first : first + _BLOCK]
        whole = _ZERO
        for j in range(block.shape[0]):
            whole += block[j]
        sums[3] += whole
        for p in range(2):
            found, values = row(back, p, first), row(model, p, first)
            add(block, found, values, steep[p], curved, room, sums, slopes, curve)
    for i in range(6):
        for k in range(i):
            curve[i, k] = curve[k, i]


@jit
def best_shifts(
    grid: F32,
    table: F32,
    points: F32,
    samples: F32,
    weights: F32,
    rotations: F64,
    runs: Runs,
    waves: Waves,
    shifts: F32,
    reach: float,
    box: int,
    best: F64,
) -> None:
    """For every rotation (C, 3, 3) the shift with the highest ``Re sum O f M*``: best (C, 3).

    The arrays from ``runs`` on are those of `shifts.survey`.
    """
    size, count = shifts.shape[0], points.shape[1]
    product, mass = np.empty((2, count), np.float32), np.empty(count, np.float32)
    seen = np.empty((2, count), np.float32)
    lines = np.empty((waves[1].shape[2], 2, size), np.float32)
    planes = np.empty((waves[2].shape[2], size, 2, size), np.float32)
    values = np.empty((size, size, size), np.float32)
    spacing = shifts[1] - shifts[0]
    for i in range(rotations.shape[0]):
        gather(grid, points, rotations[i], 2.0, product)
        overlap(table, points, rotations[i], 2.0, weights, mass)
        for p in range(2):
            for j in range(count):
                seen[p, j] = mass[j] * samples[p, j]
        multiply(product, seen, mass, 0, count)
        transform(product, runs, waves, lines, planes, values)
        c, b, a = best_cell(values, shifts, reach)
        best[i, 0], best[i, 1], best[i, 2] = shifts[c], shifts[b], shifts[a]
        ascend(product, points, box, reach, spacing, best[i])
