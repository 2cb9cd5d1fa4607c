"""Share of pose space that each candidate stands for (FAML section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.kernels import voronoi
from subtomo_core.orientation.rotations import random_rotations

_SHIFT_WEIGHT = 1.0  # a_trd of the paper


@dataclass(frozen=True, eq=False)
class PosePoints:
    """Points spread uniformly over rotations and over the unit cube of shifts.

    Attributes
    ----------
    points : ndarray of float32, (12, M)
        Rotation matrices, then shifts in [0, 1) that each candidate set stretches to its box.
    """

    points: NDArray[np.float32]

    @classmethod
    def draw(cls, rng: np.random.Generator, count: int) -> PosePoints:
        """Draw ``count`` points, uniform on SO(3) (not in Euler angles)."""
        rotations = random_rotations(rng, count).reshape(count, 9)
        stacked = np.concatenate([rotations, rng.random((count, 3))], 1)
        return cls(np.ascontiguousarray(stacked.T, np.float32))

    def shares(
        self, rotations: NDArray[np.float64], shifts: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Share of the points nearest to each candidate.

        The distance is ``s^2 = ||I - R1^T R2||_F^2 + |t1 - t2|^2`` with
        ``||I - R1^T R2||_F^2 = 6 - 2 tr(R1^T R2)``: nearest is a matrix product away.

        Parameters
        ----------
        rotations : ndarray, (C, 3, 3)
        shifts : ndarray, (C, 3)
            In voxels. The box they span may be flat.

        Returns
        -------
        ndarray of float64, (C,)
            Sums to 1. A share that no point fell on is floored at half a point.
        """
        shares = np.empty(len(rotations))
        voronoi.shares(self.points, rotations, shifts, _SHIFT_WEIGHT, shares)
        return shares
