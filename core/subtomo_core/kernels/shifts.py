r"""Best shift of each candidate rotation, and the log-likelihood there.

For samples S and weights W (both divided by the noise variance), the log-likelihood of a pose
is, up to a constant of the particle (FAML equation 15 in the notation of S and W),

.. math:: \mathrm{Re} \sum_k S A_R^* e^{2 \pi i k \cdot t / n} - \tfrac12 \sum_k W |A_R|^2 .

The first sum is a Fourier series in t: it is evaluated on a small grid of shifts by one pruned
transform along each axis, and its best grid point climbs to the summit by Newton's method.
Components (2, J) hold real parts, then imaginary parts; they stand in runs of equal x and y and
of consecutive z.
"""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.ascent import add_slopes, ascend, uphill
from subtomo_core.kernels.interpolate import gather, gather_some
from subtomo_core.kernels.jit import inlined, jit
from subtomo_core.kernels.series import best_cell, transform, value_at
from subtomo_core.kernels.types import F32, F64, I64, Runs, Waves

# On a grid of `likelihood.rings.ShiftGrid` a summit is at most this much higher than the points
# around it.
_SUMMIT = 1.75
_RIGHT = 0.6  # of a reference's power P, where half of it is what a right pose gains
_SURE = 4.0  # standard deviations of noise that a candidate is granted
_BLOCK = 512  # terms summed in float32 before they join the sum in float64


@inlined
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


@inlined
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
    """The same with all components, from the shifts found, for those that may still matter.

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
