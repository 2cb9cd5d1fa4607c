"""Local maxima over the Euler grid of a rotational correlation.

Values (2 L, 2 L, 2, lanes) have the axes alpha, gamma, each ``pi index / L``, and beta in two
halves: ``pi j / L`` at [0, j] and ``pi - pi j / L`` at [1, j], for j up to L / 2. Beyond the ends
of beta lie the points with alpha and gamma half a turn further.
"""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.jit import inlined, jit
from subtomo_core.kernels.types import F32, F64, I64


@inlined
def value_at(values: F32, k: int, i: int, j: int) -> float:
    """Value at an index (alpha, gamma, beta) that may lie one step beyond the ends."""
    size = values.shape[0]
    last = size // 2
    if j < 0 or j > last:
        j, k, i = -j if j < 0 else size - j, k + last, i + last
    row = values[k % size, i % size]
    return float(row[0, j] if 2 * j <= last else row[1, last - j])


@inlined
def level_poles(values: F32) -> None:
    """Give all points of the grid that are one rotation one value: at beta 0 and pi.

    Which of them is the highest would hang on rounding, and their summits off the grid differ.
    """
    size = values.shape[0]
    for k in range(1, size):
        for i in range(size):
            values[k, i, 0, 0] = values[0, (i + k) % size, 0, 0]
            values[k, i, 1, 0] = values[0, (i - k) % size, 1, 0]


@inlined
def highest_along(values: F32, out: F32) -> None:
    """Highest value among each grid point and its 8 neighbours in beta and gamma.

    Infinite where there is no point: in lanes beyond, and in the second half at pi / 2.
    """
    size, half, lanes = values.shape[0], values.shape[0] // 4, values.shape[3]
    wide, far = 2 * lanes, lanes + half
    flat, target = values.reshape(size, size, wide), out.reshape(size, size, wide)
    rows = np.empty((size, wide), np.float32)
    for k in range(size):
        beyond = flat[(k + 2 * half) % size]
        for i in range(size):
            v, w, found = flat[k, i], beyond[(i + 2 * half) % size], rows[i]
            for j in range(1, wide - 1):  # over both halves, whose ends are put right below
                found[j] = max(v[j - 1], v[j], v[j + 1])
            found[0] = max(v[0], v[1], w[1])
            found[half] = max(v[half - 1], v[half], v[far - 1])
            found[half + 1 : lanes] = np.inf
            found[lanes] = max(v[lanes], v[lanes + 1], w[lanes + 1])
            found[far:] = np.inf
        for i in range(size):
            before, here, after = rows[i - 1], rows[i], rows[i + 1 if i < size - 1 else 0]
            highest = target[k, i]
            for j in range(wide):
                highest[j] = max(before[j], here[j], after[j])


@inlined
def parabola(before: float, here: float, after: float) -> float:
    """Offset of the vertex through three equidistant values, within half a step."""
    bend = before - 2.0 * here + after
    if bend >= 0.0:
        return 0.0
    return min(0.5, max(-0.5, 0.5 * (before - after) / bend))


@inlined
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


@inlined
def angles_at(values: F32, place: int, angles: F64) -> None:
    """ZYZ angles (radians) of a maximum at a flat index, off the grid by parabolas."""
    size = values.shape[0]
    last = size // 2
    unit = math.pi / last
    lanes = values.shape[3]
    j, row = place % lanes, place // lanes
    half, row = row % 2, row // 2
    k, i = row // size, row % size
    if half == 1:
        j = last - j
    v = value_at(values, k, i, j)
    alpha = parabola(value_at(values, k - 1, i, j), v, value_at(values, k + 1, i, j))
    beta = parabola(value_at(values, k, i, j - 1), v, value_at(values, k, i, j + 1))
    gamma = parabola(value_at(values, k, i - 1, j), v, value_at(values, k, i + 1, j))
    angles[0], angles[1], angles[2] = (k + alpha) * unit, (j + beta) * unit, (i + gamma) * unit


@inlined
def find_peaks(values: F32, near: F64, cosine: float, heights: F32, places: I64) -> int:
    """Collect the highest local maxima, highest first: heights and flat indices.

    Maxima count only where the trace with the rotation ``near`` is at least ``cosine``
    (`trace_with`; -1 lets all pass). Returns how many were found; at most as many as there is
    room for.
    """
    size, wide = values.shape[0], 2 * values.shape[3]
    around, angles = np.empty_like(values), np.empty(3)
    highest_along(values, around)
    highest, count = np.empty(wide, np.float32), 0
    planes, flat = around.reshape(size, size, wide), values.reshape(size, size, wide)
    for k in range(size):
        before, middle, after = planes[k - 1], planes[k], planes[k + 1 if k < size - 1 else 0]
        for i in range(size):
            here, a, b, c = flat[k, i], before[i], middle[i], after[i]
            some = 0
            for j in range(wide):
                highest[j] = max(a[j], b[j], c[j])
                some += here[j] >= highest[j]
            if some == 0:
                continue
            for j in range(wide):
                if not here[j] >= highest[j]:
                    continue
                place = (k * size + i) * wide + j
                if cosine > -1.0:
                    angles_at(values, place, angles)
                    if trace_with(near, angles[0], angles[1], angles[2]) < cosine:
                        continue
                count = insert(here[j], place, count, heights, places)
    return count


@inlined
def insert(height: np.float32, place: int, count: int, heights: F32, places: I64) -> int:
    """Put a height in its place among ``count`` falling ones; how many there are then.

    Where there is no room for one more the lowest is dropped; of equals the first stays first.
    """
    room = heights.shape[0]
    if count == room:
        if height <= heights[room - 1]:
            return count
        count -= 1
    slot = count
    while slot > 0 and heights[slot - 1] < height:
        heights[slot], places[slot] = heights[slot - 1], places[slot - 1]
        slot -= 1
    heights[slot], places[slot] = height, place
    return count + 1


@inlined
def turn_to(angles: F64, out: F64) -> None:
    """``Rz(alpha) Ry(beta) Rz(gamma)`` of angles (3,) in radians, out (9,) row by row."""
    ca, sa = math.cos(angles[0]), math.sin(angles[0])
    cb, sb = math.cos(angles[1]), math.sin(angles[1])
    cg, sg = math.cos(angles[2]), math.sin(angles[2])
    out[0], out[1], out[2] = ca * cb * cg - sa * sg, -ca * cb * sg - sa * cg, ca * sb
    out[3], out[4], out[5] = sa * cb * cg + ca * sg, -sa * cb * sg + ca * cg, sa * sb
    out[6], out[7], out[8] = -sb * cg, sb * sg, cb


@inlined
def alone(rotations: F64, count: int, cosine: float) -> bool:
    """Whether rotation number ``count`` (C, 9) is no closer than an angle to any before it.

    ``cosine`` is ``1 + 2 cos(angle)``, the trace at that distance.
    """
    for q in range(count):
        trace = 0.0
        for e in range(9):
            trace += rotations[q, e] * rotations[count, e]
        if trace > cosine:
            return False
    return True


@jit
def candidates(
    correlation: F32,
    scale: F32,
    near: F64,
    trace: float,
    closest: float,
    room: int,
    out: F64,
) -> int:
    """Rotations (C, 9) at the highest maxima of ``correlation * scale``, none close to another.

    The product takes the place of the correlation, as both fill a good part of a cache.
    ``room`` maxima are looked at; ``near`` and ``trace`` say where (`find_peaks`), ``closest``
    how close is too close (`alone`). Returns how many were found.
    """
    score, factors = correlation.reshape(-1), scale.reshape(-1)
    for i in range(score.shape[0]):
        score[i] *= factors[i]
    level_poles(correlation)
    heights, places = np.empty(room, np.float32), np.empty(room, np.int64)
    angles, count = np.empty(3), 0
    for p in range(find_peaks(correlation, near, trace, heights, places)):
        angles_at(correlation, places[p], angles)
        turn_to(angles, out[count])
        if alone(out, count, closest):
            count += 1
            if count == out.shape[0]:
                break
    return count
