"""Registers of several numbers, in functions that are written in the compiler's own terms.

The compiler turns plain loops into vector instructions, but it does not see that numbers that
stand side by side can share a register, nor keep sums over a loop in one. Where that matters the
instructions (LLVM's) are written out with these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

FLOAT, INDEX = ir.FloatType(), ir.IntType(32)
_FREE = ("reassoc", "contract", "nsz")
written_out: Any = intrinsic  # kernels call what it makes without the context in front
_BYTES = 4  # of a float32: no stricter alignment may be assumed


class Registers:
    """Registers of ``size`` float32, in a function under construction."""

    def __init__(self, builder: Any, size: int):
        self.builder = builder
        self.kind = ir.VectorType(FLOAT, size)
        self.nothing = ir.Constant(self.kind, ir.Undefined)
        self.zero = ir.Constant(self.kind, None)

    def room(self) -> Any:
        """Room for a sum over a loop, 0 at first; the compiler keeps it in a register."""
        room = cgutils.alloca_once(self.builder, self.kind)
        self.builder.store(self.zero, room)
        return room

    def all(self, number: Any) -> Any:
        """``number`` in every lane."""
        return self.lanes([number] * self.kind.count)

    def lanes(self, numbers: list[Any]) -> Any:
        """One number for each lane."""
        register = self.nothing
        for lane, number in enumerate(numbers):
            register = self.builder.insert_element(register, number, INDEX(lane))
        return register

    def numbers(self, register: Any) -> list[Any]:
        """The number in each lane."""
        count = range(register.type.count)
        return [self.builder.extract_element(register, INDEX(lane)) for lane in count]

    def half(self, register: Any, which: int) -> Any:
        """Lanes of the first (0) or the second (1) half."""
        size = register.type.count // 2
        lanes = [which * size + lane for lane in range(size)]
        mask = ir.Constant(ir.VectorType(INDEX, size), lanes)
        return self.builder.shuffle_vector(register, self.nothing, mask)

    def in_turns(self, even: Any, odd: Any) -> Any:
        """Lanes 0, 2, ... of one register and lanes 1, 3, ... of another."""
        size = self.kind.count
        lanes = [lane + (lane % 2) * size for lane in range(size)]
        mask = ir.Constant(ir.VectorType(INDEX, size), lanes)
        return self.builder.shuffle_vector(even, odd, mask)

    def address(self, data: Any, place: Any) -> Any:
        """Where a register at ``place`` float32 from ``data`` lies."""
        return self.builder.bitcast(self.builder.gep(data, [place]), self.kind.as_pointer())

    def read(self, data: Any, place: Any) -> Any:
        """The register at a place."""
        found = self.builder.load(self.address(data, place))
        found.align = _BYTES
        return found

    def write(self, data: Any, place: Any, register: Any) -> None:
        """Put a register at a place."""
        self.builder.store(register, self.address(data, place)).align = _BYTES

    def add_to(self, data: Any, place: Any, register: Any) -> None:
        """Add a register to what stands at ``place``."""
        self.write(data, place, self.add(self.read(data, place), register))

    def add(self, a: Any, b: Any) -> Any:
        """Sum in each lane."""
        return self.builder.fadd(a, b, flags=_FREE)

    def subtract(self, a: Any, b: Any) -> Any:
        """Difference in each lane."""
        return self.builder.fsub(a, b, flags=_FREE)

    def multiply(self, a: Any, b: Any) -> Any:
        """Product in each lane."""
        return self.builder.fmul(a, b, flags=_FREE)

    def between(self, a: Any, b: Any, share: Any) -> Any:
        """``a + share (b - a)``."""
        return self.add(a, self.multiply(share, self.subtract(b, a)))


def in_loop(builder: Any, count: Any, sums: list[Any], term: Callable[[Any], list[Any]]) -> None:
    """Add to ``sums`` (`Registers.room`) what ``term`` makes of 0, 1, ..., ``count`` - 1."""
    with cgutils.for_range(builder, count) as loop:
        for total, found in zip(sums, term(loop.index), strict=True):
            builder.store(builder.fadd(builder.load(total), found, flags=_FREE), total)


def number_at(builder: Any, data: Any, place: Any) -> Any:
    """The number at a place."""
    return builder.load(builder.gep(data, [place]))


def data_of(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Where the numbers of an array lie."""
    return context.make_array(kind)(context, builder, array).data
