r"""The rotational correlation's spectrum (Kovacs & Wriggers 2002).

With :math:`S^l_{mm'} = \sum_r r^2 f_{lm}(r) g^*_{lm'}(r)` and :math:`D^l = d^l(\pi/2)`

.. math:: T_{h m' m} = \sum_l S^l_{mm'} (-i)^{m-m'} D^l_{hm} D^l_{hm'}

Both functions are real, so :math:`T` is Hermitian and :math:`m \ge 0` suffices; and
:math:`D^l_{-h,m} = (-1)^{l+m} D^l_{hm}`, so :math:`h \ge 0` suffices too.
"""

from __future__ import annotations

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32


@jit
def shell_products(f: F32, g: F32, weights: F32, degree: int, out: F32) -> None:
    """``out[m, l + m'] = (-i)^(m-m') sum_r weight_r f_lm conj(g_lm')`` for one degree l.

    ``f``, ``g`` (shells, L, L, 2) hold m >= 0; ``out`` (L, 2L - 1, 2) is overwritten.
    """
    for m in range(degree + 1):
        for k in range(2 * degree + 1):
            order = k - degree
            a = order if order >= 0 else -order
            re = 0.0
            im = 0.0
            for s in range(f.shape[0]):
                gr = g[s, degree, a, 0]
                gi = -g[s, degree, a, 1]
                fr = weights[s] * f[s, degree, m, 0]
                fi = weights[s] * f[s, degree, m, 1]
                if order < 0:  # g_(l,-a) = (-1)^a conj(g_la)
                    gi = -gi
                re += fr * gr - fi * gi
                im += fr * gi + fi * gr
            if order < 0 and a % 2 == 1:
                re = -re
                im = -im
            turn = (m - order) % 4
            if turn == 0:
                out[m, k, 0], out[m, k, 1] = re, im
            elif turn == 1:
                out[m, k, 0], out[m, k, 1] = im, -re
            elif turn == 2:
                out[m, k, 0], out[m, k, 1] = -re, -im
            else:
                out[m, k, 0], out[m, k, 1] = -im, re


@jit
def spectrum(
    f: F32, g: F32, weights: F32, quarter_turns: F32, step: int, products: F32, out: F32
) -> None:
    """Fill ``out`` (2L, 2L, L + 1, 2), axes h, m', m, with the correlation's spectrum.

    ``quarter_turns`` (L, L, 2L - 1): ``d^l_hm(pi/2)`` at [l, h, l + m] for h >= 0.
    ``step`` is 2 when both functions are even (their odd degrees vanish), else 1.
    """
    bandwidth = f.shape[1]
    size = 2 * bandwidth
    out[:] = 0.0
    for degree in range(0, bandwidth, step):
        shell_products(f, g, weights, degree, products)
        width = 2 * degree + 1
        for h in range(degree + 1):
            d = quarter_turns[degree, h]
            for k in range(width):
                order = k - degree
                row = out[h, order if order >= 0 else order + size]
                dk = d[k]
                for m in range(degree + 1):
                    factor = dk * d[degree + m]
                    row[m, 0] += factor * products[m, k, 0]
                    row[m, 1] += factor * products[m, k, 1]
    for h in range(1, bandwidth):
        for k in range(size):
            for m in range(bandwidth):
                sign = 1.0 if (m + k) % 2 == 0 else -1.0
                out[size - h, k, m, 0] = sign * out[h, k, m, 0]
                out[size - h, k, m, 1] = sign * out[h, k, m, 1]
