"""Nearest neighbours of sample points, counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from subtomo_core.kernels.jit import inlined, jit
from subtomo_core.kernels.registers import Registers, data_of, in_loop, number_at, written_out
from subtomo_core.kernels.types import F32, F64, I64

_WIDE = 32  # points whose closeness to two candidates stays in registers
_BLOCK = 128  # points whose running best stays in the first cache
_PARTS = 12  # of a point: a rotation matrix and a shift


@written_out
def closeness(_typing: Any, axes: Any, at: Any, block: Any, place: Any, out: Any) -> Any:
    """Write how close 32 points are to two candidates, at ``out[c, place:]``.

    The points are those from ``place`` on in a flat block (12, 128), ``out`` is a flat (2, 128).
    Each candidate is its axis and offset, 13 numbers from ``axes[at]`` on.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, at, _, place, _ = arguments
        axes, block, out = (
            data_of(context, builder, signature.args[i], arguments[i]) for i in (0, 2, 4)
        )
        wide = Registers(builder, _WIDE)
        sums = [wide.room() for _ in range(2)]

        def constant(number: int) -> Any:
            return ir.Constant(at.type, number)

        def number(candidate: int, part: Any) -> Any:
            first = builder.add(at, constant((_PARTS + 1) * candidate))
            return wide.all(number_at(builder, axes, builder.add(first, part)))

        def term(part: Any) -> list[Any]:
            row = builder.mul(part, constant(_BLOCK))
            points = wide.read(block, builder.add(row, place))
            return [wide.multiply(number(candidate, part), points) for candidate in range(2)]

        in_loop(builder, constant(_PARTS), sums, term)
        for candidate, total in enumerate(sums):
            close = wide.add(builder.load(total), number(candidate, constant(_PARTS)))
            wide.write(out, builder.add(constant(_BLOCK * candidate), place), close)
        return context.get_dummy_value()

    return types.void(axes, at, block, place, out), generate


@inlined
def count_nearest(points: F32, axes: F32, counts: I64) -> None:
    """Add to ``counts`` (C,) for each point the candidate it is nearest to.

    ``points`` (12, M) in columns, an even number of candidates; the closeness of point i to
    candidate c is ``axes[c, 12] + sum_d axes[c, d] points[d, i]``.
    """
    size, flat = points.shape[1], axes.reshape(-1)
    block, close = np.zeros(_PARTS * _BLOCK, np.float32), np.empty(2 * _BLOCK, np.float32)
    here, there = close[:_BLOCK], close[_BLOCK:]
    best, which = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.int32)
    for first in range(0, size, _BLOCK):
        count = min(_BLOCK, size - first)
        for d in range(_PARTS):
            for i in range(count):
                block[d * _BLOCK + i] = points[d, first + i]
        best[:] = -np.inf
        for c in range(0, axes.shape[0] - 1, 2):
            for place in range(0, count, _WIDE):
                closeness(flat, (_PARTS + 1) * c, block, place, close)
            number, another = np.int32(c), np.int32(c + 1)
            for i in range(_BLOCK):
                second = there[i] > here[i]
                nearest, which_one = there[i] if second else here[i], another if second else number
                nearer = nearest > best[i]
                best[i] = nearest if nearer else best[i]
                which[i] = which_one if nearer else which[i]
        for i in range(count):
            counts[which[i]] += 1


@jit
def shares(points: F32, rotations: F64, shifts: F64, shift_weight: float, out: F64) -> None:
    """Share of ``points`` nearest to each candidate, rotations (C, 3, 3) and shifts (C, 3).

    A share that no point fell on is floored at half a point.
    """
    count = rotations.shape[0]
    # An even number: the last may be one from which every point is as far as can be.
    even = count + count % 2
    axes = np.zeros((even, _PARTS + 1), np.float32)
    axes[:, _PARTS] = -np.inf
    flat = rotations.reshape(count, 9)
    low, high = shifts[0].copy(), shifts[0].copy()
    for c in range(count):
        for a in range(3):
            low[a], high[a] = min(low[a], shifts[c, a]), max(high[a], shifts[c, a])
    for c in range(count):
        away = 0.0
        for e in range(9):
            axes[c, e] = 2.0 * flat[c, e]
        # |t1 - t2|^2 with t1 = low + (high - low) p: only what depends on the candidate counts.
        for a in range(3):
            axes[c, 9 + a] = 2.0 * shift_weight * (shifts[c, a] - low[a]) * (high[a] - low[a])
            away += (shifts[c, a] - low[a]) ** 2
        axes[c, _PARTS] = -shift_weight * away
    counts = np.zeros(even, np.int64)
    count_nearest(points, axes, counts)
    total = 0.0
    for c in range(count):
        out[c] = max(float(counts[c]), 0.5)
        total += out[c]
    for c in range(count):
        out[c] /= total
