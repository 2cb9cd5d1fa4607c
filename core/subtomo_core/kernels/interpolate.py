r"""Trilinear gather from, and scatter into, a centred half grid of Fourier space.

A half grid ``g[w, v, u]`` holds the transform at the points ``(u, v - c, w - c) / scale`` with
``u >= 0`` and ``c = (g.shape[0] - 1) // 2``; the other half follows from
``g(-k) = conj(g(k))``. Complex numbers are pairs of float32 on a last axis of a grid, and on the
first axis of components: (2, J).

Coordinates are worked out for a block of components at once, in vector instructions; then the
four rows of two neighbours, eight numbers in all, are read for one component after the other.
"""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, F64, I32
from subtomo_core.kernels.waves import wave

_BLOCK = 256  # components whose coordinates stay in the first cache
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_U1, _U2, _U3 = np.uint64(1), np.uint64(2), np.uint64(3)


@jit
def locate(
    points: F32, first: int, turn: F32, c: int, width: int, index: I32, fraction: F32
) -> None:
    """Grid cells of ``R^-1 k`` for a block of points (3, J) from ``first``.

    ``turn`` (3, 3) is the rotation times the grid's scale. ``index`` (B,) gets the cell's place
    in a grid of ``width`` points a row, ``fraction`` (4, B) the place within the cell (x, y, z)
    and -1 where the conjugate mate was taken.
    """
    # Views of one axis, which the compiler knows to be contiguous.
    px, py, pz = points[0][first:], points[1][first:], points[2][first:]
    centre = np.float32(c)
    row, plane = np.int32(width), np.int32(width * (2 * c + 1))
    for a in range(index.shape[0]):
        x, y, z = px[a], py[a], pz[a]
        u = turn[0, 0] * x + turn[1, 0] * y + turn[2, 0] * z
        v = turn[0, 1] * x + turn[1, 1] * y + turn[2, 1] * z
        w = turn[0, 2] * x + turn[1, 2] * y + turn[2, 2] * z
        sign = _ONE if u >= _ZERO else -_ONE
        u *= sign
        v = v * sign + centre
        w = w * sign + centre
        i, j, k = np.int32(u), np.int32(v), np.int32(w)
        index[a] = k * plane + j * row + i
        fraction[0, a] = u - np.float32(i)
        fraction[1, a] = v - np.float32(j)
        fraction[2, a] = w - np.float32(k)
        fraction[3, a] = sign


@jit
def gather(grid: F32, points: F32, rotation: F64, scale: float, out: F32) -> None:
    """``out[:, j] = grid(R^-1 points[:, j])`` for points (3, J) in order x, y, z."""
    c, width = (grid.shape[0] - 1) // 2, grid.shape[2]
    flat = grid.reshape(-1)
    row, plane = np.uint64(2 * width), np.uint64(2 * width * grid.shape[1])
    turn = (rotation * scale).astype(np.float32)
    index, fraction = np.empty(_BLOCK, np.int32), np.empty((4, _BLOCK), np.float32)
    for first in range(0, points.shape[1], _BLOCK):
        size = min(_BLOCK, points.shape[1] - first)
        locate(points, first, turn, c, width, index[:size], fraction)
        for a in range(size):
            p = _U2 * np.uint64(index[a])
            q, s, t = p + row, p + plane, p + row + plane
            fx, fy, fz = fraction[0, a], fraction[1, a], fraction[2, a]
            w11 = fz * fy
            w10, w01 = fz - w11, fy - w11
            w00 = _ONE - fz - w01
            r0 = w00 * flat[p] + w01 * flat[q] + w10 * flat[s] + w11 * flat[t]
            i0 = (
                w00 * flat[p + _U1]
                + w01 * flat[q + _U1]
                + w10 * flat[s + _U1]
                + w11 * flat[t + _U1]
            )
            r1 = (
                w00 * flat[p + _U2]
                + w01 * flat[q + _U2]
                + w10 * flat[s + _U2]
                + w11 * flat[t + _U2]
            )
            i1 = (
                w00 * flat[p + _U3]
                + w01 * flat[q + _U3]
                + w10 * flat[s + _U3]
                + w11 * flat[t + _U3]
            )
            out[0, first + a] = r0 + fx * (r1 - r0)
            out[1, first + a] = fraction[3, a] * (i0 + fx * (i1 - i0))


@jit
def gather_slopes(grid: F32, points: F32, rotation: F64, scale: float, out: F32) -> None:
    """Values and gradients at ``R^-1 k``: out (8, J) = re, im, then d/dx, d/dy, d/dz of both.

    Gradients are in grid steps, in the frame of the grid.
    """
    c, width = (grid.shape[0] - 1) // 2, grid.shape[2]
    flat = grid.reshape(-1)
    row, plane = np.uint64(2 * width), np.uint64(2 * width * grid.shape[1])
    turn = (rotation * scale).astype(np.float32)
    index, fraction = np.empty(_BLOCK, np.int32), np.empty((4, _BLOCK), np.float32)
    for first in range(0, points.shape[1], _BLOCK):
        size = min(_BLOCK, points.shape[1] - first)
        locate(points, first, turn, c, width, index[:size], fraction)
        for a in range(size):
            p = _U2 * np.uint64(index[a])
            fx, fy, fz = fraction[0, a], fraction[1, a], fraction[2, a]
            sign = fraction[3, a]
            for part in range(2):
                q, s, t = p + row, p + plane, p + row + plane
                d0, d1 = flat[p + _U2] - flat[p], flat[q + _U2] - flat[q]
                d2, d3 = flat[s + _U2] - flat[s], flat[t + _U2] - flat[t]
                b0, b1 = flat[p] + fx * d0, flat[q] + fx * d1
                b2, b3 = flat[s] + fx * d2, flat[t] + fx * d3
                c0, c1 = b0 + fy * (b1 - b0), b2 + fy * (b3 - b2)
                e0, e1 = d0 + fy * (d1 - d0), d2 + fy * (d3 - d2)
                # The value's imaginary part changes sign in the mirrored half; so does each
                # slope, once more, as the point itself was mirrored.
                value, slope = (sign, _ONE) if part else (_ONE, sign)
                out[part, first + a] = value * (c0 + fz * (c1 - c0))
                out[2 + part, first + a] = slope * (e0 + fz * (e1 - e0))
                out[4 + part, first + a] = slope * (b1 - b0 + fz * (b3 - b2 - b1 + b0))
                out[6 + part, first + a] = slope * (c1 - c0)
                p += _U1


@jit
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


@jit
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
    conjugate mate is added when the grid is folded (`maximisation`).
    """
    c, width = (denominator.shape[0] - 1) // 2, denominator.shape[2]
    values, masses = numerator.reshape(-1), denominator.reshape(-1)
    row, plane = np.uint64(width), np.uint64(width * denominator.shape[1])
    turn = (rotation * 2.0).astype(np.float32)
    share = np.float32(probability)
    index, fraction = np.empty(_BLOCK, np.int32), np.empty((4, _BLOCK), np.float32)
    for first in range(0, points.shape[1], _BLOCK):
        size = min(_BLOCK, points.shape[1] - first)
        locate(points, first, turn, c, width, index[:size], fraction)
        for a in range(size):
            re = share * samples[0, first + a]
            im = share * samples[1, first + a] * fraction[3, a]
            mass = share * weights[first + a]
            fx = fraction[0, a]
            corner = np.uint64(index[a])
            for k in range(2):
                gz = fraction[2, a] if k else _ONE - fraction[2, a]
                for j in range(2):
                    far = gz * (fraction[1, a] if j else _ONE - fraction[1, a])
                    near = far * (_ONE - fx)
                    far *= fx
                    p = corner + np.uint64(k) * plane + np.uint64(j) * row
                    masses[p] += near * mass
                    masses[p + _U1] += far * mass
                    p *= _U2
                    values[p] += near * re
                    values[p + _U1] += near * im
                    values[p + _U2] += far * re
                    values[p + _U3] += far * im
