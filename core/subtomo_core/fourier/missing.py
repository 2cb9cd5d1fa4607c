"""Regions of Fourier space which a tilt series observes, by formula.

Source: Scheres et al. (2009), *Missing data*; vectors in the order x, y, z, the beam along z.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from subtomo_core.spec.missing_region import Complete, Cone, Formula, Pyramid, Wedge

_EDGE_DEG = 1e-6  # rounding of the arctangent must not decide about components on the edge


class Turned(NamedTuple):
    """What a box that was cut out turned has observed.

    Attributes
    ----------
    region : Wedge, Pyramid, Cone or Complete
        Of its tilt series.
    turn : ndarray, (3, 3)
        Takes a vector of the box, x, y, z, to the frame of the tilt series.
    """

    region: Formula
    turn: NDArray[np.float64]


Region = Formula | Turned


def observed(region: Region, box: int) -> NDArray[np.float32]:
    """Which components of a half transform are observed: 1, or 0 where missing.

    Parameters
    ----------
    region : Wedge, Pyramid, Cone, Complete or Turned
        The missing region.
    box : int
        Side n of the volume in voxels.

    Returns
    -------
    ndarray
        Shape (n, n, n // 2 + 1), float32: the layout of ``rfftn``, axes z, y, x, origin at
        [0, 0, 0]. The origin itself is 0. A component on a Nyquist plane stands for two
        frequencies of opposite sign and is observed where both are.
    """
    full = np.asarray(np.fft.fftfreq(box, 1.0 / box), np.float64)
    half = np.arange(box // 2 + 1, dtype=np.float64)
    signs = (1.0, -1.0) if box % 2 == 0 else (1.0,)
    result = np.ones((box, box, box // 2 + 1), bool)
    for sign_z, sign_y, sign_x in product(signs, repeat=3):
        kz = np.where(full == -box / 2, sign_z * box / 2, full)
        ky = np.where(full == -box / 2, sign_y * box / 2, full)
        kx = np.where(half == box / 2, sign_x * box / 2, half)
        result &= _inside(region, kx[None, None, :], ky[None, :, None], kz[:, None, None])
    result[0, 0, 0] = False
    return result.astype(np.float32)


def observed_by_any(regions: Iterable[Region], box: int) -> NDArray[np.bool_]:
    """Which components of a half transform (n, n, n // 2 + 1) one region or more observe."""
    found = np.zeros((box, box, box // 2 + 1), bool)
    for region in regions:
        found |= observed(region, box) > 0
    return found


def observed_at(region: Region, frequencies: ArrayLike) -> NDArray[np.bool_]:
    """Whether ``frequencies`` (..., 3), order x, y, z, in any unit, are observed, shape (...)."""
    kx, ky, kz = np.moveaxis(np.asarray(frequencies, np.float64), -1, 0)
    inside = _inside(region, kx, ky, kz)
    result: NDArray[np.bool_] = inside & ((kx != 0) | (ky != 0) | (kz != 0))
    return result


_Axis = NDArray[np.float64]


def _inside(region: Region, kx: _Axis, ky: _Axis, kz: _Axis) -> NDArray[np.bool_]:
    if isinstance(region, Turned):
        # Row by row, as three axes that broadcast: they are not yet one array of vectors.
        x, y, z = (row[0] * kx + row[1] * ky + row[2] * kz for row in region.turn)
        return _inside(region.region, x, y, z)
    if isinstance(region, Complete):
        return np.ones(np.broadcast_shapes(kx.shape, ky.shape, kz.shape), bool)
    if isinstance(region, Wedge):
        across, along = (kx, ky) if region.axis == "y" else (ky, kx)
        wedge = _between(across, kz, region.tilt_min_deg, region.tilt_max_deg)
        return np.broadcast_to(wedge, np.broadcast_shapes(wedge.shape, along.shape))
    if isinstance(region, Pyramid):
        first = _between(kx, kz, region.tilt_min_deg, region.tilt_max_deg)
        second = _between(ky, kz, region.second_tilt_min_deg, region.second_tilt_max_deg)
        return first | second
    if isinstance(region, Cone):
        angle = np.degrees(np.arctan2(np.hypot(kx, ky), np.abs(kz)))
        origin = (np.hypot(kx, ky) == 0) & (kz == 0)
        cone: NDArray[np.bool_] = (angle >= region.half_angle_deg - _EDGE_DEG) | origin
        return cone
    raise ValueError("the weights of this region come with the particles, not from a formula")


def _between(across: _Axis, kz: _Axis, low: float, high: float) -> NDArray[np.bool_]:
    """Whether the angle of (across, kz), folded to [-90, 90], lies in the tilt range."""
    fold = np.where(across < 0, -1.0, 1.0)
    angle = np.degrees(np.arctan2(fold * kz, np.abs(across)))
    inside = (angle >= low - _EDGE_DEG) & (angle <= high + _EDGE_DEG)
    # On the plane across = 0 both signs of 90 degrees are the same direction.
    vertical = (across == 0) & (kz != 0)
    reaches = high >= 90.0 - _EDGE_DEG or low <= -90.0 + _EDGE_DEG
    axis_itself = (across == 0) & (kz == 0)
    result: NDArray[np.bool_] = np.where(vertical, reaches, inside) | axis_itself
    return result
