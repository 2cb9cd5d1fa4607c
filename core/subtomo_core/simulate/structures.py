"""Structures that can be seen at any pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.nufft import rotate

Volume = NDArray[np.float32]


class Structure(Protocol):
    """Anything whose density at a pose can be computed."""

    def density(
        self,
        box: int,
        voxel_size_angstrom: float,
        rotation: ArrayLike | None = None,
        shift: ArrayLike = (0.0, 0.0, 0.0),
    ) -> Volume:
        """Density (n, n, n) at a pose: rotation (3, 3), then shift (3,) in voxels, x, y, z."""


@dataclass(frozen=True, eq=False)
class MapStructure:
    """A sampled map, rotated exactly by the non-uniform FFT.

    Attributes
    ----------
    volume : ndarray
        Shape (n, n, n), axes z, y, x, origin at voxel n // 2.
    voxel_size_angstrom : float
        Its voxel size.
    """

    volume: Volume
    voxel_size_angstrom: float

    def density(
        self,
        box: int,
        voxel_size_angstrom: float,
        rotation: ArrayLike | None = None,
        shift: ArrayLike = (0.0, 0.0, 0.0),
    ) -> Volume:
        """Density at a pose, on the map's own grid only.

        Raises
        ------
        InputError
            If box or voxel size differ from the map's.
        """
        own = self.volume.shape[0]
        if box != own or abs(voxel_size_angstrom / self.voxel_size_angstrom - 1) > 1e-3:
            raise InputError(
                Problem(
                    f"the map has {own} voxels of {self.voxel_size_angstrom:g} Å a side, but "
                    f"{box} of {voxel_size_angstrom:g} Å are asked for: resample it first"
                )
            )
        return rotate(self.volume, np.eye(3) if rotation is None else rotation, shift)
