"""Local resolution: where in a map its two halves agree, band by band."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.shells import radius_of
from subtomo_core.fourier.transforms import to_fourier, to_real

LARGEST_BOX = 256  # takes half a minute and 1 GiB
DEFAULT_CUTOFF = 0.5
_WINDOW = 5.0  # resolutions of the whole map
_LEAST_WINDOW = 8.0  # voxels
_FWHM = math.sqrt(8.0 * math.log(2.0))  # of a Gaussian, in its standard deviations


class LocalResolution(NamedTuple):
    """Resolution at each voxel.

    Attributes
    ----------
    map : ndarray of float32, (n, n, n)
        In ångström; ``coarsest`` outside of the mask, and where not even the coarsest band agrees.
    inside : ndarray of bool, (n, n, n)
        Voxels within the mask.
    window_angstrom : float
        Full width at half maximum of the Gaussian window.
    coarsest, finest : float
        What can be told at all, in ångström: the window's width, and Nyquist.
    """

    map: Real
    inside: NDArray[np.bool_]
    window_angstrom: float
    coarsest: float
    finest: float


def default_window(resolution: float, voxel_size: float, box: int) -> float:
    """Width of the window in ångström for a map of a resolution: five times that.

    Never below eight voxels, nor above half the box. A narrower window holds too few components
    of each band for their correlation to be told from chance (the rule of Bsoft: 5 to 7 times).
    """
    least, most = _LEAST_WINDOW * voxel_size, 0.5 * box * voxel_size
    return min(max(_WINDOW * resolution, least), most)


def local_resolution(
    first: Real,
    second: Real,
    mask: Real,
    *,
    voxel_size: float,
    window_angstrom: float,
    cutoff: float = DEFAULT_CUTOFF,
) -> LocalResolution:
    """Resolution at each voxel, where the local correlation of two halves falls below a cutoff.

    Both halves pass a bank of bands about radii ``r``. In each band the correlation under a
    Gaussian window W about x is

        C(x, r) = sum W(y - x) a(y) b(y) / sqrt(sum W(y - x) a(y)^2  sum W(y - x) b(y)^2)

    which is the windowed FSC but for the order of window and band. The bands are as far apart as
    the window can tell them, so that their number follows from the window, not from the box.

    Parameters
    ----------
    first, second : ndarray, (n, n, n)
        Half maps, neither masked nor filtered; n up to `LARGEST_BOX`.
    mask : ndarray, (n, n, n)
        The resolution is told where it is at least 0.5. The halves are not multiplied by it.
    voxel_size, window_angstrom : float
        In ångström; the window's is the full width at half maximum.
    cutoff : float
        0.5 as published; with fewer components in a window than in a shell of the whole box,
        0.143 lies within chance at coarse bands.

    Raises
    ------
    InputError
        If the box is too large, or the window is below four voxels or above the box.

    References
    ----------
    Cardone, Heymann & Steven (2013), One number does not fit all: mapping local variations in
    resolution in cryo-EM reconstructions. J. Struct. Biol. 184, 226-236 (windowed FSC, 0.5);
    Penczek's sxlocres of SPARX (correlations in real space of halves that passed a band).
    """
    box = len(first)
    _check(box, window_angstrom / voxel_size)
    sigma = window_angstrom / voxel_size / _FWHM
    coarsest = box * voxel_size / window_angstrom
    count = max(2, round((box / 2 - coarsest) * 2 * np.pi * sigma / box))
    bands = np.linspace(coarsest, box / 2, count + 1)
    radius = _falling_radius(to_fourier(first), to_fourier(second), bands, sigma, cutoff)
    inside = mask >= 0.5
    full = _interpolated(radius, box)
    resolution = np.where(inside, box * voxel_size / full, window_angstrom).astype(np.float32)
    return LocalResolution(resolution, inside, window_angstrom, window_angstrom, 2 * voxel_size)


def _check(box: int, window: float) -> None:
    if box > LARGEST_BOX:
        detail = (
            f"the box has {box} voxels: local resolution is made for up to {LARGEST_BOX}; download "
            "the half maps and use a program of your own computer, such as blocres of Bsoft"
        )
        raise InputError(Problem(detail))
    if not 4.0 <= window <= box:
        detail = (
            f"the window is {window:.1f} voxels wide: choose one between 4 voxels and the box "
            f"({box})"
        )
        raise InputError(Problem(detail, pointer="/window_angstrom"))


def _falling_radius(
    first: NDArray[np.complex64],
    second: NDArray[np.complex64],
    bands: NDArray[np.float64],
    sigma: float,
    cutoff: float,
) -> NDArray[np.float64]:
    """Radius in shells at which the correlation first falls, on the coarse grid of `_places`."""
    box = len(first)
    window = _window(box, sigma)
    step = bands[1] - bands[0]
    found = np.full((len(window),) * 3, bands[-1])
    holds = np.ones(found.shape, bool)
    before = np.ones(found.shape)
    for r in bands:
        distance = np.minimum(np.abs(radius_of(box) - np.float32(r)) / np.float32(step), 1.0)
        band = np.cos(np.float32(np.pi / 2) * distance)  # the squares of all bands sum to one
        a, b = to_real(first * band), to_real(second * band)
        now = _correlation(a, b, window)
        falls = holds & (now < cutoff)
        part = (before - cutoff) / np.maximum(before - now, 1e-12)
        found[falls] = np.maximum(r - step * (1.0 - part), bands[0])[falls]
        holds &= ~falls
        before = now
        if not holds.any():
            break
    return found


def _correlation(a: Real, b: Real, window: Real) -> NDArray[np.float64]:
    """Windowed correlation of two volumes on the coarse grid; 0 where one is empty."""
    cross = _along_each_axis(a * b, window).astype(np.float64)
    power = _along_each_axis(a * a, window).astype(np.float64) * _along_each_axis(b * b, window)
    floor = max(float(power.max()) * 1e-12, float(np.finfo(np.float32).tiny))
    return np.divide(cross, np.sqrt(power), out=np.zeros_like(cross), where=power > floor)


def _places(box: int, sigma: float) -> NDArray[np.float64]:
    """Where windows stand along each axis, in voxels: about a standard deviation apart."""
    return np.linspace(0.0, box - 1.0, max(2, math.ceil((box - 1.0) / sigma) + 1))


def _window(box: int, sigma: float) -> Real:
    """Weights of voxels in the windows at `_places`, shape (places, n)."""
    away = (np.arange(box) - _places(box, sigma)[:, None]) / sigma
    return np.exp(-0.5 * away**2).astype(np.float32)


def _interpolated(values: NDArray[np.float64], box: int) -> Real:
    """Values on the coarse grid at all voxels (n, n, n), linear along each axis."""
    places = np.linspace(0.0, box - 1.0, len(values))
    weights = np.stack([np.interp(np.arange(box), places, unit) for unit in np.eye(len(values))], 1)
    return _along_each_axis(values.astype(np.float32), weights.astype(np.float32))


def _along_each_axis(volume: Real, weights: Real) -> Real:
    """A volume (m, m, m) summed with ``weights`` (k, m) along each axis, shape (k, k, k)."""
    for _ in range(3):
        # One product of two matrices: a stack of small ones takes fifty times as long.
        summed = volume.reshape(-1, volume.shape[2]) @ weights.T
        volume = np.moveaxis(summed.reshape(*volume.shape[:2], -1), -1, 0)
    return np.ascontiguousarray(volume)
