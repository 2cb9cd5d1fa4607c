"""Input and output of every refiner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from subtomo_core.refiners.pairs import Array, FourierPair


@dataclass(frozen=True, eq=False)
class Starts:
    """Poses to start from, and the directions in which they may move.

    Attributes
    ----------
    rotations, shifts : ndarray, (m, 3, 3) and (m, 3)
    free : ndarray, (6, p)
        Directions of (rotation vector, shift); the identity where nothing is held.
    """

    rotations: Array
    shifts: Array
    free: Array

    def __len__(self) -> int:
        """How many poses."""
        return len(self.rotations)

    def poses(self) -> Array:
        """``R^-1 [I | -t]`` of all (m, 12), in which poses have a distance (equation 12)."""
        return pose_matrices(self.rotations, self.shifts)


@dataclass(frozen=True, eq=False)
class Refined:
    """A refined pose.

    Attributes
    ----------
    rotation, shift : ndarray, (3, 3) and (3,)
    score : float
        Dissimilarity over the whole band: 0 is alike.
    information : float
        What both volumes share at this pose (`filtering.Shared.information`).
    steps : int
        Looks at a score or, where slices are looked at, as many as make up whole ones.
    """

    rotation: Array
    shift: Array
    score: float
    information: float
    steps: float


class Refiner(Protocol):
    """A way to refine poses; stateless, and deterministic by its own seed."""

    def refine(self, pair: FourierPair, starts: Starts) -> list[Refined]:
        """Refined poses, best first, at least one."""
        ...


def pose_matrices(rotations: Array, shifts: Array) -> Array:
    """``R^-1 [I | -t]``, flat, (m, 12)."""
    back = np.swapaxes(rotations, 1, 2)
    moved = -np.einsum("mij,mj->mi", back, shifts)
    return np.concatenate([back, moved[:, :, None]], 2).reshape(-1, 12)
