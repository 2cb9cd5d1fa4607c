r"""Sums of complex rows times complex numbers, there and back: one axis of a Fourier series.

With rows :math:`U_j + i V_j` of ``lanes`` float32, an even number, and numbers
:math:`c_j + i s_j`, the sums over j

.. math:: A = \sum c U, \quad B = \sum s V, \quad C = \sum s U, \quad D = \sum c V

give both :math:`\sum (c + i s) (U + i V) = (A - B) + i (C + D)` and
:math:`\sum (c - i s) (U + i V) = (A + B) + i (D - C)`: a series at t and at -t. All four stay
in registers. All arrays are flat.
"""

from __future__ import annotations

from typing import Any

from numba import types

from subtomo_core.kernels.jit import inlined
from subtomo_core.kernels.registers import Registers, data_of, in_loop, number_at, written_out
from subtomo_core.kernels.types import F32


def _turned(width: int) -> Any:
    """Sum ``width`` lanes; see `turn` for the arguments."""

    def typed(
        _typing: Any, factors: Any, at: Any, apart: Any, count: Any, rows: Any, start: Any,
        stride: Any, lanes: Any, out: Any, there: Any, back: Any, both: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            factors, at, apart, count, rows, start, stride, lanes, out, there, back, both = (
                arguments
            )
            kinds = signature.args
            factors = data_of(context, builder, kinds[0], factors)
            rows = data_of(context, builder, kinds[4], rows)
            out = data_of(context, builder, kinds[8], out)
            wide = Registers(builder, width)
            sums = [wide.room() for _ in range(4)]

            def step(j: Any) -> list[Any]:
                place = builder.add(start, builder.mul(j, stride))
                u = wide.read(rows, place)
                v = wide.read(rows, builder.add(place, lanes))
                number = builder.add(at, j)
                c = wide.all(number_at(builder, factors, number))
                s = wide.all(number_at(builder, factors, builder.add(number, apart)))
                return [wide.multiply(x, y) for x, y in ((c, u), (s, v), (s, u), (c, v))]

            in_loop(builder, count, sums, step)
            a, b, c, d = (builder.load(total) for total in sums)
            wide.write(out, there, wide.subtract(a, b))
            wide.write(out, back, wide.add(a, b))
            with builder.if_then(both):
                wide.write(out, builder.add(there, lanes), wide.add(c, d))
                wide.write(out, builder.add(back, lanes), wide.subtract(d, c))
            return context.get_dummy_value()

        numbers = (count, rows, start, stride, lanes, out, there, back, both)
        return types.void(factors, at, apart, *numbers), generate

    return written_out(typed)


_turn_2, _turn_4, _turn_8, _turn_12, _turn_16 = (_turned(width) for width in (2, 4, 8, 12, 16))


@inlined
def turn(
    factors: F32,
    at: int,
    apart: int,
    count: int,
    rows: F32,
    start: int,
    stride: int,
    lanes: int,
    out: F32,
    there: int,
    back: int,
    both: bool,
) -> None:
    """Write the sums over j = 0 .. ``count`` - 1 at ``out[there:]`` and, back, at ``out[back:]``.

    c is ``factors[at + j]``, s stands ``apart`` from it; row j stands at
    ``rows[start + j stride:]``, U then V. Real parts are written, and imaginary ones behind them
    where ``both`` are wanted.
    """
    lane = 0
    while lanes - lane > 12:
        _turn_16(
            factors, at, apart, count, rows, start + lane, stride, lanes, out,
            there + lane, back + lane, both,
        )  # fmt: skip
        lane += 16
    row, to, fro = start + lane, there + lane, back + lane
    if lanes - lane == 12:
        _turn_12(factors, at, apart, count, rows, row, stride, lanes, out, to, fro, both)
        return
    if lanes - lane >= 8:
        _turn_8(factors, at, apart, count, rows, row, stride, lanes, out, to, fro, both)
        lane += 8
    row, to, fro = start + lane, there + lane, back + lane
    if lanes - lane >= 4:
        _turn_4(factors, at, apart, count, rows, row, stride, lanes, out, to, fro, both)
        lane += 4
    row, to, fro = start + lane, there + lane, back + lane
    if lanes - lane == 2:
        _turn_2(factors, at, apart, count, rows, row, stride, lanes, out, to, fro, both)


def _begun(width: int) -> Any:
    """Sum ``width`` lanes; see `begin` for the arguments."""

    def typed(
        _typing: Any, a: Any, b: Any, first: Any, count: Any, rows: Any, start: Any, stride: Any,
        lanes: Any, out: Any, place: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, b, first, count, rows, start, stride, lanes, out, place = arguments
            kinds = signature.args
            a, b = (data_of(context, builder, kinds[i], arguments[i]) for i in (0, 1))
            rows = data_of(context, builder, kinds[4], rows)
            out = data_of(context, builder, kinds[8], out)
            wide = Registers(builder, width)
            sums = [wide.room() for _ in range(2)]

            def step(j: Any) -> list[Any]:
                wave = wide.read(rows, builder.add(start, builder.mul(j, stride)))
                place = builder.add(first, j)
                numbers = (number_at(builder, part, place) for part in (a, b))
                return [wide.multiply(wide.all(number), wave) for number in numbers]

            in_loop(builder, count, sums, step)
            real, imaginary = (builder.load(total) for total in sums)
            wide.write(out, place, wide.in_turns(real, imaginary))
            minus = wide.subtract(wide.zero, real)
            wide.write(out, builder.add(place, lanes), wide.in_turns(imaginary, minus))
            return context.get_dummy_value()

        numbers = (first, count, rows, start, stride, lanes, out, place)
        return types.void(a, b, *numbers), generate

    return written_out(typed)


_begin_4, _begin_8, _begin_12, _begin_16 = (_begun(width) for width in (4, 8, 12, 16))


@inlined
def begin(
    a: F32,
    b: F32,
    first: int,
    count: int,
    rows: F32,
    start: int,
    stride: int,
    lanes: int,
    out: F32,
    place: int,
) -> None:
    r"""First axis of a series over several: its sums at t and at -t in one complex row.

    With the numbers ``a[first + j] + i b[first + j]`` and the waves ``rows[start + j stride:]``,
    lanes cos, sin, cos, sin, ... of ``lanes / 2`` shifts, the sums over the cosines F and over
    the sines G are written at ``out[place:]``: lanes F, -i G, F, -i G, ... of complex numbers,
    real parts first. A series that goes on with these rows is real at last: the lanes are
    then Re F and Im G, and the series is Re F - Im G at t and Re F + Im G at -t.
    """
    lane = 0
    while lanes - lane > 12:
        _begin_16(a, b, first, count, rows, start + lane, stride, lanes, out, place + lane)
        lane += 16
    row, to = start + lane, place + lane
    if lanes - lane == 12:
        _begin_12(a, b, first, count, rows, row, stride, lanes, out, to)
    elif lanes - lane == 8:
        _begin_8(a, b, first, count, rows, row, stride, lanes, out, to)
    elif lanes - lane == 4:
        _begin_4(a, b, first, count, rows, row, stride, lanes, out, to)
