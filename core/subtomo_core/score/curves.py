"""Fourier shell correlation and correlations within a band."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from subtomo_core.fourier import gridding
from subtomo_core.fourier.shells import multiplicity, radius_of
from subtomo_core.fourier.transforms import to_fourier

Volume = NDArray[np.float32]
Curve = NDArray[np.float64]


def fsc(first: Volume, second: Volume) -> Curve:
    """Fourier shell correlation of two maps (n, n, n) in shells 0 .. n/2.

    Every shell holds the whole transform's components whose radius rounds to its number. A
    shell where either map is empty has the value 0.
    """
    return gridding.fsc(to_fourier(first), to_fourier(second))


def correlation(first: Volume, second: Volume, mask: Volume | None = None) -> float:
    """Correlation coefficient r of two maps (n, n, n), weighted by ``mask`` where given."""
    w = np.ones(first.shape) if mask is None else mask.astype(np.float64)
    total = w.sum()
    a = first - (w * first).sum() / total
    b = second - (w * second).sum() / total
    norm = np.sqrt((w * a * a).sum() * (w * b * b).sum())
    return float((w * a * b).sum() / norm) if norm > 0 else 0.0


def band_of(curve: ArrayLike, threshold: float = 0.5) -> NDArray[np.bool_]:
    """Shells from 1 up to the last before a curve first falls below ``threshold``, as flags."""
    values = np.asarray(curve, np.float64)
    inside = np.logical_and.accumulate(values[1:] >= threshold)
    return np.concatenate([[False], inside])


def r_in_band(first: Volume, second: Volume, shells: NDArray[np.bool_]) -> float:
    """Correlation of two maps over the components of the flagged shells 0 .. n/2 alone."""
    box = first.shape[0]
    shell = np.rint(radius_of(box)).astype(np.int64)
    flags = np.zeros(shell.max() + 1, bool)
    flags[: len(shells)] = shells
    weight = flags[shell] * multiplicity(box)
    F, G = to_fourier(first), to_fourier(second)
    power = (weight * np.abs(F) ** 2).sum() * (weight * np.abs(G) ** 2).sum()
    cross = (weight * (F * G.conj()).real).sum()
    return float(cross / np.sqrt(power)) if power > 0 else 0.0
