"""RCS in real space, under a mask: the definition, as it stands.

Without a mask `pairs.FourierPair` gives the same numbers much faster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.band import Band
from subtomo_core.fourier.transforms import to_real
from subtomo_core.kernels import pairs
from subtomo_core.kernels.interpolate import gather_slopes
from subtomo_core.kernels.slopes import derivatives
from subtomo_core.refiners.pairs import Array, FourierPair, Moments

_BLOCK = 256  # of components whose derivatives the kernel works out at once


@dataclass(frozen=True, eq=False)
class MaskedPair:
    """A pair compared in real space under a mask.

    Both volumes are restricted to the overlap, transformed back, their mean under the mask
    taken away (Lü et al. 2019, equations 4 to 7).

    Attributes
    ----------
    pair : FourierPair
    mask : ndarray of float32, (n, n, n)
        In the frame of the fixed volume, 0 to 1.
    """

    pair: FourierPair
    mask: Real

    @property
    def reach(self) -> float:
        """Longest shift allowed, voxels."""
        return self.pair.reach

    def moments(self, rotation: Array, shift: Array) -> Moments:
        """Sums over the voxels under the mask at a pose; the overlap's components as ``mass``."""
        fixed, moved = self.pair.fixed, self.pair.moved
        support = fixed.support
        count = len(support.index)
        root, share = np.empty(count, np.float32), fixed.weights / support.count
        pairs.overlap(moved.table, support.points, rotation, 2.0, share, root)
        mass = float((root * support.count).sum())
        root = np.sqrt(root)
        model, steep = _slopes(self.pair, rotation)

        def there(parts: Real) -> Array:
            return self._seen(support, root * support.shifted(_complex(parts), -shift))

        f = self._seen(support, root * _complex(fixed.samples))
        g, ways = there(model), np.stack([there(parts) for parts in steep])
        sums = np.array([f @ f, f @ g, g @ g, mass])
        return Moments(sums, np.stack([ways @ f, ways @ g]), ways @ ways.T)

    def _seen(self, support: Band, values: NDArray[np.complex64]) -> Array:
        """Voxels (n^3,) of components under the mask, without their mean."""
        box = support.box
        half = np.zeros(box * box * (box // 2 + 1), np.complex64)
        half[support.index] = values
        volume = to_real(half.reshape(box, box, -1)).astype(np.float64)
        mean = (volume * self.mask).sum() / max(float(self.mask.sum()), 1e-30)
        inside: Array = ((volume - mean) * self.mask).reshape(-1)
        return inside


def _slopes(pair: FourierPair, rotation: Array) -> tuple[Real, Real]:
    """The rotated model (2, J), and its derivatives (6, 2, J), without the shift."""
    support = pair.fixed.support
    count = len(support.index)
    model, steep = np.empty((8, count), np.float32), np.empty((2, 6, count), np.float32)
    gather_slopes(pair.moved.grid, support.points, rotation, 2.0, model)
    turn = (rotation * 2.0).astype(np.float32)
    wave = np.float32(2.0 * np.pi / support.box)
    block = np.empty((2, 6, _BLOCK), np.float32)
    for first in range(0, count, _BLOCK):
        size = min(_BLOCK, count - first)
        derivatives(model, support.points, first, turn, wave, block)
        steep[:, :, first : first + size] = block[:, :, :size]
    return model[:2], steep.transpose(1, 0, 2)


def _complex(parts: Real) -> NDArray[np.complex64]:
    values: NDArray[np.complex64] = (parts[0] + 1j * parts[1]).astype(np.complex64)
    return values
