"""A Fourier series of three variables on a small grid of shifts, one axis after the other.

Shifts are even about 0, so that each sum over an axis gives two of them (`turned_sums`).
"""

from __future__ import annotations

from subtomo_core.kernels.jit import inlined
from subtomo_core.kernels.turned_sums import begin, turn
from subtomo_core.kernels.types import F32, Runs, Waves


@inlined
def transform(product: F32, runs: Runs, waves: Waves, lines: F32, planes: F32, out: F32) -> None:
    """``Re sum_k product exp(2 pi i (z t_a + y t_b + x t_c) / n)``, as `value_at` reads it.

    See `likelihood.rings.ShiftGrid` for runs and waves. ``lines`` (Q, 2, G) and ``planes``
    (X, G, 2, G) are room to work in: sums over z, then over z and y. ``out`` (G, G, G) has the
    axes c, b, then the lanes that `turned_sums.begin` tells of.
    """
    starts, heights, layers = runs
    rows, over_runs, over_planes = waves
    size, columns, thick = out.shape[0], heights.shape[0], planes.shape[0]
    half, pair = size // 2, 2 * size
    flat_rows, flat_lines = rows.reshape(-1), lines.reshape(-1)
    flat_planes, flat = planes.reshape(-1), out.reshape(-1)
    for q in range(columns):
        first, count = starts[q], starts[q + 1] - starts[q]
        at = size * heights[q]
        begin(product[0], product[1], first, count, flat_rows, at, size, size, flat_lines, pair * q)
    factors = over_runs.reshape(-1)
    for x in range(thick):
        first, count = layers[x], layers[x + 1] - layers[x]
        for b in range(half):
            at = 2 * b * columns + first
            there, back = pair * (x * size + half + b), pair * (x * size + half - 1 - b)
            turn(
                factors, at, columns, count, flat_lines, pair * first, pair, size,
                flat_planes, there, back, True,
            )  # fmt: skip
    factors = over_planes.reshape(-1)
    for c in range(half):
        for b in range(size):
            there, back = size * ((half + c) * size + b), size * ((half - 1 - c) * size + b)
            turn(
                factors, 2 * c * thick, thick, thick, flat_planes, pair * b, pair * size, size,
                flat, there, back, False,
            )  # fmt: skip


@inlined
def value_at(sums: F32, c: int, b: int, a: int) -> float:
    """Value of a series at shifts (c, b, a) of the grid from what `transform` made."""
    half = sums.shape[0] // 2
    if a >= half:
        return float(sums[c, b, 2 * (a - half)] - sums[c, b, 2 * (a - half) + 1])
    return float(sums[c, b, 2 * (half - 1 - a)] + sums[c, b, 2 * (half - 1 - a) + 1])


@inlined
def best_cell(sums: F32, shifts: F32, reach: float) -> tuple[int, int, int]:
    """Index (c, b, a) of the highest `value_at` shifts no longer than ``reach``."""
    size = sums.shape[0]
    half = size // 2
    best = -1.0e300
    top = (half, half, half)
    for c in range(size):
        for b in range(size):
            left = reach * reach - shifts[c] ** 2 - shifts[b] ** 2
            row = sums[c, b]
            for g in range(half):
                if shifts[half + g] ** 2 > left:
                    break
                higher = row[2 * g] + abs(row[2 * g + 1])
                if higher > best:
                    best = higher
                    top = (c, b, half + g if row[2 * g + 1] < 0.0 else half - 1 - g)
    return top
