r"""The rotational correlation of two real functions at all points of a grid of Euler angles.

With :math:`S^l_{mm'} = \sum_r r^2 f_{lm}(r) g^*_{lm'}(r)`, the correlation at
:math:`R = R_z(\alpha) R_y(\beta) R_z(\gamma)` is

.. math:: C = \sum_{m m'} e^{i (m \alpha + m' \gamma)} \sum_l S^l_{mm'} d^l_{mm'}(\beta) .

Both functions are real, so that orders :math:`m \ge 0` suffice; and
:math:`d^l_{mm'}(\pi - \beta) = (-1)^{l+m} d^l_{m,-m'}(\beta)`, so that half the range of
:math:`\beta` suffices for the table. Vectors run over beta all along. The sums over both orders
give four angles at once: t, -t, pi - t and pi + t.
"""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.jit import inlined, jit
from subtomo_core.kernels.rotation_sums import in_quarters, over_degrees
from subtomo_core.kernels.turned_sums import turn
from subtomo_core.kernels.types import F32, RotationTables

_ONE = np.float32(1.0)


@inlined
def shell_products(f: F32, g: F32, weights: F32, m: int, first: int, step: int, out: F32) -> None:
    """Products of harmonics (shells, L, 2, L) of one order m and all others, summed over shells.

    ``out`` (L, 4, L): for the degrees ``first``, ``first + step``, ... ``sum w f g``, real and
    imaginary parts, then ``sum w conj(f) g``.
    """
    count, bandwidth = f.shape[0], f.shape[1]
    factors = np.empty((2, count), np.float32)
    rows, flat, numbers = g.reshape(-1), out.reshape(-1), factors.reshape(-1)
    wide = 2 * bandwidth
    for degree in range(first, bandwidth, step):
        for s in range(count):
            factors[0, s] = weights[s] * f[s, degree, 0, m]
            factors[1, s] = weights[s] * f[s, degree, 1, m]
        there = 2 * wide * degree
        turn(
            numbers, 0, count, count, rows, wide * degree, wide * bandwidth, bandwidth,
            flat, there, there + wide, True,
        )  # fmt: skip


@inlined
def order_sums(
    products: F32, tables: RotationTables, m: int, first: int, step: int, out: F32
) -> None:
    """Sums over degrees for one order m and all m', (L, 8, lanes): see `over_degrees`."""
    wigner, rows = tables[0], tables[1]
    bandwidth, lanes = products.shape[2], wigner.shape[2]
    numbers, table, flat = products.reshape(-1), wigner.reshape(-1), out.reshape(-1)
    flip = -_ONE if step == 1 else _ONE
    for k in range(bandwidth):
        low = max(first, k + (k - first) % step)
        row = rows[m, k] + low - max(m, k)
        over_degrees(
            numbers, 4 * bandwidth * low + k, bandwidth, 4 * bandwidth * step,
            max(0, (bandwidth - low + step - 1) // step),
            table, 2 * lanes * row, 2 * lanes * step, lanes,
            -_ONE if (low + m) % 2 else _ONE, flip, -_ONE if k % 2 else _ONE,
            flat, 8 * lanes * k,
        )  # fmt: skip


@jit
def correlate(f: F32, g: F32, weights: F32, tables: RotationTables, step: int, out: F32) -> None:
    """Fill ``out`` (2 L, 2 L, 2, lanes): see `orientation.harmonics.correlate`.

    ``f``, ``g`` (shells, L, 2, L) hold m >= 0. ``step`` is 2 when both functions are even (their
    odd degrees vanish), else 1.
    """
    bandwidth, lanes = f.shape[1], tables[0].shape[2]
    size, half = 2 * bandwidth, bandwidth // 2
    products = np.empty((bandwidth, 4, bandwidth), np.float32)
    orders = np.empty((bandwidth, 8, lanes), np.float32)
    turned = np.empty((bandwidth, size, 4, lanes), np.float32)
    over_m, over_k = tables[3].reshape(-1), tables[2].reshape(-1)
    flat_orders, flat_turned, flat = orders.reshape(-1), turned.reshape(-1), out.reshape(-1)
    four = 4 * lanes
    for m in range(bandwidth):
        first = m + m % step
        shell_products(f, g, weights, m, first, step, products)
        order_sums(products, tables, m, first, step, orders)
        for i in range(half + 1):
            in_quarters(
                over_k, i, bandwidth, flat_orders, 0, 2 * four, four, four,
                flat_turned, size * four * m, four,
            )  # fmt: skip
    two = 2 * lanes
    for gamma in range(size):
        for i in range(half + 1):
            in_quarters(
                over_m, i, bandwidth, flat_turned, four * gamma, four * size, two, two,
                flat, two * gamma, two * size,
            )  # fmt: skip
