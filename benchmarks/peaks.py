"""What one core of this machine does at best, and what the stages of a particle need of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from subtomo_core.kernels.cells import value_in_cell
from subtomo_core.kernels.interpolate import locate
from subtomo_core.likelihood.pose_search import Search
from subtomo_core.orientation.rotation_matching import Template
from subtomo_core.orientation.rotations import random_rotations

_REPEATS = 7

F = TypeVar("F", bound=Callable[..., object])


class Work(NamedTuple):
    """Operations in float32, bytes moved, and cells of a padded grid read (64 bytes each)."""

    flops: float
    bytes: float = 0.0
    cells: float = 0.0

    def __mul__(self, times: object) -> Work:
        """The same some times over."""
        return Work(*(value * float(times) for value in self))  # type: ignore[arg-type]

    def __add__(self, other: object) -> Work:
        """Both."""
        return Work(*(a + b for a, b in zip(self, other, strict=True)))  # type: ignore[call-overload]

    def __str__(self) -> str:
        """In millions."""
        parts = zip(self, ("Mflop", "MB", "M cells"), strict=True)
        return ", ".join(f"{value / 1e6:.3g} {unit}" for value, unit in parts if value)


@dataclass(frozen=True)
class Peaks:
    """Operations, bytes and cells a second, on one core."""

    flops: float
    bytes: float
    cells: float

    def milliseconds(self, work: Work) -> float:
        """Least time of some work if operations, streams and cells overlap perfectly."""
        return 1e3 * max(work.flops / self.flops, work.bytes / self.bytes, work.cells / self.cells)


def _compiled(function: F) -> F:
    """Compile a function, which stays typed."""
    return cast("F", njit(function))


def _contracted(function: F) -> F:
    """Compile with multiply-adds; with more, the compiler would work out the sixteen as one."""
    return cast("F", njit(fastmath={"contract"})(function))


@_contracted
def _multiply_add(rows: NDArray[np.float32], times: int) -> None:
    a, b, c = np.float32(1.000001), np.float32(1e-7), rows.shape[0]
    for _ in range(times):
        for i in range(c):
            x = rows[i]
            for _ in range(16):
                x = x * a + b
            rows[i] = x


@_compiled
def _copy(source: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    for i in range(source.shape[0]):
        target[i] = source[i]


@_compiled
def _read(flat: NDArray[np.float32], index: NDArray[np.int32], row: int, plane: int) -> float:
    total, middle = np.float32(0.0), np.float32(0.5)
    for i in index:
        re, im = value_in_cell(flat, 2 * np.int64(i), row, plane, middle, middle, middle)
        total += re + im
    return float(total)


def cpu_ms(work: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Least CPU milliseconds of one call."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def peaks(search: Search, template: Template) -> Peaks:
    """Measure multiply-adds, copies, and reads of a template's cells at turned components."""
    rows, times = np.ones(2048, np.float32), 2000
    flops = 2.0 * 16 * rows.size * times / cpu_ms(lambda: _multiply_add(rows, times))
    large = np.ones(2**24, np.float32)
    target = np.empty_like(large)
    copied = 2.0 * large.nbytes / cpu_ms(lambda: _copy(large, target))
    grid, points = template.grid, search.support.points
    c, width = (grid.shape[0] - 1) // 2, grid.shape[2]
    index = np.empty(points.shape[1], np.int32)
    turn = (2.0 * random_rotations(np.random.default_rng(1), 1)[0]).astype(np.float32)
    locate(points, 0, turn, c, width, index, np.empty((4, len(index)), np.float32))
    flat, row, plane = grid.reshape(-1), 2 * width, 2 * width * grid.shape[1]
    read = len(index) / cpu_ms(lambda: [_read(flat, index, row, plane) for _ in range(10)]) * 10.0
    return Peaks(1e3 * flops, 1e3 * copied, 1e3 * read)


@dataclass(frozen=True)
class Counts:
    """Work of the stages, by formula.

    Attributes
    ----------
    box, bandwidth, shells : int
    components, summed : int
        J of the search, and of the sums.
    coarse, columns, shifts, reach : int
        Components of the first ring, its columns, shifts on an axis, largest frequency.
    """

    box: int
    bandwidth: int
    shells: int
    components: int
    summed: int
    coarse: int
    columns: int
    shifts: int
    reach: int

    @property
    def read(self) -> Work:
        """Moments, and a transform of n^3 real voxels: 2.5 N log N."""
        voxels = float(self.box**3)
        return Work(2.5 * voxels * math.log2(voxels) + 5.0 * voxels, 12.0 * voxels)

    @property
    def harmonics(self) -> Work:
        """L^2 samples a shell, Fourier sums on L rings, Legendre sums."""
        size, shells = self.bandwidth, self.shells
        rings = shells * size * 2.5 * 2 * size * math.log2(2 * size)
        legendre = shells * float(size) ** 3
        return Work(60.0 * shells * size**2 + rings + legendre, 0.0, shells * size**2)

    def correlation(self, *, even: bool) -> Work:
        """Products of harmonics, Wigner sums for half of beta, a transform for each beta."""
        size, part = float(self.bandwidth), 0.5 if even else 1.0
        products = part * 8.0 / 3.0 * self.shells * size**3
        wigner = part * 8.0 / 3.0 * size**4
        values = (size + 1.0) * (2.0 * size) ** 2
        transforms = 2.5 * values * math.log2((2.0 * size) ** 2)
        return Work(products + wigner + transforms, 16.0 * values)

    @property
    def surveyed(self) -> Work:
        """One candidate in the first ring: gather, multiply, transform to shifts, one climb.

        Shifts come in pairs, t and -t, for which the same products serve.
        """
        g, j = float(self.shifts), float(self.coarse)
        transform = 4.0 * j * g + 4.0 * self.columns * g**2 + 2.0 * (self.reach + 1) * g**3
        return Work((60.0 + 12.0 + 50.0) * j + transform, 0.0, j)

    @property
    def looked_at(self) -> Work:
        """One candidate with all components: gather, multiply, one climb."""
        return Work((60.0 + 12.0 + 50.0) * self.components, 0.0, self.components)

    @property
    def climbed(self) -> Work:
        """Two evaluations with slopes: one to step from, one to see that it was right."""
        return Work(2 * 320.0 * self.components, 0.0, 2 * self.components)

    @property
    def noise(self) -> Work:
        """Gather, shift, difference."""
        return Work(94.0 * self.components, 0.0, self.components)

    @property
    def sums(self) -> Work:
        """Shift, and cells of two grids (12 of 16 bytes) read and written."""
        return Work(80.0 * self.summed, 0.0, 2 * self.summed)
