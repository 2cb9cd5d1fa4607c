"""Masks drawn from a map: what lies above a level, extended, with a soft edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from subtomo_core.arrays import Real
from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.masks import soft_within

_DUST = 0.05  # of the largest piece: smaller ones are left out


def level_mask(volume: Real, level: float, extend: float, edge: float) -> Real:
    """Mask (n, n, n), 0 to 1, about what of a map lies at or above a level.

    Pieces of less than a twentieth of the largest one are left out.

    Parameters
    ----------
    volume : ndarray, (n, n, n)
    level : float
        In standard deviations of the whole map, above its mean.
    extend : float
        Voxels about it in which the mask is 1.
    edge : float
        Width in voxels of the raised-cosine edge beyond.

    Raises
    ------
    InputError
        If nothing is at that level, or the mask would fill the box.
    """
    inside = volume >= volume.mean(dtype=np.float64) + level * volume.std(dtype=np.float64)
    solid = _without_dust(inside)
    if not solid.any():
        detail = f"nothing of the map lies at {level:g} sigma or above: choose a lower level"
        raise InputError(Problem(detail, pointer="/level"))
    distance = ndimage.distance_transform_edt(~solid)
    mask = soft_within(distance - extend - edge / 2.0, edge)
    faces = (mask.take(place, axis).max() for axis in range(3) for place in (0, -1))
    if max(faces) > 0.5:
        detail = (
            f"the mask at {level:g} sigma reaches the faces of the box: choose a higher level, or "
            "extend it less"
        )
        raise InputError(Problem(detail, pointer="/level"))
    return mask


def _without_dust(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, count = ndimage.label(inside, np.ones((3, 3, 3)))
    if count < 2:
        return inside
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept: NDArray[np.bool_] = sizes[labels] >= _DUST * sizes.max()
    return kept
