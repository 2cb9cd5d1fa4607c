"""Newton's climb to a summit of a Fourier series in shifts; see `kernels.shifts`."""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.jit import inlined
from subtomo_core.kernels.types import F32, F64
from subtomo_core.kernels.waves import wave

_LOOKS = 3  # at the slope of the series, in a climb
# A step is taken without another look where it is shorter than this share of the grid's spacing,
# so that the series is a parabola as far as that, and where the square of what it promises is
# less than this share of the series' value (0.5 of 100, 1 of 400): the summit is then as high as
# promised, but for a tenth.
_SHORT = 0.25
_NEAR = 0.0025
_BLOCK = 512  # terms summed in float32 before they join the sum in float64


@inlined
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


@inlined
def newton_step(gradient: F64, hessian: F64, longest: float, step: F64) -> float:
    """Write the step to the summit into ``step``; what it promises, or -1 where there is no hill.

    The promise is that of a step that is short enough.
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


@inlined
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
        length = math.sqrt(step[0] ** 2 + step[1] ** 2 + step[2] ** 2)
        near = length < _SHORT * spacing and promise * promise < _NEAR * value
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


@inlined
def ascend(product: F32, points: F32, box: int, reach: float, spacing: float, shift: F64) -> float:
    """`uphill` from a place where nothing is known of the series."""
    gradient, hessian = np.zeros(3), np.zeros((3, 3))
    value = add_slopes(product, points, 0, points.shape[1], box, shift, gradient, hessian)
    return uphill(product, points, box, reach, spacing, value, gradient, hessian, shift)
