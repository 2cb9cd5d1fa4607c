"""Binning of volumes in Fourier space."""

from __future__ import annotations

import numpy as np

from subtomo_core.arrays import Real
from subtomo_core.fourier.gridding import resample
from subtomo_core.fourier.transforms import to_fourier, to_real


def binned(volume: Real, box: int) -> Real:
    """The same extent with fewer voxels, (box, box, box): the transform is cropped.

    The mean and the place of the centre are kept. What lies beyond the new Nyquist frequency is
    gone, so that nothing of it is folded back.

    Parameters
    ----------
    volume : ndarray of float32, (m, m, m)
        m even and not below ``box``.
    box : int
        Side in voxels, even.
    """
    side = volume.shape[0]
    if side == box:
        return volume
    scale = np.float32((box / side) ** 1.5)
    return to_real(resample(to_fourier(volume), box)) * scale
