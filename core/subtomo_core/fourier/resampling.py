"""Maps on coarser grids."""

from __future__ import annotations

import numpy as np

from subtomo_core.arrays import Real
from subtomo_core.fourier.gridding import resample
from subtomo_core.fourier.transforms import to_fourier, to_real


def coarser(volume: Real, box: int) -> Real:
    """A map (n, n, n) on ``box`` voxels a side, with the same extent, origin and densities.

    Components that the coarser grid cannot hold are left out. A map that is no larger is given
    back as it is. Both sides are even.
    """
    side = volume.shape[0]
    if box >= side:
        return volume
    scale = np.float32((box / side) ** 1.5)  # unitary transforms of unlike sizes
    return to_real(resample(to_fourier(volume), box) * scale)
