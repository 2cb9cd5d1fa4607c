"""Local maxima over the Euler grid of a rotational correlation.

Values (L + 1, 2 L, 2 L) have the axes beta, alpha, gamma, each ``pi index / L``; beta ends at
pi. Beyond its ends lie the points with alpha and gamma half a turn further.
"""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, F64, I64


@jit
def value_at(values: F32, j: int, k: int, i: int) -> float:
    """Value at an index which may lie one step beyond the ends."""
    last, size = values.shape[0] - 1, values.shape[1]
    if j < 0:
        j, k, i = -j, k + last, i + last
    elif j > last:
        j, k, i = 2 * last - j, k + last, i + last
    return float(values[j, k % size, i % size])


@jit
def highest_around(values: F32, out: F32) -> None:
    """Highest value among each grid point and its 26 neighbours.

    Along one axis after the other: gamma, alpha, then beta.
    """
    last, size = values.shape[0] - 1, values.shape[1]
    rows = np.empty((size, size), np.float32)
    planes = np.empty_like(values)
    for j in range(last + 1):
        for k in range(size):
            v, row = values[j, k], rows[k]
            row[0] = max(v[size - 1], v[0], v[1])
            row[size - 1] = max(v[size - 2], v[size - 1], v[0])
            for i in range(1, size - 1):
                row[i] = max(v[i - 1], v[i], v[i + 1])
        for k in range(size):
            before, here, after = rows[k - 1], rows[k], rows[k + 1 if k < size - 1 else 0]
            plane = planes[j, k]
            for i in range(size):
                plane[i] = max(before[i], here[i], after[i])
    for j in range(last + 1):
        for k in range(size):
            here, target = planes[j, k], out[j, k]
            if 0 < j < last:
                below, above = planes[j - 1, k], planes[j + 1, k]
                for i in range(size):
                    target[i] = max(below[i], here[i], above[i])
            else:  # beyond a pole alpha and gamma stand half a turn further
                inner = planes[1 if j == 0 else last - 1]
                near, far = inner[k], inner[(k + last) % size]
                for i in range(size):
                    target[i] = max(near[i], here[i], far[(i + last) % size])


@jit
def parabola(before: float, here: float, after: float) -> float:
    """Offset of the vertex through three equidistant values, within half a step."""
    bend = before - 2.0 * here + after
    if bend >= 0.0:
        return 0.0
    return min(0.5, max(-0.5, 0.5 * (before - after) / bend))


@jit
def trace_with(r: F64, alpha: float, beta: float, gamma: float) -> float:
    """Trace of ``r^T Rz(alpha) Ry(beta) Rz(gamma)``: 1 + 2 cos of the angle between the two."""
    ca, sa = math.cos(alpha), math.sin(alpha)
    cb, sb = math.cos(beta), math.sin(beta)
    cg, sg = math.cos(gamma), math.sin(gamma)
    trace = r[0, 0] * (ca * cb * cg - sa * sg) - r[0, 1] * (ca * cb * sg + sa * cg)
    trace += r[1, 0] * (sa * cb * cg + ca * sg) - r[1, 1] * (sa * cb * sg - ca * cg)
    trace += r[0, 2] * ca * sb + r[1, 2] * sa * sb
    trace += r[2, 1] * sb * sg - r[2, 0] * sb * cg + r[2, 2] * cb
    return float(trace)


@jit
def find_peaks(values: F32, near: F64, cosine: float, heights: F32, angles: F64) -> int:
    """Collect local maxima: heights and ZYZ angles (radians) off the grid by parabolas.

    Maxima count only where the trace with the rotation ``near`` is at least ``cosine``
    (`thin_out`; -1 lets all pass). Returns how many were found; when the arrays are full the
    lowest so far is replaced.
    """
    last, size = values.shape[0] - 1, values.shape[1]
    unit = math.pi / last
    everywhere = cosine <= -1.0
    room = heights.shape[0]
    count = 0
    lowest = 0
    around = np.empty_like(values)
    highest_around(values, around)
    for j in range(last + 1):
        for k in range(size):
            here, highest = values[j, k], around[j, k]
            for i in range(size):
                if here[i] < highest[i]:
                    continue
                v = here[i]
                if not v >= highest[i] or (count == room and v <= heights[lowest]):
                    continue
                beta = j + parabola(value_at(values, j - 1, k, i), v, value_at(values, j + 1, k, i))
                alpha = k + parabola(
                    value_at(values, j, k - 1, i), v, value_at(values, j, k + 1, i)
                )
                gamma = i + parabola(
                    value_at(values, j, k, i - 1), v, value_at(values, j, k, i + 1)
                )
                if not everywhere:
                    trace = trace_with(near, alpha * unit, beta * unit, gamma * unit)
                    if trace < cosine:
                        continue
                slot = count if count < room else lowest
                heights[slot] = v
                angles[slot, 0] = alpha * unit
                angles[slot, 1] = beta * unit
                angles[slot, 2] = gamma * unit
                if count < room:
                    count += 1
                if count == room:
                    lowest = 0
                    for q in range(1, room):
                        if heights[q] < heights[lowest]:
                            lowest = q
    return count


@jit
def turns(angles: F64, out: F64) -> None:
    """``Rz(alpha) Ry(beta) Rz(gamma)`` of angles (C, 3) in radians, out (C, 9) row by row."""
    for c in range(angles.shape[0]):
        ca, sa = math.cos(angles[c, 0]), math.sin(angles[c, 0])
        cb, sb = math.cos(angles[c, 1]), math.sin(angles[c, 1])
        cg, sg = math.cos(angles[c, 2]), math.sin(angles[c, 2])
        R = out[c]
        R[0], R[1], R[2] = ca * cb * cg - sa * sg, -ca * cb * sg - sa * cg, ca * sb
        R[3], R[4], R[5] = sa * cb * cg + ca * sg, -sa * cb * sg + ca * cg, sa * sb
        R[6], R[7], R[8] = -sb * cg, sb * sg, cb


@jit
def thin_out(rotations: F64, order: I64, cosine: float, kept: I64) -> int:
    """Walk rotations (C, 9) in ``order`` and keep those no closer than the angle to any kept.

    ``cosine`` is ``1 + 2 cos(angle)``, the trace at that distance. Returns how many were kept.
    """
    count = 0
    for c in order:
        alone = True
        for q in range(count):
            trace = 0.0
            for e in range(9):
                trace += rotations[kept[q], e] * rotations[c, e]
            if trace > cosine:
                alone = False
                break
        if alone:
            kept[count] = c
            count += 1
            if count == kept.shape[0]:
                break
    return count
