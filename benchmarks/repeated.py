"""Datasets of any size from a few volumes, for measures of cost alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.simulate import barrel, simulate
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import Wedge

EXTENT = 384.0  # ångström, of every box
WEDGE = Wedge(tilt_min_deg=-60, tilt_max_deg=60)


class Repeated:
    """Particles which repeat a few volumes (M, n, n, n) in turn, ``count`` in all."""

    def __init__(self, volumes: NDArray[np.float32], count: int):
        box = volumes.shape[1]
        self._volumes = volumes
        self.summary = DatasetSummary(
            particles=count, box=box, voxel_size_angstrom=EXTENT / box, missing=WEDGE
        )

    def volume(self, index: int) -> NDArray[np.float32]:
        """Particle ``index`` (n, n, n)."""
        volume: NDArray[np.float32] = self._volumes[index % len(self._volumes)]
        return volume

    def weight(self, _index: int) -> None:
        """The wedge's formula serves all."""

    def region(self, _index: int) -> Wedge:
        """One wedge for all."""
        return WEDGE


def barrels(box: int, count: int) -> NDArray[np.float32]:
    """Noisy particles (count, n, n, n) of a barrel, SNR 0.01, +-60 degrees."""
    made = simulate([barrel()], [count], box, EXTENT / box, snr=0.01, missing=WEDGE)
    return np.stack([made.particles.volume(i) for i in range(count)])
