"""Shells of a half transform: radii, sums and means over them, and soft cuts."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.transforms import to_fourier, to_real


@lru_cache(maxsize=8)
def radius_of(box: int) -> Real:
    """Fourier radius in pixels of each half component, shape (n, n, n // 2 + 1)."""
    full = np.fft.fftfreq(box, 1.0 / box)
    half = np.arange(box // 2 + 1)
    squares = full[:, None, None] ** 2 + full[None, :, None] ** 2 + half[None, None, :] ** 2
    radius: Real = np.sqrt(squares).astype(np.float32)
    radius.setflags(write=False)
    return radius


def shell_of_components(box: int) -> NDArray[np.int64]:
    """Shell number (rounded radius) of each half component, shape (n, n, n // 2 + 1)."""
    return np.rint(radius_of(box)).astype(np.int64)


def on_components(per_shell: NDArray[np.floating], box: int) -> Real:
    """Spread values per shell (n // 2 + 1,) over half components; 0 in the corners."""
    extended = np.zeros(box, np.float32)
    extended[: len(per_shell)] = per_shell
    return extended[shell_of_components(box)]


def multiplicity(box: int) -> Real:
    """How often each half component stands in the whole transform, shape (n // 2 + 1,)."""
    count = np.full(box // 2 + 1, 2.0, np.float32)
    count[0] = count[-1] = 1.0
    return count


def shell_sums(values: NDArray[np.floating], box: int) -> NDArray[np.float64]:
    """Sum real values on half components over whole shells 0 .. n/2, shape (n // 2 + 1,)."""
    weighted = values * multiplicity(box)
    shells = shell_of_components(box).ravel()
    sums: NDArray[np.float64] = np.bincount(shells, weights=weighted.ravel()).astype(np.float64)
    return sums[: box // 2 + 1]


def shell_means(values: NDArray[np.floating], box: int) -> NDArray[np.float64]:
    """Mean of real values on half components over whole shells 0 .. n/2, shape (n // 2 + 1,)."""
    return shell_sums(values, box) / _shell_counts(box)


@lru_cache(maxsize=8)
def _shell_counts(box: int) -> NDArray[np.float64]:
    counts = shell_sums(np.ones((box, box, box // 2 + 1), np.float32), box)
    counts.setflags(write=False)
    return counts


def soft_edge(radius: NDArray[np.floating], cutoff: float) -> Real:
    """Low-pass: 1 up to ``cutoff - 1`` shells, 0 from ``cutoff + 1``, raised cosine between."""
    phase = np.clip((radius - cutoff) / 2.0, -0.5, 0.5)
    edge: Real = (0.5 - 0.5 * np.sin(np.pi * phase)).astype(np.float32)
    return edge


def low_pass(volume: Real, voxel_size_angstrom: float, resolution_angstrom: float) -> Real:
    """Soft low-pass of a volume (n, n, n) at a resolution in ångström."""
    box = volume.shape[0]
    cutoff = box * voxel_size_angstrom / resolution_angstrom
    return to_real(to_fourier(volume) * soft_edge(radius_of(box), cutoff))
