r"""Sums of complex rows times complex numbers: one axis of a Fourier series.

.. math:: \mathrm{out} = \sum_j (a_j + i b_j) (C_j + i S_j)

``C`` and ``S`` are rows of ``lanes`` float32, a multiple of four; sums stay in registers.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.registers import Registers, data_of, written_out
from subtomo_core.kernels.types import F32


def _sum_lanes(width: int) -> Any:
    """Sum ``width`` lanes, from ``lane`` on; see `sum_turned` for the arguments."""

    def typed(
        _typing: Any,
        a: Any,
        b: Any,
        first: Any,
        count: Any,
        rows: Any,
        start: Any,
        stride: Any,
        lanes: Any,
        out: Any,
        place: Any,
        both: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, b, first, count, rows, start, stride, lanes, out, place, both = arguments
            kinds = signature.args
            a, b = (data_of(context, builder, kinds[i], arguments[i]) for i in (0, 1))
            rows = data_of(context, builder, kinds[4], rows)
            out = data_of(context, builder, kinds[8], out)
            wide = Registers(builder, width)
            sums = [wide.room() for _ in range(4)]
            with cgutils.for_range(builder, count) as loop:
                j = builder.add(first, loop.index)
                at = builder.add(start, builder.mul(loop.index, stride))
                cosine = wide.read(rows, at)
                sine = wide.read(rows, builder.add(at, lanes))
                real = wide.all(builder.load(builder.gep(a, [j])))
                imaginary = wide.all(builder.load(builder.gep(b, [j])))
                factors = ((real, cosine), (imaginary, sine), (real, sine), (imaginary, cosine))
                for total, (x, y) in zip(sums, factors, strict=True):
                    builder.store(wide.add(builder.load(total), wide.multiply(x, y)), total)
            aa, bb, ab, ba = (builder.load(total) for total in sums)
            wide.write(out, place, wide.subtract(aa, bb))
            with builder.if_then(both):
                wide.write(out, builder.add(place, lanes), wide.add(ab, ba))
            return context.get_dummy_value()

        numbers = (first, count, rows, start, stride, lanes, out, place, both)
        return types.void(a, b, *numbers), generate

    return written_out(typed)


_sum_4, _sum_8, _sum_12, _sum_16 = (_sum_lanes(width) for width in (4, 8, 12, 16))


@jit
def sum_turned(
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
    both: bool,
) -> None:
    """Write the sum over j = 0 .. ``count`` - 1 at ``out[place:]``.

    The numbers are ``a[first + j]`` and ``b[first + j]``; row j stands at
    ``rows[start + j stride:]``, C then S. The real part is written, and the imaginary one behind
    it where ``both`` are wanted. All arrays are flat.
    """
    lane = 0
    while lanes - lane > 12:
        _sum_16(a, b, first, count, rows, start + lane, stride, lanes, out, place + lane, both)
        lane += 16
    at, to = start + lane, place + lane
    if lanes - lane == 12:
        _sum_12(a, b, first, count, rows, at, stride, lanes, out, to, both)
    elif lanes - lane == 8:
        _sum_8(a, b, first, count, rows, at, stride, lanes, out, to, both)
    elif lanes - lane == 4:
        _sum_4(a, b, first, count, rows, at, stride, lanes, out, to, both)
