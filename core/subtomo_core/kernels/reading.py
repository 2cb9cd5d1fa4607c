"""From a particle's volume to its samples."""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.jit import jit
from subtomo_core.kernels.types import F32, F64, I64


@jit
def moments(volume: F32, outside: F32, out: F64) -> None:
    """``out`` (5,): sum and sum of squares of all voxels; sum, squares and number outside.

    ``volume`` flat; ``outside`` (n^3,) is 1 for background voxels and 0 elsewhere. A voxel that
    is not finite makes the sums so.
    """
    out[:] = 0.0
    block = 1024
    for first in range(0, volume.shape[0], block):
        values, flags = volume[first : first + block], outside[first : first + block]
        a = b = c = d = e = 0.0
        for i in range(values.shape[0]):
            v, flag = np.float64(values[i]), np.float64(flags[i])
            a += v
            b += v * v
            c += flag * v
            d += flag * v * v
            e += flag
        out[0] += a
        out[1] += b
        out[2] += c
        out[3] += d
        out[4] += e


@jit
def take(
    transform: F32, index: I64, points: F32, weights: F32, scale: float, values: F32, out: F32
) -> None:
    """Samples of a band from an uncentred half transform (flat pairs).

    ``values`` (J, 2) are the components at ``index`` times ``scale``, moved to the centre of the
    box by ``(-1)^(kx + ky + kz)``, 0 where their weight ``out`` (J,), the one at ``index`` among
    ``weights``, is not positive.
    """
    factor = np.float32(scale)
    for j in range(index.shape[0]):
        i = index[j]
        out[j] = weights[i]
        odd = int(math.fabs(points[0, j] + points[1, j] + points[2, j])) % 2
        f = -factor if odd else factor
        if not out[j] > 0.0:
            f = np.float32(0.0)
        values[j, 0] = f * transform[2 * i]
        values[j, 1] = f * transform[2 * i + 1]
