"""Post-processing of a map from its halves' FSC: Guinier plot, B-factor, FSC weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.gridding import resolution_angstrom
from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.fourier.shells import on_components, radius_of, shell_means, soft_edge
from subtomo_core.fourier.transforms import to_fourier, to_real

_FROM_ANGSTROM = 10.0  # coarser shells tell the molecule's shape, not how amplitudes fall off
_LEAST_SHELLS = 4
_CRITERION = 0.143

Curve = NDArray[np.float64]


class Guinier(NamedTuple):
    """How the amplitudes of a map fall off.

    Attributes
    ----------
    inverse_square : ndarray
        1 / d^2 of shells 1 .. n/2, in 1 / ångström^2.
    amplitude, weighted : ndarray
        ln of the root mean square amplitude in each, and of that times the FSC weight; -inf where
        there is nothing.
    resolution_angstrom : float
        Where the FSC falls below 0.143.
    b_factor : float or None
        Four times the slope of the weighted curve from 10 Å to there, in ångström^2: negative
        where amplitudes fall off. None where fewer than four shells lie between.
    intercept : float or None
        Of the fitted line.
    """

    inverse_square: Curve
    amplitude: Curve
    weighted: Curve
    resolution_angstrom: float
    b_factor: float | None
    intercept: float | None


def fsc_weights(fsc: NDArray[np.floating]) -> Curve:
    """Correlation of a map with the true one, estimated from its halves: sqrt(2 F / (1 + F)).

    ``fsc`` (shells,) is the halves'; where it is not positive the weight is 0.

    References
    ----------
    Rosenthal & Henderson (2003), J. Mol. Biol. 333, 721-745: equation of C_ref.
    """
    F = np.clip(np.asarray(fsc, np.float64), 0.0, 1.0)
    weights: Curve = np.sqrt(2.0 * F / (1.0 + F))
    return weights


def guinier(volume: Real, fsc: NDArray[np.floating], voxel_size: float) -> Guinier:
    """Guinier plot of a map (n, n, n), and the B-factor that it tells.

    Parameters
    ----------
    volume : ndarray
        The plain mean of both halves, not filtered.
    fsc : ndarray, (n / 2 + 1,)
        Of its halves.
    voxel_size : float
        In ångström.

    References
    ----------
    Rosenthal & Henderson (2003), J. Mol. Biol. 333, 721-745.
    """
    box = len(volume)
    extent = box * voxel_size
    power = shell_means(np.abs(to_fourier(volume * soft_sphere(box, box / 2 - 3.0))) ** 2, box)[1:]
    with np.errstate(divide="ignore"):
        amplitude = 0.5 * np.log(power)
        weighted = amplitude + np.log(fsc_weights(fsc)[1 : len(power) + 1])
    inverse_square = (np.arange(1, len(power) + 1) / extent) ** 2
    resolution = resolution_angstrom(fsc, _CRITERION, extent)
    used = (inverse_square >= _FROM_ANGSTROM**-2) & (inverse_square <= resolution**-2)
    used &= np.isfinite(weighted)
    b_factor = intercept = None
    if used.sum() >= _LEAST_SHELLS:
        slope, level = np.polyfit(inverse_square[used], weighted[used], 1)
        b_factor, intercept = 4.0 * float(slope), float(level)
    return Guinier(inverse_square, amplitude, weighted, resolution, b_factor, intercept)


def sharpened(
    volume: Real, fsc: NDArray[np.floating], voxel_size: float, b_factor: float = 0.0
) -> Real:
    """A map (n, n, n) with FSC weights, sharpened, and cut at its resolution (FSC 0.143).

    Amplitudes are multiplied by ``exp(-b_factor / (4 d^2))``: a negative ``b_factor``, in
    ångström^2, sharpens. ``volume``, ``fsc`` and ``voxel_size`` as for `guinier`.
    """
    box, radius = len(volume), radius_of(len(volume))
    extent = box * voxel_size
    reach = extent / resolution_angstrom(fsc, _CRITERION, extent)
    # Beyond what is kept the factor could overflow.
    raised = np.exp(-0.25 * b_factor * (np.minimum(radius, reach + 2.0) / extent) ** 2)
    weights = on_components(fsc_weights(fsc)[: box // 2 + 1], box)
    return to_real(to_fourier(volume) * (weights * raised * soft_edge(radius, reach)))
