r"""Trilinear arithmetic on one cell of a half grid, in registers of four numbers.

A cell's eight corners are four rows of two complex neighbours, and a row (re, im, re, im) is one
register. ``flat`` is a grid of complex numbers as pairs of float32, ``p`` the place of the first
corner, ``row`` and ``plane`` the steps to the next in y and in z, all counted in float32;
``fx, fy, fz`` is the point's place within the cell.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types

from subtomo_core.kernels.registers import FLOAT, Registers, data_of, written_out


class Corners(NamedTuple):
    """Something at the four rows of a cell: (y, z) = (0, 0), (1, 0), (0, 1), (1, 1)."""

    p: Any
    q: Any
    s: Any
    t: Any


def _places(builder: Any, p: Any, row: Any, plane: Any) -> Corners:
    q, s = builder.add(p, row), builder.add(p, plane)
    return Corners(p, q, s, builder.add(q, plane))


def _corners(registers: Registers, data: Any, places: Corners) -> Corners:
    return Corners(*(registers.read(data, place) for place in places))


@written_out
def value_in_cell(
    _typing: Any, flat: Any, p: Any, row: Any, plane: Any, fx: Any, fy: Any, fz: Any
) -> Any:
    """Real and imaginary part at a point."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, p, row, plane, fx, fy, fz = arguments
        four, two = Registers(builder, 4), Registers(builder, 2)
        data = data_of(context, builder, signature.args[0], array)
        at = _corners(four, data, _places(builder, p, row, plane))
        y = four.all(fy)
        line = four.between(four.between(at.p, at.q, y), four.between(at.s, at.t, y), four.all(fz))
        value = two.between(four.half(line, 0), four.half(line, 1), two.all(fx))
        return context.make_tuple(builder, signature.return_type, two.numbers(value))

    return types.UniTuple(types.float32, 2)(flat, p, row, plane, fx, fy, fz), generate


@written_out
def slopes_in_cell(
    _typing: Any, flat: Any, p: Any, row: Any, plane: Any, fx: Any, fy: Any, fz: Any
) -> Any:
    """Real and imaginary part at a point, then those of d/dx, d/dy and d/dz, a grid step each."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, p, row, plane, fx, fy, fz = arguments
        four, two = Registers(builder, 4), Registers(builder, 2)
        data = data_of(context, builder, signature.args[0], array)
        at = _corners(four, data, _places(builder, p, row, plane))
        x, y, z = two.all(fx), four.all(fy), four.all(fz)
        near, far = four.between(at.p, at.q, y), four.between(at.s, at.t, y)
        line = four.between(near, far, z)
        rise = four.between(four.subtract(at.q, at.p), four.subtract(at.t, at.s), z)
        depth = four.subtract(far, near)

        def along(register: Any) -> Any:
            return two.between(four.half(register, 0), four.half(register, 1), x)

        across = two.subtract(four.half(line, 1), four.half(line, 0))
        pairs = [along(line), across, along(rise), along(depth)]
        numbers = [number for pair in pairs for number in two.numbers(pair)]
        return context.make_tuple(builder, signature.return_type, numbers)

    return types.UniTuple(types.float32, 8)(flat, p, row, plane, fx, fy, fz), generate


@written_out
def add_in_cell(
    _typing: Any,
    flat: Any,
    p: Any,
    row: Any,
    plane: Any,
    fx: Any,
    fy: Any,
    fz: Any,
    re: Any,
    im: Any,
) -> Any:
    """Transpose of `value_in_cell`: spread a complex number over the corners."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, p, row, plane, fx, fy, fz, re, im = arguments
        data = data_of(context, builder, signature.args[0], array)
        _spread(builder, data, _places(builder, p, row, plane), (fx, fy, fz), [re, im])
        return context.get_dummy_value()

    return types.void(flat, p, row, plane, fx, fy, fz, re, im), generate


@written_out
def add_real_in_cell(
    _typing: Any,
    flat: Any,
    p: Any,
    row: Any,
    plane: Any,
    fx: Any,
    fy: Any,
    fz: Any,
    number: Any,
) -> Any:
    """The same on a grid of real numbers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, p, row, plane, fx, fy, fz, number = arguments
        data = data_of(context, builder, signature.args[0], array)
        _spread(builder, data, _places(builder, p, row, plane), (fx, fy, fz), [number])
        return context.get_dummy_value()

    return types.void(flat, p, row, plane, fx, fy, fz, number), generate


def _spread(
    builder: Any, data: Any, places: Corners, within: tuple[Any, Any, Any], numbers: list[Any]
) -> None:
    """Add ``numbers``, those of one point, to a cell's rows in shares."""
    fx, fy, fz = within
    wide = Registers(builder, 2 * len(numbers))
    one = ir.Constant(FLOAT, 1.0)
    left = builder.fsub(one, fx)
    shares = wide.lanes([left] * len(numbers) + [fx] * len(numbers))
    whole = wide.multiply(wide.lanes(numbers + numbers), shares)
    z = wide.all(fz)
    far = wide.multiply(whole, z)
    near = wide.subtract(whole, far)
    y = wide.all(fy)
    near_far, far_far = wide.multiply(near, y), wide.multiply(far, y)
    wide.add_to(data, places.p, wide.subtract(near, near_far))
    wide.add_to(data, places.q, near_far)
    wide.add_to(data, places.s, wide.subtract(far, far_far))
    wide.add_to(data, places.t, far_far)
