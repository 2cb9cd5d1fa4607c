r"""Best shift of each candidate rotation, and the log-likelihood there.

For samples S and weights W (both divided by the noise variance), the log-likelihood of a pose
is, up to a constant of the particle (FAML equation 4 in the notation of S and W),

.. math:: \mathrm{Re} \sum_k S A_R^* e^{2 \pi i k \cdot t / n} - \tfrac12 \sum_k W |A_R|^2 .

The first sum is a Fourier series in t: it is evaluated on a small grid of shifts by one pruned
transform along each axis, and its best grid point climbs to the summit by Newton's method.
Components (2, J) hold real parts, then imaginary parts; they stand in runs of equal x and y and
of consecutive z.
"""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.interpolate import gather
from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.series import best_cell, transform, value_at
from subtomo_core.kernels.types import F32, F64, I64, Runs, Waves
from subtomo_core.kernels.waves import wave

# On a grid of `coarse.ShiftGrid` a summit is at most this much higher than the points around it.
_SUMMIT = 1.75
_CLIMBS = 3  # Newton's steps at most
_STILL = 0.01  # a step which promises less log-likelihood than this ends the climb
_BLOCK = 512  # terms summed in float32 before they join the sum in float64


@jit
def multiply(model: F32, samples: F32, weights: F32) -> float:
    """``model <- S conj(model)`` in place, components (2, J); returns ``sum W |model|^2``."""
    power = 0.0
    for first in range(0, weights.shape[0], _BLOCK):
        # Views of one row, which the compiler knows to be contiguous.
        re, im = model[0][first : first + _BLOCK], model[1][first : first + _BLOCK]
        a, b = samples[0][first : first + _BLOCK], samples[1][first : first + _BLOCK]
        w = weights[first : first + _BLOCK]
        part = np.float32(0.0)
        for j in range(w.shape[0]):
            r, i = re[j], im[j]
            part += w[j] * (r * r + i * i)
            re[j] = a[j] * r + b[j] * i
            im[j] = b[j] * r - a[j] * i
        power += float(part)
    return power


@jit
def climb(product: F32, points: F32, box: int, shift: F64, gradient: F64, hessian: F64) -> float:
    """Value of the series at ``shift``, with its gradient and Hessian in t (x, y, z)."""
    a, b, c = np.float32(shift[0] / box), np.float32(shift[1] / box), np.float32(shift[2] / box)
    value = 0.0
    gradient[:] = 0.0
    hessian[:] = 0.0
    for first in range(0, points.shape[1], _BLOCK):
        px, py = points[0][first : first + _BLOCK], points[1][first : first + _BLOCK]
        pz = points[2][first : first + _BLOCK]
        real, imaginary = product[0][first : first + _BLOCK], product[1][first : first + _BLOCK]
        v = gx = gy = gz = np.float32(0.0)
        xx = xy = xz = yy = yz = zz = np.float32(0.0)
        for j in range(px.shape[0]):
            x, y, z = px[j], py[j], pz[j]
            cosine, sine = wave(x * a + y * b + z * c)
            re = real[j] * cosine - imaginary[j] * sine
            im = real[j] * sine + imaginary[j] * cosine
            v += re
            gx += x * im
            gy += y * im
            gz += z * im
            xx += x * x * re
            xy += x * y * re
            xz += x * z * re
            yy += y * y * re
            yz += y * z * re
            zz += z * z * re
        value += float(v)
        gradient[0] -= gx
        gradient[1] -= gy
        gradient[2] -= gz
        hessian[0, 0] -= xx
        hessian[0, 1] -= xy
        hessian[0, 2] -= xz
        hessian[1, 1] -= yy
        hessian[1, 2] -= yz
        hessian[2, 2] -= zz
    turn = 2.0 * math.pi / box
    for i in range(3):
        gradient[i] *= turn
        for k in range(i, 3):
            hessian[i, k] *= turn * turn
            hessian[k, i] = hessian[i, k]
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
def ascend(product: F32, points: F32, box: int, reach: float, spacing: float, shift: F64) -> float:
    """Move ``shift`` to the summit of the series nearby; returns the value there."""
    gradient, step, trial = np.empty(3), np.empty(3), shift.copy()
    hessian = np.empty((3, 3))
    highest = -np.inf
    for _ in range(_CLIMBS):
        value = climb(product, points, box, trial, gradient, hessian)
        length = trial[0] ** 2 + trial[1] ** 2 + trial[2] ** 2
        # The start counts wherever it lies: rounding may leave it just out of reach.
        if value > highest and (length <= reach * reach or highest == -np.inf):
            highest = value
            shift[:] = trial
        if not newton_step(gradient, hessian, 0.6 * spacing, step):
            break
        promise = 0.0
        for axis in range(3):
            promise += 0.5 * step[axis] * gradient[axis]
            trial[axis] += step[axis]
        if promise < _STILL:
            break
    return highest


@jit
def falling(values: F64) -> I64:
    """Indices of values (C,) from the highest down; of equals the first comes first."""
    order = np.empty(values.shape[0], np.int64)
    for i in range(values.shape[0]):
        place = i
        while place > 0 and values[order[place - 1]] < values[i]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = i
    return order


@jit
def outer_power(shell_power: F32, shell_weights: F64, first: int) -> float:
    """Sum of a reference's power (shells 1, 2, ...) times weights, but for the ``first`` shells."""
    power = 0.0
    for s in range(first, shell_power.shape[0]):
        power += shell_power[s] * shell_weights[s + 1]
    return power


@jit
def survey(
    grid: F32,
    points: F32,
    parts: F32,
    doubled: F32,
    chosen: I64,
    rotations: F64,
    runs: Runs,
    waves: Waves,
    shifts: F32,
    reach: float,
    box: int,
    margin: float,
    best: F64,
    gain: F64,
    power: F64,
) -> None:
    """For every rotation (C, 3, 3): best shift (voxels, x y z), correlation there, model power.

    Of the components ``parts`` (2, J) and their weights only those ``chosen`` are looked at.
    A candidate stays on its grid point where even the highest summit nearby (`_SUMMIT` times the
    grid's value) would leave its log-likelihood more than ``margin`` below the best so far.
    """
    size = shifts.shape[0]
    samples, weights = np.empty((2, chosen.shape[0]), np.float32), doubled[chosen]
    for p in range(2):
        for j in range(chosen.shape[0]):
            samples[p, j] = parts[p, chosen[j]]
    product = np.empty_like(samples)
    lines = np.empty((waves[1].shape[2], 2, size), np.float32)
    planes = np.empty((waves[2].shape[2], size, 2, size), np.float32)
    values = np.empty((size, size, size), np.float32)
    spacing = shifts[1] - shifts[0]
    highest = -1.0e300
    for i in range(rotations.shape[0]):
        gather(grid, points, rotations[i], 2.0, product)
        power[i] = multiply(product, samples, weights)
        transform(product, runs, waves, lines, planes, values)
        c, b, a = best_cell(values, shifts, reach)
        best[i, 0], best[i, 1], best[i, 2] = shifts[c], shifts[b], shifts[a]
        gain[i] = value_at(values, c, b, a)
        if _SUMMIT * gain[i] - 0.5 * power[i] < highest - margin:
            continue
        gain[i] = ascend(product, points, box, reach, spacing, best[i])
        highest = max(highest, gain[i] - 0.5 * power[i])


@jit
def look_closer(
    grid: F32,
    points: F32,
    samples: F32,
    weights: F32,
    rotations: F64,
    hope: float,
    reach: float,
    box: int,
    spacing: float,
    margin: float,
    best: F64,
    gain: F64,
    power: F64,
) -> int:
    """The same with all components, from the shifts found, for those which may still matter.

    Rotations are taken from the best down. One which, with ``hope`` added to its log-likelihood,
    lies more than ``margin`` below the best so far is not looked at, and its gain becomes minus
    infinity. Returns how many were looked at.
    """
    coarse = gain - 0.5 * power
    product = np.empty((2, points.shape[1]), np.float32)
    highest = -1.0e300
    count = 0
    for i in falling(coarse):
        if coarse[i] + hope < highest - margin:
            gain[i] = -np.inf
            continue
        gather(grid, points, rotations[i], 2.0, product)
        power[i] = multiply(product, samples, weights)
        gain[i] = ascend(product, points, box, reach, spacing, best[i])
        highest = max(highest, gain[i] - 0.5 * power[i])
        count += 1
    return count
