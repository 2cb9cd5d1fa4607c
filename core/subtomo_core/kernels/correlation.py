r"""The rotational correlation's spectrum over two Euler angles, at fixed values of the third.

With :math:`S^l_{mm'} = \sum_r r^2 f_{lm}(r) g^*_{lm'}(r)`, the correlation at
:math:`R = R_z(\alpha) R_y(\beta) R_z(\gamma)` is

.. math:: C = \sum_{m m'} e^{i (m \alpha + m' \gamma)} \sum_l S^l_{mm'} d^l_{mm'}(\beta) .

Both functions are real, so the spectrum is Hermitian and :math:`m \ge 0` suffices; and
:math:`d^l_{mm'}(\pi - \beta) = (-1)^{l+m} d^l_{m,-m'}(\beta)`, so half the range of
:math:`\beta` suffices for the table.
"""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32


@jit
def shell_products(f: F32, g: F32, weights: F32, degree: int, m: int, sums: F32, out: F32) -> None:
    """``S_mm' = sum_r weight_r f_lm conj(g_lm')`` for one degree l and order m, all m'.

    ``f``, ``g`` (shells, L, 2, L) hold m >= 0. ``out`` (4, 2 L): real and imaginary parts at
    ``L + m'``, then both again at ``L - m'``, times ``(-1)^(l + m)``.
    ``sums`` (4, L) is room to work in.
    """
    bandwidth = f.shape[1]
    sums[:] = np.float32(0.0)
    aa, bb, ba, ab = sums[0], sums[1], sums[2], sums[3]
    for s in range(f.shape[0]):
        re, im = weights[s] * f[s, degree, 0, m], weights[s] * f[s, degree, 1, m]
        a, b = g[s, degree, 0], g[s, degree, 1]
        for k in range(bandwidth):
            aa[k] += re * a[k]
            bb[k] += im * b[k]
            ba[k] += im * a[k]
            ab[k] += re * b[k]
    turned = np.float32(1.0 if (degree + m) % 2 == 0 else -1.0)
    out[:] = np.float32(0.0)
    for k in range(degree + 1):
        re, im = sums[0, k] + sums[1, k], sums[2, k] - sums[3, k]
        out[0, bandwidth + k], out[1, bandwidth + k] = re, im
        out[2, bandwidth - k], out[3, bandwidth - k] = turned * re, turned * im
        if k > 0:  # g_(l,-k) = (-1)^k conj(g_lk)
            sign = np.float32(1.0 if k % 2 == 0 else -1.0)
            re, im = sign * (sums[0, k] - sums[1, k]), sign * (sums[2, k] + sums[3, k])
            out[0, bandwidth - k], out[1, bandwidth - k] = re, im
            out[2, bandwidth + k], out[3, bandwidth + k] = turned * re, turned * im


@jit
def spectrum(f: F32, g: F32, weights: F32, table: F32, step: int, out: F32) -> None:
    """Fill ``out`` (L + 1, L + 1, 2 L, 2), axes beta, m, m', with the correlation's spectrum.

    ``table`` (L (L + 1) / 2, L / 2 + 1, 2 L): ``d^l_mm'(pi j / L)`` at [row, j, L + m'], rows in
    order of m, then l >= m. ``step`` is 2 when both functions are even (their odd degrees
    vanish), else 1.
    """
    bandwidth = f.shape[1]
    size, half = 2 * bandwidth, bandwidth // 2
    sums = np.empty((bandwidth + 1, 2, size), np.float32)
    rows, room = np.empty((4, size), np.float32), np.empty((4, bandwidth), np.float32)
    out[:, bandwidth] = np.float32(0.0)
    row = 0
    for m in range(bandwidth):
        sums[:] = np.float32(0.0)
        for degree in range(m, bandwidth):
            row += 1
            if degree % step:
                continue
            shell_products(f, g, weights, degree, m, room, rows)
            for j in range(half + 1):
                d = table[row - 1, j]
                near, far = sums[j], sums[bandwidth - j]
                for k in range(size):
                    near[0, k] += d[k] * rows[0, k]
                    near[1, k] += d[k] * rows[1, k]
                if j < half:  # kept in reverse order of m'
                    for k in range(size):
                        far[0, k] += d[k] * rows[2, k]
                        far[1, k] += d[k] * rows[3, k]
        for j in range(bandwidth + 1):
            for order in range(1 - bandwidth, bandwidth):
                k = bandwidth + order if j <= half else bandwidth - order
                target = out[j, m, order if order >= 0 else order + size]
                target[0], target[1] = sums[j, 0, k], sums[j, 1, k]
            out[j, m, bandwidth] = np.float32(0.0)
