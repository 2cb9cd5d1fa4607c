"""Transforms and sums written out plainly, to hold the engine's against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.exact import pose_transform
from subtomo_core.fourier import Band, multiplicity
from subtomo_core.kernels.interpolate import gather
from subtomo_core.simulate import asymmetric_blob

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
    out = np.empty((len(support.points), 2), np.float32)
    gather(grid, support.points, rotation, 2.0, out)
    return out.view(np.complex64)[:, 0]


def as_pairs(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Complex numbers (J,) as pairs (J, 2)."""
    return np.stack([values.real, values.imag], -1).astype(np.float32)


def phases(support: Band, shift: NDArray[np.float64]) -> NDArray[np.complex128]:
    """``exp(2 pi i k.t / n)`` at each component (J,)."""
    return np.exp(2j * np.pi / support.box * (support.points.astype(np.float64) @ shift))


def error(found: NDArray[np.generic], true: NDArray[np.generic], count=1.0) -> float:
    """Root of ``sum count |found - true|^2 / sum count |true|^2``."""
    squares = (count * np.abs(found - true) ** 2).sum(dtype=np.float64)
    return float(np.sqrt(squares / (count * np.abs(true) ** 2).sum(dtype=np.float64)))


def inner(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    """``Re sum first conj(second)`` of half transforms over the whole transform."""
    product = (first * np.conj(second)).real.astype(np.float64)
    return float((product * multiplicity(first.shape[0])).sum())
