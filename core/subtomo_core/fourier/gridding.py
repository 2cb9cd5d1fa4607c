"""From summed statistics to volumes (docs/method.md#averages)."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.fourier.grids import sinc_squared
from subtomo_core.fourier.shells import on_components, radius_of, shell_sums
from subtomo_core.fourier.transforms import to_fourier, to_real

Value = TypeVar("Value", np.complex64, np.float32)


def fold(grid: NDArray[np.generic], box: int) -> Complex:
    """Bring a scattered half grid, padded twice, back to the components of the box.

    The exact transpose of gathering from a padded reference: to real space, crop to the box,
    divide by the trilinear kernel's transform, and back. What scattering smeared out is made
    good this way: without it low frequencies are off by 2 to 9 %.

    Parameters
    ----------
    grid : ndarray of complex64 or float32, (2 c + 1, 2 c + 1, c + 1)
        Sums at half-pixel steps, made by `kernels.interpolate.scatter`; each conjugate pair of
        samples was added once.
    box : int
        Side n in voxels.

    Returns
    -------
    ndarray of complex64, (n, n, n // 2 + 1)
    """
    whole = grid.astype(np.complex64)
    whole[:, :, 0] += np.conj(whole[::-1, ::-1, 0])  # the mates that fell on the plane x = 0
    c = grid.shape[2] - 1
    coarse = 2 * math.ceil((c + 1) / 2)  # as many voxels as hold these frequencies
    padded = np.zeros((2 * coarse, 2 * coarse, coarse + 1), np.complex64)
    rows = np.arange(-c, c + 1)
    padded[np.ix_(rows, rows, np.arange(c + 1))] = whole
    inner = slice(coarse // 2, coarse // 2 + coarse)
    volume = to_real(padded)[inner, inner, inner] * np.float32(math.sqrt(8.0))
    return resample(to_fourier(volume / sinc_squared(coarse, 2)), box)


def resample(transform: NDArray[Value], box: int) -> NDArray[Value]:
    """Fourier components (m, m, m // 2 + 1) on those of a box of another side, centre kept.

    Those at the smaller box's Nyquist frequency, and what the source lacks, are 0.
    """
    source = transform.shape[0]
    reach = min(source, box) // 2 - 1
    rows = np.arange(-reach, reach + 1)
    target = np.zeros((box, box, box // 2 + 1), transform.dtype)
    cells = np.ix_(rows, rows, np.arange(reach + 1))
    target[cells] = transform[cells]
    return target


def fill_in(numerator: Complex, denominator: Real, total: Real, old: Complex) -> Complex:
    """Average whose missing parts are filled with the present estimate (FAML equation 10).

    ``A = (num + (tot - den) A_old) / tot``, with ``tot`` never below ``den``.

    Parameters
    ----------
    numerator, denominator : ndarray, (n, n, n // 2 + 1)
        Folded sums.
    total : ndarray
        What the denominator would be if nothing were missing; broadcasts.
    old : ndarray
        The present estimate's transform.
    """
    weight = np.maximum(denominator, 0.0)
    whole = np.maximum(total, weight)
    result = (numerator + (whole - weight) * old) / np.maximum(whole, np.float32(1e-30))
    return result.astype(np.complex64)


def weighted_average(numerator: Complex, denominator: Real, ridge: Real) -> Complex:
    """``num / (den + ridge)``: the average of what was observed (Scheres 2009, *wavg*)."""
    weight = np.maximum(denominator, 0.0) + ridge
    return (numerator / np.maximum(weight, np.float32(1e-30))).astype(np.complex64)


def relative_ridge(denominator: Real, share: float) -> Real:
    """``share`` of the mean denominator of each shell, on half components."""
    box = denominator.shape[0]
    weight = np.maximum(denominator, 0.0)
    means = shell_sums(weight, box) / np.maximum(shell_sums(np.ones_like(weight), box), 1.0)
    return on_components((share * means).astype(np.float32), box)


def fsc(first: Complex, second: Complex) -> NDArray[np.float64]:
    """Fourier shell correlation of two half transforms, shape (n // 2 + 1,); 0 where empty."""
    box = first.shape[0]
    cross = shell_sums((first * np.conj(second)).real, box)
    power = shell_sums(np.abs(first) ** 2, box) * shell_sums(np.abs(second) ** 2, box)
    return np.divide(cross, np.sqrt(power), out=np.zeros_like(cross), where=power > 0)


def resolution_angstrom(curve: ArrayLike, threshold: float, extent_angstrom: float) -> float:
    """Resolution at which a shell correlation first falls below ``threshold``.

    Parameters
    ----------
    curve : array_like
        Values of shells 0, 1, ..., shape (m,); shell 0, the mean, is not looked at.
    threshold : float
        0.5 against a known structure, 0.143 between independent halves.
    extent_angstrom : float
        Box times voxel size: shell s lies at ``extent / s``.

    Returns
    -------
    float
        In ångström, linear between shells. The whole extent where even shell 1 is below, the
        last shell's resolution where none is.
    """
    values = np.asarray(curve, np.float64)
    below = np.nonzero(values[1:] < threshold)[0] + 1
    if len(below) == 0:
        return extent_angstrom / (len(values) - 1)
    shell = int(below[0])
    if shell == 1:
        return extent_angstrom
    above, under = float(values[shell - 1]), float(values[shell])
    return extent_angstrom / (shell - 1 + (above - threshold) / (above - under))


def ball(box: int, r_max: float) -> NDArray[np.bool_]:
    """Half components within ``r_max`` pixels, the origin excluded."""
    radius = radius_of(box)
    inside: NDArray[np.bool_] = (radius <= r_max) & (radius > 0)
    return inside
