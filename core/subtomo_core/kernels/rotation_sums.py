"""Sums of the rotational correlation with all sums in registers (`correlation` tells of what).

Rows hold values of beta: ``lanes`` float32 of the near half, 0 to pi / 2, and as many of the far
half, where lane j stands for pi less the near one's angle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from subtomo_core.kernels.jit import inlined
from subtomo_core.kernels.registers import Registers, data_of, in_loop, number_at, written_out
from subtomo_core.kernels.types import F32


def _degrees(width: int) -> Any:
    """Sum ``width`` lanes; see `over_degrees` for the arguments."""

    def typed(
        _typing: Any, numbers: Any, at: Any, apart: Any, step: Any, count: Any, table: Any,
        start: Any, stride: Any, lanes: Any, first: Any, flip: Any, even: Any, out: Any, place: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            numbers, at, apart, step, count, table, start, stride, lanes = arguments[:9]
            first, flip, even, out, place = arguments[9:]
            numbers, table, out = (
                data_of(context, builder, signature.args[i], arguments[i]) for i in (0, 5, 12)
            )
            wide = Registers(builder, width)
            mirror, changed = wide.room(), wide.all(flip)
            builder.store(wide.all(first), mirror)
            sums = [wide.room() for _ in range(8)]

            def term(j: Any) -> list[Any]:
                row = builder.add(start, builder.mul(j, stride))
                plus, minus = wide.read(table, row), wide.read(table, builder.add(row, lanes))
                sign = builder.load(mirror)
                builder.store(wide.multiply(sign, changed), mirror)
                place, found = builder.add(at, builder.mul(j, step)), []
                for near, far in ((minus, plus), (plus, minus)):  # of order -k, then of k
                    for _ in range(2):
                        value = wide.all(number_at(builder, numbers, place))
                        across = wide.multiply(far, sign)
                        found += [wide.multiply(near, value), wide.multiply(across, value)]
                        place = builder.add(place, apart)
                return found

            in_loop(builder, count, sums, term)
            totals = [builder.load(total) for total in sums]
            for row in _pair(
                wide, [wide.multiply(wide.all(even), t) for t in totals[:4]], totals[4:]
            ):
                wide.write(out, place, row)
                place = builder.add(place, lanes)
            return context.get_dummy_value()

        given = (step, count, table, start, stride, lanes, first, flip, even, out, place)
        return types.void(numbers, at, apart, *given), generate

    return written_out(typed)


def _pair(wide: Registers, below: list[Any], above: list[Any]) -> list[Any]:
    """Rows of E and D from T of order -k and the conjugate of T of order k."""
    pairs = list(zip(above, below, strict=True))
    real, imaginary = pairs[:2], pairs[2:]
    return [
        *(wide.add(a, b) for a, b in real),
        *(wide.subtract(b, a) for a, b in imaginary),
        *(wide.add(a, b) for a, b in imaginary),
        *(wide.subtract(a, b) for a, b in real),
    ]


_degrees_4, _degrees_8, _degrees_12, _degrees_16 = (_degrees(width) for width in (4, 8, 12, 16))


@inlined
def over_degrees(
    numbers: F32,
    at: int,
    apart: int,
    step: int,
    count: int,
    table: F32,
    start: int,
    stride: int,
    lanes: int,
    first: np.float32,
    flip: np.float32,
    even: np.float32,
    out: F32,
    place: int,
) -> None:
    r"""Sums over the degrees l for a pair of orders m and +-k: :math:`T_k = \sum_l S_k d_k`.

    ``numbers`` holds S of order -k times (-1)^k, real and imaginary part, then the conjugate of
    S of order k, each ``apart`` from the one before, and ``step`` from one degree to the next.
    ``table`` holds d of order k, then of order -k, on the near half, every degree ``stride`` from
    the one before. Across, at pi less beta, d of order k is that of order -k times (-1)^(l + m):
    ``first`` is this sign for the first degree and ``flip`` what it changes by; ``even`` is
    (-1)^k.

    Written at ``out[place:]``, each on the near half, then on the far one: with E = T_k + T_-k
    and D = T_k - T_-k the rows Re E, Im E, -Im D, Re D.
    """
    lane = 0
    while lanes - lane > 12:
        _degrees_16(
            numbers, at, apart, step, count, table, start + lane, stride, lanes,
            first, flip, even, out, place + lane,
        )  # fmt: skip
        lane += 16
    row, to = start + lane, place + lane
    if lanes - lane == 12:
        _degrees_12(
            numbers, at, apart, step, count, table, row, stride, lanes, first, flip, even, out, to
        )
    elif lanes - lane == 8:
        _degrees_8(
            numbers, at, apart, step, count, table, row, stride, lanes, first, flip, even, out, to
        )
    elif lanes - lane == 4:
        _degrees_4(
            numbers, at, apart, step, count, table, row, stride, lanes, first, flip, even, out, to
        )


def _quarters(width: int) -> Any:
    """Sum ``width`` lanes; see `in_quarters` for the arguments."""

    def typed(
        _typing: Any, factors: Any, at: Any, pairs: Any, rows: Any, start: Any, stride: Any,
        across: Any, out: Any, lane: Any, t: Any, back: Any, pi_back: Any, pi_t: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            factors, at, pairs, rows, start, stride, across, out, lane = arguments[:9]
            factors, rows, out = (
                data_of(context, builder, signature.args[i], arguments[i]) for i in (0, 3, 7)
            )
            wide = Registers(builder, width)
            sums = [wide.room() for _ in range(4)]
            one, two = ir.Constant(pairs.type, 1), ir.Constant(pairs.type, 2)
            sines = builder.add(at, builder.mul(two, pairs))

            def term(j: Any) -> list[Any]:
                found = []
                for k in (builder.mul(two, j), builder.add(builder.mul(two, j), one)):
                    row = builder.add(start, builder.mul(k, stride))
                    for first, part in ((at, row), (sines, builder.add(row, across))):
                        factor = wide.all(number_at(builder, factors, builder.add(first, k)))
                        found.append(wide.multiply(factor, wide.read(rows, part)))
                return found

            in_loop(builder, pairs, sums, term)
            even, even_across, odd, odd_across = (builder.load(total) for total in sums)
            whole, rest = wide.add(even, odd), wide.subtract(even, odd)
            crossed = wide.add(even_across, odd_across)
            left = wide.subtract(even_across, odd_across)
            found = (
                wide.add(whole, crossed),
                wide.subtract(whole, crossed),
                wide.subtract(rest, left),
                wide.add(rest, left),
            )
            for place, row in zip(arguments[9:], found, strict=True):
                wide.write(out, builder.add(place, lane), row)
            return context.get_dummy_value()

        given = (pairs, rows, start, stride, across, out, lane, t, back, pi_back, pi_t)
        return types.void(factors, at, *given), generate

    return written_out(typed)


_quarters_8, _quarters_16, _quarters_32 = (_quarters(width) for width in (8, 16, 32))


@inlined
def in_quarters(
    factors: F32,
    i: int,
    orders: int,
    rows: F32,
    start: int,
    stride: int,
    across: int,
    lanes: int,
    out: F32,
    place: int,
    apart: int,
) -> None:
    r"""A sum :math:`\sum_k U_k \cos kt + V_k \sin kt` at t, -t, pi - t and pi + t.

    k = 0, 1, ... are an even number of ``orders``, and t is ``pi i / orders``. U_k stands at
    ``rows[start + k stride:]`` and V_k ``across`` from it; ``factors`` (orders / 2 + 1, 2, orders)
    are the cosines and sines, flat. The sum at angle a in steps of ``pi / orders`` is written at
    ``out[place + a apart:]``, angles below 0 a whole turn further.
    """
    at, pairs = 2 * orders * i, orders // 2
    t, back = place + i * apart, place + (2 * orders - i if i > 0 else 0) * apart
    pi_back, pi_t = place + (orders - i) * apart, place + (orders + i) * apart
    lane = 0
    while lanes - lane >= 32:
        _quarters_32(
            factors, at, pairs, rows, start + lane, stride, across, out, lane,
            t, back, pi_back, pi_t,
        )  # fmt: skip
        lane += 32
    row = start + lane
    if lanes - lane >= 16:
        _quarters_16(
            factors, at, pairs, rows, row, stride, across, out, lane, t, back, pi_back, pi_t
        )
        lane += 16
    row = start + lane
    if lanes - lane >= 8:
        _quarters_8(
            factors, at, pairs, rows, row, stride, across, out, lane, t, back, pi_back, pi_t
        )
