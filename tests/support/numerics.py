"""Transforms and sums written out plainly, to hold the engine's against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier.band import Band
from subtomo_core.fourier.nufft import pose_transform
from subtomo_core.fourier.shells import multiplicity
from subtomo_core.kernels.interpolate import gather
from subtomo_core.simulate import asymmetric_blob

Numbers = NDArray[np.number]
BLOB_WIDTH = 0.5  # of the box: the phantom's diameter


def blob(box: int, width: float = BLOB_WIDTH) -> NDArray[np.float32]:
    """Body without symmetry in a box, its diameter ``width`` of the side."""
    return asymmetric_blob(width * box).density(box, 1.0)


def posed(
    volume: NDArray[np.float32],
    support: Band,
    rotation: NDArray[np.float64],
    shift: tuple[float, ...] | NDArray[np.float64] = (0.0, 0.0, 0.0),
) -> NDArray[np.complex64]:
    """Components (J,) of a volume at a pose, exactly."""
    return support.take(pose_transform(volume, rotation, shift))


def gathered(
    grid: NDArray[np.float32], support: Band, rotation: NDArray[np.float64]
) -> NDArray[np.complex64]:
    """Components (J,) of a padded grid at a rotation, as the engine interpolates them."""
    out = np.empty(support.points.shape[1:], np.complex64)
    parts = np.empty((2, len(out)), np.float32)
    gather(grid, support.points, rotation, 2.0, parts)
    out.real, out.imag = parts
    return out


def trilinear(grid: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Values of a half grid at grid points (3, J), in double precision."""
    c = (grid.shape[0] - 1) // 2
    mirrored = points[0] < 0
    x, y, z = np.where(mirrored, -points, points) + np.array([0.0, c, c])[:, None]
    i, j, k = (np.floor(a).astype(int) for a in (x, y, z))
    total = np.zeros(len(x), np.complex128)
    for dz, dy, dx in np.ndindex(2, 2, 2):
        share = np.abs(1 - dx - (x - i)) * np.abs(1 - dy - (y - j)) * np.abs(1 - dz - (z - k))
        total += share * (grid[k + dz, j + dy, i + dx].astype(np.float64) @ [1, 1j])
    return np.where(mirrored, total.conj(), total)


def as_parts(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Complex numbers (J,) as real and imaginary parts (2, J)."""
    return np.stack([values.real, values.imag]).astype(np.float32)


def phases(support: Band, shift: NDArray[np.float64]) -> NDArray[np.complex128]:
    """``exp(2 pi i k.t / n)`` at each component (J,)."""
    turns: NDArray[np.float64] = shift @ support.points.astype(np.float64)
    return np.asarray(np.exp(2j * np.pi / support.box * turns), np.complex128)


def error(found: Numbers, true: Numbers, count: float | NDArray[np.floating] = 1.0) -> float:
    """Root of ``sum count |found - true|^2 / sum count |true|^2``."""
    squares = (count * np.abs(found - true) ** 2).sum(dtype=np.float64)
    return float(np.sqrt(squares / (count * np.abs(true) ** 2).sum(dtype=np.float64)))


def inner(first: Numbers, second: Numbers) -> float:
    """``Re sum first conj(second)`` of half transforms over the whole transform."""
    product = (first * np.conj(second)).real.astype(np.float64)
    return float((product * multiplicity(first.shape[0])).sum())


def on_euler_grid(found: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlations on the Euler grid (L + 1, 2 L, 2 L), axes beta, alpha, gamma."""
    half = len(found) // 4
    near, far = np.moveaxis(found[..., : half + 1], (2, 3), (0, 1))
    assert np.allclose(near[half], far[half], atol=1e-4 * np.abs(near).max())
    return np.concatenate([near, far[half - 1 :: -1]])
