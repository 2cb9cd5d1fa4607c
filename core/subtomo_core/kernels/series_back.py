"""From shares of shifts to components: the transpose of `kernels.series`."""

from __future__ import annotations

import numpy as np

from subtomo_core.kernels.jit import inlined
from subtomo_core.kernels.types import F32, Runs, Waves


@inlined
def halves(rows: F32, there: int, back: int, even: F32, odd: F32) -> None:
    """Sum and difference of two rows, the shifts at g and at -g."""
    a, b = rows[there], rows[back]
    for f in range(even.shape[0]):
        even[f], odd[f] = a[f] + b[f], a[f] - b[f]


@inlined
def over_planes(shares: F32, waves: Waves, planes: F32) -> None:
    """Sums of shares (G, G, G) over x shifts, ``planes`` (X, 2, G, G): the first axis of `spread`.

    Lanes of the last axis, the shifts at g and at -g, become their sums and differences first.
    """
    size, half, factors = shares.shape[0], shares.shape[0] // 2, waves[2]
    lanes = shares.reshape(-1)
    for g in range(lanes.shape[0] // 2):
        there, back = lanes[2 * g], lanes[2 * g + 1]
        lanes[2 * g], lanes[2 * g + 1] = there + back, there - back
    sheets = shares.reshape(size, size * size)
    even, odd = np.empty(size * size, np.float32), np.empty(size * size, np.float32)
    flat = planes.reshape(planes.shape[0], 2, size * size)
    flat[:] = np.float32(0.0)
    for g in range(half):
        halves(sheets, half + g, half - 1 - g, even, odd)
        for x in range(planes.shape[0]):
            c, s = factors[g, 0, x], factors[g, 1, x]
            real, imaginary = flat[x, 0], flat[x, 1]
            for f in range(even.shape[0]):
                real[f] += c * even[f]
                imaginary[f] += s * odd[f]


@inlined
def line_of(turned: F32, waves: Waves, q: int, line: F32) -> None:
    """Sums over y shifts for one run of components, in lanes that rows of z go with, (2, G)."""
    half, size, factors = turned.shape[2], turned.shape[3], waves[1]
    line[:] = np.float32(0.0)
    for g in range(half):
        c, s = factors[g, 0, q], factors[g, 1, q]
        for f in range(size):
            line[0, f] += c * turned[0, 0, g, f] - s * turned[1, 1, g, f]
            line[1, f] += c * turned[1, 0, g, f] + s * turned[0, 1, g, f]
    for g in range(half):  # sums stand in even lanes, differences in odd ones
        line[0, 2 * g + 1], line[1, 2 * g + 1] = -line[1, 2 * g + 1], line[0, 2 * g + 1]


@inlined
def spread(shares: F32, runs: Runs, waves: Waves, planes: F32, turned: F32, out: F32) -> None:
    """Transpose of `transform`: ``sum_t share(t) exp(2 pi i k.t / n)``, components (2, J).

    ``shares`` (G, G, G) in the order of `exhaustive.with_prior`; ``planes`` (X, 2, G, G) and
    ``turned`` (2, 2, G / 2, G) are room to work in. One axis after the other; the shifts at g
    and at -g are taken together, by their sum and difference.
    """
    starts, heights, layers = runs
    rows, size = waves[0], shares.shape[0]
    over_planes(shares, waves, planes)
    line = np.empty((2, size), np.float32)
    for x in range(planes.shape[0]):
        for part in range(2):
            sheet = planes[x, part]
            for g in range(size // 2):
                there, back = size // 2 + g, size // 2 - 1 - g
                halves(sheet, there, back, turned[part, 0, g], turned[part, 1, g])
        for q in range(layers[x], layers[x + 1]):
            line_of(turned, waves, q, line)
            for j in range(starts[q], starts[q + 1]):
                wave = rows[heights[q] + j - starts[q]]
                real = imaginary = np.float32(0.0)
                for f in range(size):
                    real += wave[f] * line[0, f]
                    imaginary += wave[f] * line[1, f]
                out[0, j], out[1, j] = real, imaginary
