from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.fourier.band import band
from subtomo_core.kernels import components
from support.numerics import phases

SUPPORT = band(12, 4.3)
RNG = np.random.default_rng(0)
VALUES = (RNG.normal(size=(len(SUPPORT.index), 2)) @ [1, 1j]).astype(np.complex64)
PAIRS = VALUES.view(np.float32).reshape(-1, 2)
SHIFT = np.array([0.7, -1.3, 2.1])


def spread(kernel, *arguments):
    grid = SUPPORT.empty_grid()
    kernel(PAIRS, *arguments, SUPPORT.cells, grid.reshape(-1))
    return grid.view(np.complex64)[..., 0]


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        (spread(components.spread), VALUES),
        (spread(components.spread_magnitudes), np.abs(VALUES)),
        (
            spread(components.spread_moved, SUPPORT.points, SHIFT, SUPPORT.box),
            VALUES * phases(SUPPORT, SHIFT),
        ),
    ],
    ids=["values", "magnitudes", "moved"],
)
def test_a_grid_holds_the_components_and_nothing_else(grid, expected):
    c = (grid.shape[0] - 1) // 2
    x, y, z = SUPPORT.points.astype(int)
    assert np.allclose(grid[z + c, y + c, x], expected, atol=1e-5)
    assert np.count_nonzero(grid) == len(expected)


def test_weighed_components_count_twice_where_their_mates_are_not_there():
    weights = RNG.uniform(size=len(VALUES)).astype(np.float32)
    parts, doubled = np.empty((2, len(VALUES)), np.float32), np.empty(len(VALUES), np.float32)
    shells = np.zeros(7)
    components.weigh(PAIRS, weights, SUPPORT.count, SUPPORT.shell, parts, doubled, shells)
    assert np.allclose(parts[0] + 1j * parts[1], VALUES * SUPPORT.count)
    assert np.allclose(doubled, weights * SUPPORT.count)
    assert np.allclose(shells, np.bincount(SUPPORT.shell, doubled, minlength=7))
