"""An average put back into a tomogram's volume, one copy for each particle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from subtomo_core.arrays import Real
from subtomo_core.fourier.shells import radius_of
from subtomo_core.fourier.transforms import to_fourier, to_real

Array = NDArray[np.float64]
_ORDER = 3  # of the spline between the average's voxels


class Stamp:
    """An average that is added to volumes in any pose.

    Parameters
    ----------
    average : array, shape (n, n, n)
        Axes z, y, x, origin at voxel n // 2.
    scale : float
        Its voxel size over that of the volumes. Below 1 it is first cut off at their Nyquist
        frequency.
    """

    def __init__(self, average: Real, scale: float):
        self._box, self._scale = average.shape[0], scale
        volume = average
        if scale < 1.0:
            transform = to_fourier(average)
            transform[radius_of(self._box) > 0.5 * self._box * scale] = 0.0
            volume = to_real(transform)
        self._spline = ndimage.spline_filter(volume, _ORDER, np.float32)
        self._radius = (self._box // 2 - 1) * scale

    def add(self, volume: Real, rotation: Array, centre: Array) -> None:
        """Add one copy, within the sphere that its box holds; what lies outside is left out.

        Parameters
        ----------
        volume : array, shape (z, y, x)
            Changed in place.
        rotation : array, shape (3, 3)
            From the average to the volume, on vectors x, y, z.
        centre : array, shape (3,)
            Where the average's origin comes to lie: voxels from the first one, x, y, z.
        """
        place = np.asarray(centre, np.float64)[::-1]
        low = np.clip(np.ceil(place - self._radius), 0, volume.shape).astype(int)
        high = np.clip(np.floor(place + self._radius) + 1, 0, volume.shape).astype(int)
        if (high <= low).any():
            return
        turn = np.asarray(rotation, np.float64).T[::-1, ::-1] / self._scale
        offset = turn @ (low - place) + self._box // 2
        copy = ndimage.affine_transform(
            self._spline, turn, offset, tuple(high - low), np.float32, _ORDER, prefilter=False
        )
        axes = [np.arange(a, b) - p for a, b, p in zip(low, high, place, strict=True)]
        z, y, x = np.ix_(*axes)
        copy[z * z + y * y + x * x > self._radius**2] = 0.0
        volume[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] += copy
