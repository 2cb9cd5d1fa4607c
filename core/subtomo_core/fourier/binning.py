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


def binned_weights(weights: Real, box: int) -> Real:
    """Weights of a binned sum, (box, box, box // 2 + 1): those of the components that it keeps.

    A sum S = W A is divided by its weights, so that the factor that `binned` puts on S, and on
    the map A alike, leaves W as it is. W is 0 where `binned` leaves nothing: at the new Nyquist
    frequency.

    Parameters
    ----------
    weights : ndarray of float32, (m, m, m // 2 + 1)
        Origin at [0, 0, 0]; m even and not below ``box``.
    box : int
        Side in voxels, even.
    """
    return weights if weights.shape[0] == box else resample(weights, box)
