r"""Log-likelihood of a pose with its slope and curvature in six pose parameters, and its summit.

With the model :math:`M_k = e^{-2 \pi i k \cdot t / n} A(R^{-1} k)` and an increment
:math:`R \to e^{[\omega]} R`, the rotated frequency moves by
:math:`\partial (R^{-1} k) / \partial \omega_a = -R^{-1} (e_a \times k)`, and

.. math::
    L = \mathrm{Re} \sum S M^* - \tfrac12 \sum W |M|^2, \quad
    \nabla L = \mathrm{Re} \sum (S - W M) \, \nabla M^*, \quad
    H \approx \mathrm{Re} \sum W \, \nabla M \, \nabla M^{* T}

(H is the Gauss-Newton curvature of -L; Xu & Alber 2012, equation 18, for complex residuals).
Components (2, J) hold real parts, then imaginary parts.
"""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.interpolate import gather_slopes, shift_back
from subtomo_core.kernels.jit import inlined
from subtomo_core.kernels.types import F32, F64

_BLOCK = 256  # terms summed in float32 before they join the sums in float64


@inlined
def row(array: F32, i: int, first: int) -> F32:
    """A block of one row, in a form that the compiler knows to be contiguous."""
    block: F32 = array[i][first : first + _BLOCK]
    return block


@inlined
def derivatives(model: F32, points: F32, first: int, turn: F32, wave: np.float32, out: F32) -> None:
    """``out[p, a, j] = dM/d(omega, t)_a`` of a block from ``first``, for M without its shift.

    ``model`` (8, J) is what `gather_slopes` found; ``turn`` (3, 3) the rotation times the
    grid's scale; ``wave`` is ``2 pi / n``; p is 0 for the real part, 1 for the imaginary one.
    """
    px, py, pz = row(points, 0, first), row(points, 1, first), row(points, 2, first)
    for p in range(2):
        du, dv, dw = row(model, 2 + p, first), row(model, 4 + p, first), row(model, 6 + p, first)
        other = row(model, 1 - p, first)
        turned = wave if p == 0 else -wave
        target = out[p]
        for a in range(px.shape[0]):
            x, y, z = px[a], py[a], pz[a]
            u, v, w = du[a], dv[a], dw[a]
            # Back to the frame of the particle: R grad, in pixels of the particle.
            gx = turn[0, 0] * u + turn[0, 1] * v + turn[0, 2] * w
            gy = turn[1, 0] * u + turn[1, 1] * v + turn[1, 2] * w
            gz = turn[2, 0] * u + turn[2, 1] * v + turn[2, 2] * w
            # -(e_a x k) . g = -(k x g)_a
            target[0, a] = z * gy - y * gz
            target[1, a] = x * gz - z * gx
            target[2, a] = y * gx - x * gy
            # -i k (re + i im)
            across = turned * other[a]
            target[3, a] = x * across
            target[4, a] = y * across
            target[5, a] = z * across


@inlined
def dot(a: F32, b: F32, size: int) -> np.float32:
    """Sum of products of two rows."""
    total = np.float32(0.0)
    for i in range(size):
        total += a[i] * b[i]
    return total


@inlined
def slope(
    grid: F32,
    points: F32,
    samples: F32,
    weights: F32,
    rotation: F64,
    shift: F64,
    box: int,
    gradient: F64,
    hessian: F64,
) -> tuple[float, float]:
    """Gain and power at a pose; writes ``gradient`` (6,) and ``hessian`` (6, 6) for (omega, t).

    The log-likelihood is ``gain - power / 2``.
    """
    count = points.shape[1]
    model, back = np.empty((8, count), np.float32), np.empty((2, count), np.float32)
    gather_slopes(grid, points, rotation, 2.0, model)
    shift_back(points, samples, shift, box, back)
    turn = (rotation * 2.0).astype(np.float32)
    wave = np.float32(2.0 * math.pi / box)
    steep = np.empty((2, 6, _BLOCK), np.float32)
    left, heavy = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32)
    gain, power = 0.0, 0.0
    gradient[:] = 0.0
    hessian[:] = 0.0
    for first in range(0, count, _BLOCK):
        derivatives(model, points, first, turn, wave, steep)
        weight = weights[first : first + _BLOCK]
        size = weight.shape[0]
        for p in range(2):
            values, observed = row(model, p, first), row(back, p, first)
            part, whole = np.float32(0.0), np.float32(0.0)
            # Apart from the loop that writes, as in `pairs.add`.
            for j in range(size):
                part += observed[j] * values[j]
                whole += weight[j] * values[j] * values[j]
            for j in range(size):
                left[j] = observed[j] - weight[j] * values[j]
            gain += float(part)
            power += float(whole)
            for a in range(6):
                slopes = steep[p, a]
                gradient[a] += dot(left, slopes, size)
                for j in range(size):
                    heavy[j] = weight[j] * slopes[j]
                for b in range(a, 6):
                    hessian[a, b] += dot(heavy, steep[p, b], size)
    for a in range(6):
        for b in range(a):
            hessian[a, b] = hessian[b, a]
    return gain, power
