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

from subtomo_core.kernels.interpolate import gather, gather_some
from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.series import best_cell, transform, value_at
from subtomo_core.kernels.types import F32, F64, I64, Runs, Waves
from subtomo_core.kernels.waves import wave

# On a grid of `rings.ShiftGrid` a summit is at most this much higher than the points around it.
_SUMMIT = 1.75
_LOOKS = 3  # at the slope of the series, in a climb
# A step is taken without another look where the square of what it promises is less than this
# share of the series' value (0.5 of 100, 1 of 400): the summit is then as high as promised, but
# for a tenth.
_NEAR = 0.0025
_RIGHT = 0.6  # of a reference's power P, where half of it is what a right pose gains
_SURE = 4.0  # standard deviations of noise which a candidate is granted
_BLOCK = 512  # terms summed in float32 before they join the sum in float64


@jit
def multiply(model: F32, samples: F32, weights: F32, start: int, end: int) -> float:
    """``model <- S conj(model)`` in place, components (2, J); returns ``sum W |model|^2``.

    For the components from ``start`` to ``end``.
    """
    power = 0.0
    for first in range(start, end, _BLOCK):
        # Views of one row, which the compiler knows to be contiguous.
        last = min(first + _BLOCK, end)
        re, im = model[0][first:last], model[1][first:last]
        a, b = samples[0][first:last], samples[1][first:last]
        w = weights[first:last]
        part = np.float32(0.0)
        for j in range(w.shape[0]):
            r, i = re[j], im[j]
            part += w[j] * (r * r + i * i)
            re[j] = a[j] * r + b[j] * i
            im[j] = b[j] * r - a[j] * i
        power += float(part)
    return power


@jit
def add_slopes(
    product: F32,
    points: F32,
    start: int,
    end: int,
    box: int,
    shift: F64,
    gradient: F64,
    hessian: F64,
) -> float:
    """Value of the series at ``shift``; its gradient and Hessian in t (x, y, z) are added.

    Of the components from ``start`` to ``end``.
    """
    a, b, c = np.float32(shift[0] / box), np.float32(shift[1] / box), np.float32(shift[2] / box)
    turn = 2.0 * math.pi / box
    value = 0.0
    for first in range(start, end, _BLOCK):
        last = min(first + _BLOCK, end)
        px, py, pz = points[0][first:last], points[1][first:last], points[2][first:last]
        real, imaginary = product[0][first:last], product[1][first:last]
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
        for i, slope in enumerate((gx, gy, gz)):
            gradient[i] -= turn * slope
        for i, k, curve in ((0, 0, xx), (0, 1, xy), (0, 2, xz), (1, 1, yy), (1, 2, yz), (2, 2, zz)):
            hessian[i, k] -= turn * turn * curve
            hessian[k, i] = hessian[i, k]
    return value


@jit
def newton_step(gradient: F64, hessian: F64, longest: float, step: F64) -> float:
    """Write the step to the summit into ``step``; what it promises, or -1 where there is no hill.

    The promise is that of a step which is short enough.
    """
    a, b, c = -hessian[0, 0], -hessian[0, 1], -hessian[0, 2]
    d, e, f = -hessian[1, 1], -hessian[1, 2], -hessian[2, 2]
    m0 = d * f - e * e
    m1 = c * e - b * f
    m2 = b * e - c * d
    det = a * m0 + b * m1 + c * m2
    if a <= 0.0 or a * d - b * b <= 0.0 or det <= 0.0:
        return -1.0
    gx, gy, gz = gradient[0], gradient[1], gradient[2]
    step[0] = (m0 * gx + m1 * gy + m2 * gz) / det
    step[1] = (m1 * gx + (a * f - c * c) * gy + (b * c - a * e) * gz) / det
    step[2] = (m2 * gx + (b * c - a * e) * gy + (a * d - b * b) * gz) / det
    promise = 0.5 * float(step[0] * gx + step[1] * gy + step[2] * gz)
    length = math.sqrt(step[0] ** 2 + step[1] ** 2 + step[2] ** 2)
    if length > longest:
        part = longest / length
        promise *= part * (2.0 - part)
        for i in range(3):
            step[i] *= part
    return promise


@jit
def uphill(
    product: F32,
    points: F32,
    box: int,
    reach: float,
    spacing: float,
    value: float,
    gradient: F64,
    hessian: F64,
    shift: F64,
) -> float:
    """Move ``shift`` to the summit of the series nearby; returns the value there.

    The series has this value, gradient and Hessian at ``shift``; the last two are written over.
    """
    step, trial = np.empty(3), shift.copy()
    highest = value
    for left in range(_LOOKS - 1, -1, -1):
        promise = newton_step(gradient, hessian, 0.6 * spacing, step)
        near = promise * promise < _NEAR * value
        if promise < 0.0 or (left == 0 and not near):
            break
        trial += step
        within = trial[0] ** 2 + trial[1] ** 2 + trial[2] ** 2 <= reach * reach
        if near:
            value += promise
        else:
            gradient[:], hessian[:] = 0.0, 0.0
            end = points.shape[1]
            value = add_slopes(product, points, 0, end, box, trial, gradient, hessian)
        if within and value > highest:
            highest = value
            shift[:] = trial
        if near:
            break
    return highest


@jit
def ascend(product: F32, points: F32, box: int, reach: float, spacing: float, shift: F64) -> float:
    """`uphill` from a place where nothing is known of the series."""
    gradient, hessian = np.zeros(3), np.zeros((3, 3))
    value = add_slopes(product, points, 0, points.shape[1], box, shift, gradient, hessian)
    return uphill(product, points, box, reach, spacing, value, gradient, hessian, shift)


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
def hopes(shell_power: F32, shell_weights: F64, shells: I64) -> F64:
    """What the shells beyond each of ``shells`` may add to a candidate's log-likelihood.

    With P the reference's power there (``shell_power`` of shells 1, 2, ... times weights), a
    right pose gains P / 2 with a standard deviation of root P; a little more where the reference
    was drawn towards zero.
    """
    found = np.empty(shells.shape[0])
    for ring in range(shells.shape[0]):
        power = 0.0
        for s in range(shells[ring], shell_power.shape[0]):
            power += shell_power[s] * shell_weights[s + 1]
        found[ring] = _RIGHT * power + _SURE * math.sqrt(power)
    return found


@jit
def survey(
    grid: F32,
    points: F32,
    samples: F32,
    weights: F32,
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

    Of the components ``samples`` (2, J) only the first are looked at, as many as ``points``.
    A candidate stays on its grid point where even the highest summit nearby (`_SUMMIT` times the
    grid's value) would leave its log-likelihood more than ``margin`` below the best so far.
    """
    size, count = shifts.shape[0], points.shape[1]
    product = np.empty((2, count), np.float32)
    lines = np.empty((waves[1].shape[2], 2, size), np.float32)
    planes = np.empty((waves[2].shape[2], size, 2, size), np.float32)
    values = np.empty((size, size, size), np.float32)
    spacing = shifts[1] - shifts[0]
    highest = -1.0e300
    for i in range(rotations.shape[0]):
        gather(grid, points, rotations[i], 2.0, product)
        power[i] = multiply(product, samples, weights, 0, count)
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
    ends: I64,
    hope: F64,
    rotations: F64,
    reach: float,
    box: int,
    spacing: float,
    margin: float,
    best: F64,
    gain: F64,
    power: F64,
) -> int:
    """The same with all components, from the shifts found, for those which may still matter.

    Rotations are taken from the best down, and each is looked at ring by ring, up to ``ends``.
    One which, with the ``hope`` of what lies beyond added to its log-likelihood, falls more than
    ``margin`` below the best so far is left, and its gain becomes minus infinity. Returns how
    many components were looked at.
    """
    coarse = gain - 0.5 * power
    product = np.empty((2, points.shape[1]), np.float32)
    gradient, hessian = np.empty(3), np.empty((3, 3))
    highest = -1.0e300
    seen = 0
    for i in falling(coarse):
        value = whole = 0.0
        gradient[:], hessian[:] = 0.0, 0.0
        far = coarse[i] + hope[0] < highest - margin
        start = 0
        for ring in range(ends.shape[0]):
            if far:
                break
            end = ends[ring]
            gather_some(grid, points, start, end, rotations[i], 2.0, product)
            whole += multiply(product, samples, weights, start, end)
            value += add_slopes(product, points, start, end, box, best[i], gradient, hessian)
            far = value - 0.5 * whole + hope[ring] < highest - margin
            seen += end - start
            start = end
        if far:
            gain[i] = -np.inf
            continue
        power[i] = whole
        gain[i] = uphill(product, points, box, reach, spacing, value, gradient, hessian, best[i])
        highest = max(highest, gain[i] - 0.5 * whole)
    return seen
