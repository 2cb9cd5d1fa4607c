r"""Best shift of each candidate rotation, and the log-likelihood there.

For samples S and weights W (both divided by the noise variance), the log-likelihood of a pose
is, up to a constant of the particle (FAML equation 4 in the notation of S and W),

.. math:: \mathrm{Re} \sum_k S A_R^* e^{2 \pi i k \cdot t / n} - \tfrac12 \sum_k W |A_R|^2 .

The first sum is a Fourier series in t: it is evaluated on a small grid of shifts by one pruned
transform along each axis, and its best grid point climbs to the summit by Newton's method.
"""

from __future__ import annotations

import math

from subtomo_core.kernels.interpolate import corner
from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, F64, I64

# Three grid points in the shortest wavelength: a summit is at most this much higher.
_SUMMIT = 1.6


@jit
def products(
    grid: F32,
    columns: F32,
    starts: I64,
    heights: F32,
    samples: F32,
    weights: F32,
    rotation: F64,
    out: F32,
) -> float:
    """``out[j] = S_j conj(A_R(k_j))``; returns ``sum W |A_R|^2``.

    Components are grouped in columns (x, y) with ascending z (`heights`).
    """
    c = (grid.shape[0] - 1) // 2
    r = rotation * 2.0
    power = 0.0
    for q in range(columns.shape[0]):
        x, y = columns[q, 0], columns[q, 1]
        u0 = r[0, 0] * x + r[1, 0] * y
        v0 = r[0, 1] * x + r[1, 1] * y
        w0 = r[0, 2] * x + r[1, 2] * y
        for j in range(starts[q], starts[q + 1]):
            z = heights[j]
            re, im = corner(grid, u0 + r[2, 0] * z, v0 + r[2, 1] * z, w0 + r[2, 2] * z, c)
            power += weights[j] * (re * re + im * im)
            a, b = samples[j, 0], samples[j, 1]
            out[j, 0] = a * re + b * im
            out[j, 1] = b * re - a * im
    return power


@jit
def transform(
    product: F32,
    columns: F32,
    starts: I64,
    heights: F32,
    cos: F32,
    sin: F32,
    rows: F32,
    planes: F32,
    out: F32,
) -> None:
    """``out[a, b, c] = Re sum_k product exp(2 pi i (z t_a + y t_b + x t_c) / n)``.

    ``cos``, ``sin`` (2 r + 1, G): the factors ``exp(2 pi i k t_g / n)`` at [k + r, g].
    ``rows`` (2, G) and ``planes`` (r + 1, 2, G, G) are room to work in.
    """
    size = cos.shape[1]
    middle = (cos.shape[0] - 1) // 2
    planes[:] = 0.0
    for q in range(columns.shape[0]):
        for a in range(size):
            rows[0, a] = 0.0
            rows[1, a] = 0.0
        for j in range(starts[q], starts[q + 1]):
            z = int(heights[j]) + middle
            re, im = product[j, 0], product[j, 1]
            for a in range(size):
                rows[0, a] += re * cos[z, a] - im * sin[z, a]
                rows[1, a] += re * sin[z, a] + im * cos[z, a]
        x = int(columns[q, 0])
        y = int(columns[q, 1]) + middle
        for b in range(size):
            cy, sy = cos[y, b], sin[y, b]
            for a in range(size):
                planes[x, 0, b, a] += rows[0, a] * cy - rows[1, a] * sy
                planes[x, 1, b, a] += rows[0, a] * sy + rows[1, a] * cy
    out[:] = 0.0
    for x in range(planes.shape[0]):
        for c in range(size):
            cx, sx = cos[x + middle, c], sin[x + middle, c]
            for b in range(size):
                for a in range(size):
                    out[c, b, a] += planes[x, 0, b, a] * cx - planes[x, 1, b, a] * sx


@jit
def best_cell(values: F32, shifts: F32, reach: float) -> tuple[int, int, int]:
    """Index (c, b, a) of the highest value among shifts no longer than ``reach``."""
    size = values.shape[0]
    best = -1.0e300
    top = (size // 2, size // 2, size // 2)
    limit = reach * reach
    for c in range(size):
        for b in range(size):
            for a in range(size):
                if values[c, b, a] > best:
                    length = shifts[c] ** 2 + shifts[b] ** 2 + shifts[a] ** 2
                    if length <= limit:
                        best = values[c, b, a]
                        top = (c, b, a)
    return top


@jit
def climb(
    product: F32,
    columns: F32,
    starts: I64,
    heights: F32,
    phases: F32,
    turn: float,
    shift: F64,
    gradient: F64,
    hessian: F64,
) -> float:
    """Value of the series at ``shift``, with its gradient and Hessian in t (x, y, z)."""
    middle = (phases.shape[1] - 1) // 2
    for axis in range(3):
        for k in range(phases.shape[1]):
            angle = turn * (k - middle) * shift[axis]
            phases[axis, k, 0] = math.cos(angle)
            phases[axis, k, 1] = math.sin(angle)
    value = 0.0
    gradient[:] = 0.0
    hessian[:] = 0.0
    for q in range(columns.shape[0]):
        x, y = columns[q, 0], columns[q, 1]
        cx, sx = phases[0, int(x) + middle, 0], phases[0, int(x) + middle, 1]
        cy, sy = phases[1, int(y) + middle, 0], phases[1, int(y) + middle, 1]
        e0, e1, e2 = 0.0, 0.0, 0.0
        o0, o1, o2 = 0.0, 0.0, 0.0
        for j in range(starts[q], starts[q + 1]):
            z = heights[j]
            cz, sz = phases[2, int(z) + middle, 0], phases[2, int(z) + middle, 1]
            re = product[j, 0] * cz - product[j, 1] * sz
            im = product[j, 0] * sz + product[j, 1] * cz
            e0 += re
            e1 += re * z
            e2 += re * z * z
            o0 += im
            o1 += im * z
            o2 += im * z * z
        c = cx * cy - sx * sy
        s = cx * sy + sx * cy
        r0, i0 = c * e0 - s * o0, s * e0 + c * o0
        r1, i1 = c * e1 - s * o1, s * e1 + c * o1
        r2 = c * e2 - s * o2
        value += r0
        gradient[0] -= x * i0
        gradient[1] -= y * i0
        gradient[2] -= i1
        hessian[0, 0] -= x * x * r0
        hessian[0, 1] -= x * y * r0
        hessian[1, 1] -= y * y * r0
        hessian[0, 2] -= x * r1
        hessian[1, 2] -= y * r1
        hessian[2, 2] -= r2
    for a in range(3):
        gradient[a] *= turn
        for b in range(a, 3):
            hessian[a, b] *= turn * turn
            hessian[b, a] = hessian[a, b]
    return value


@jit
def newton_step(gradient: F64, hessian: F64, longest: float, step: F64) -> bool:
    """Write the step to the summit into ``step``; False where the ground is not a hill."""
    a, b, c = -hessian[0, 0], -hessian[0, 1], -hessian[0, 2]
    d, e, f = -hessian[1, 1], -hessian[1, 2], -hessian[2, 2]
    m0 = d * f - e * e
    m1 = c * e - b * f
    m2 = b * e - c * d
    det = a * m0 + b * m1 + c * m2
    if a <= 0.0 or a * d - b * b <= 0.0 or det <= 0.0:
        return False
    gx, gy, gz = gradient[0], gradient[1], gradient[2]
    step[0] = (m0 * gx + m1 * gy + m2 * gz) / det
    step[1] = (m1 * gx + (a * f - c * c) * gy + (b * c - a * e) * gz) / det
    step[2] = (m2 * gx + (b * c - a * e) * gy + (a * d - b * b) * gz) / det
    length = math.sqrt(step[0] ** 2 + step[1] ** 2 + step[2] ** 2)
    if length > longest:
        for i in range(3):
            step[i] *= longest / length
    return True


@jit
def match_all(
    grid: F32,
    columns: F32,
    starts: I64,
    heights: F32,
    samples: F32,
    weights: F32,
    rotations: F64,
    cos: F32,
    sin: F32,
    shifts: F32,
    reach: float,
    turn: float,
    margin: float,
    product: F32,
    rows: F32,
    planes: F32,
    values: F32,
    phases: F32,
    best: F64,
    gain: F64,
    power: F64,
) -> None:
    """For every rotation (C, 3, 3): best shift (voxels, x y z), correlation there, model power.

    A candidate stays on its grid point where even the highest summit nearby (`_SUMMIT` times the
    grid's value) would leave its log-likelihood more than ``margin`` below the best so far.
    """
    gradient = best[0].copy()
    step = best[0].copy()
    trial = best[0].copy()
    hessian = rotations[0].copy()
    highest = -1.0e300
    spacing = shifts[1] - shifts[0] if shifts.shape[0] > 1 else 1.0
    for i in range(rotations.shape[0]):
        power[i] = products(grid, columns, starts, heights, samples, weights, rotations[i], product)
        transform(product, columns, starts, heights, cos, sin, rows, planes, values)
        c, b, a = best_cell(values, shifts, reach)
        trial[0], trial[1], trial[2] = shifts[c], shifts[b], shifts[a]
        best[i, 0], best[i, 1], best[i, 2] = trial[0], trial[1], trial[2]
        gain[i] = values[c, b, a]
        if _SUMMIT * gain[i] - 0.5 * power[i] < highest - margin:
            continue
        for _ in range(3):
            value = climb(product, columns, starts, heights, phases, turn, trial, gradient, hessian)
            length = trial[0] ** 2 + trial[1] ** 2 + trial[2] ** 2
            if value >= gain[i] and length <= reach * reach:
                gain[i] = value
                best[i, 0], best[i, 1], best[i, 2] = trial[0], trial[1], trial[2]
            if not newton_step(gradient, hessian, 0.6 * spacing, step):
                break
            for axis in range(3):
                trial[axis] += step[axis]
        highest = max(highest, gain[i] - 0.5 * power[i])
