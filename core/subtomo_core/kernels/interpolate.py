r"""Trilinear gather from, and scatter into, a centred half grid of Fourier space.

A half grid ``g[w, v, u]`` holds the transform at the points ``(u, v - c, w - c) / scale`` with
``u >= 0`` and ``c = (g.shape[0] - 1) // 2``; the other half follows from
``g(-k) = conj(g(k))``. Complex numbers are pairs of float32 on a last axis of a grid, and on the
first axis of components: (2, J).

Coordinates are worked out for a block of components at once, in vector instructions; then one
cell after the other is read (`kernels.cells`).
"""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.cells import (
    add_in_cell,
    add_real_in_cell,
    slopes_in_cell,
    value_in_cell,
)
from subtomo_core.kernels.jit import inlined, jit
from subtomo_core.kernels.types import F32, F64, I32, I64
from subtomo_core.kernels.waves import wave

_BLOCK = 256  # components whose coordinates stay in the first cache
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_TWO = np.int64(2)


@inlined
def locate(
    points: F32, first: int, turn: F32, half: int, width: int, index: I32, fraction: F32
) -> None:
    """Grid cells of ``R^-1 k`` for a block of points (3, J) from ``first``.

    ``turn`` (3, 3) is the rotation times the grid's scale. ``index`` (B,) gets the cell's place
    in a grid of ``width`` points a row, ``fraction`` (4, B) the place within the cell (x, y, z)
    and -1 where the conjugate mate was taken.
    """
    # Views of one row, which the compiler knows to be contiguous, and of one length.
    last = first + index.shape[0]
    px, py, pz = points[0][first:last], points[1][first:last], points[2][first:last]
    size = px.shape[0]
    fx, fy, fz = fraction[0][:size], fraction[1][:size], fraction[2][:size]
    side = fraction[3][:size]
    a, b, c = turn[0], turn[1], turn[2]
    centre = np.float32(half)
    row, plane = np.int32(width), np.int32(width * (2 * half + 1))
    for j in range(size):
        x, y, z = px[j], py[j], pz[j]
        u = a[0] * x + b[0] * y + c[0] * z
        v = a[1] * x + b[1] * y + c[1] * z
        w = a[2] * x + b[2] * y + c[2] * z
        sign = _ONE if u >= _ZERO else -_ONE
        u *= sign
        v = v * sign + centre
        w = w * sign + centre
        p, q, r = np.int32(u), np.int32(v), np.int32(w)
        index[j] = r * plane + q * row + p
        fx[j], fy[j], fz[j] = u - np.float32(p), v - np.float32(q), w - np.float32(r)
        side[j] = sign


@inlined
def gather(grid: F32, points: F32, rotation: F64, scale: float, out: F32) -> None:
    """``out[:, j] = grid(R^-1 points[:, j])`` for points (3, J) in order x, y, z."""
    gather_some(grid, points, 0, points.shape[1], rotation, scale, out)


@inlined
def gather_some(
    grid: F32, points: F32, start: int, end: int, rotation: F64, scale: float, out: F32
) -> None:
    """`gather` for the points from ``start`` to ``end``."""
    c, width = (grid.shape[0] - 1) // 2, grid.shape[2]
    flat = grid.reshape(-1)
    row, plane = np.int64(2 * width), np.int64(2 * width * grid.shape[1])
    turn = (rotation * scale).astype(np.float32)
    index, fraction = np.empty(_BLOCK, np.int32), np.empty((4, _BLOCK), np.float32)
    fx, fy, fz, sign = fraction[0], fraction[1], fraction[2], fraction[3]
    for first in range(start, end, _BLOCK):
        size = min(_BLOCK, end - first)
        locate(points, first, turn, c, width, index[:size], fraction)
        real, imaginary = out[0][first : first + size], out[1][first : first + size]
        for j in range(size):
            p = _TWO * np.int64(index[j])
            re, im = value_in_cell(flat, p, row, plane, fx[j], fy[j], fz[j])
            real[j] = re
            imaginary[j] = sign[j] * im


@inlined
def gather_slopes(grid: F32, points: F32, rotation: F64, scale: float, out: F32) -> None:
    """Values and gradients at ``R^-1 k``: out (8, J) = re, im, then d/dx, d/dy, d/dz of both.

    Gradients are in grid steps, in the frame of the grid.
    """
    c, width = (grid.shape[0] - 1) // 2, grid.shape[2]
    flat = grid.reshape(-1)
    row, plane = np.int64(2 * width), np.int64(2 * width * grid.shape[1])
    turn = (rotation * scale).astype(np.float32)
    index, fraction = np.empty(_BLOCK, np.int32), np.empty((4, _BLOCK), np.float32)
    fx, fy, fz, sign = fraction[0], fraction[1], fraction[2], fraction[3]
    for first in range(0, points.shape[1], _BLOCK):
        size = min(_BLOCK, points.shape[1] - first)
        locate(points, first, turn, c, width, index[:size], fraction)
        for j in range(size):
            p, k = _TWO * np.int64(index[j]), first + j
            found = slopes_in_cell(flat, p, row, plane, fx[j], fy[j], fz[j])
            # The value's imaginary part changes sign in the mirrored half; so does each slope,
            # once more, as the point itself was mirrored.
            out[0, k], out[1, k] = found[0], sign[j] * found[1]
            out[2, k], out[3, k] = sign[j] * found[2], found[3]
            out[4, k], out[5, k] = sign[j] * found[4], found[5]
            out[6, k], out[7, k] = sign[j] * found[6], found[7]


@inlined
def shift_back(points: F32, samples: F32, shift: F64, box: int, out: F32) -> None:
    """``out = samples exp(2 pi i k.t / n)``: components (2, J) of a particle moved back by t."""
    a = np.float32(shift[0] / box)
    b = np.float32(shift[1] / box)
    c = np.float32(shift[2] / box)
    for j in range(points.shape[1]):
        cosine, sine = wave(points[0, j] * a + points[1, j] * b + points[2, j] * c)
        re, im = samples[0, j], samples[1, j]
        out[0, j] = re * cosine - im * sine
        out[1, j] = re * sine + im * cosine


@inlined
def scatter(
    numerator: F32,
    denominator: F32,
    points: F32,
    samples: F32,
    weights: F32,
    rotation: F64,
    probability: float,
) -> None:
    """Transpose of `gather`: add samples (already shifted back) at ``R^-1 k``, grid padded twice.

    ``numerator += p S`` and ``denominator += p W``. Each sample stands for itself only; its
    conjugate mate is added when the grid is folded (`fourier.gridding`).
    """
    c, width = (denominator.shape[0] - 1) // 2, denominator.shape[2]
    values, masses = numerator.reshape(-1), denominator.reshape(-1)
    row, plane = np.int64(width), np.int64(width * denominator.shape[1])
    turn = (rotation * 2.0).astype(np.float32)
    share = np.float32(probability)
    index, fraction = np.empty(_BLOCK, np.int32), np.empty((4, _BLOCK), np.float32)
    fx, fy, fz, sign = fraction[0], fraction[1], fraction[2], fraction[3]
    for first in range(0, points.shape[1], _BLOCK):
        size = min(_BLOCK, points.shape[1] - first)
        locate(points, first, turn, c, width, index[:size], fraction)
        real, imaginary = samples[0][first : first + size], samples[1][first : first + size]
        mass = weights[first : first + size]
        for j in range(size):
            p = np.int64(index[j])
            x, y, z = fx[j], fy[j], fz[j]
            re, im = share * real[j], share * imaginary[j] * sign[j]
            add_in_cell(values, _TWO * p, _TWO * row, _TWO * plane, x, y, z, re, im)
            add_real_in_cell(masses, p, row, plane, x, y, z, share * mass[j])


@jit
def scatter_poses(
    numerators: F32,
    denominators: F32,
    points: F32,
    values: F32,
    weights: F32,
    scale: F32,
    classes: I64,
    rotations: F64,
    shifts: F64,
    probabilities: F64,
    box: int,
) -> None:
    """`scatter` one particle's ``values`` (J, 2) and weights, times ``scale`` (J,), at its poses.

    Each pose adds to the grids of its class, ``numerators[k]`` and ``denominators[k]``.
    """
    count = points.shape[1]
    parts, moved = np.empty((2, count), np.float32), np.empty((2, count), np.float32)
    masses = np.empty(count, np.float32)
    for j in range(count):
        parts[0, j], parts[1, j] = scale[j] * values[j, 0], scale[j] * values[j, 1]
        masses[j] = scale[j] * weights[j]
    for i in range(classes.shape[0]):
        k = classes[i]
        shift_back(points, parts, shifts[i], box, moved)
        scatter(
            numerators[k], denominators[k], points, moved, masses, rotations[i], probabilities[i]
        )
