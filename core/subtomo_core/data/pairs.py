"""All pairs of N particles, shared out among them, and what is written down of each.

Particle i is brought together with the N // 2 that follow it, around from the last to the first:
every pair occurs once, and every particle has as many, so that batches of particles cost alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.orientation.rotations import from_rotation_vectors, to_rotation_vectors

Values = NDArray[np.float64]

_ENTRY = 7  # dissimilarity, rotation vector, shift


def no_pairs() -> NDArray[np.float32]:
    """The table of a batch in which no pairs are compared."""
    return np.zeros((0, 0, _ENTRY), np.float32)


def blank_table(count: int) -> NDArray[np.float32]:
    """The table of a batch (N, N // 2, 7), before anything is written down."""
    return np.zeros((count, count // 2, _ENTRY), np.float32)


def partners(index: int, count: int) -> NDArray[np.int64]:
    """Particles which one is compared with; the column of each is its place here.

    Where N is even, particles half a round apart are each other's: the first half takes them.
    """
    last = count // 2
    if count % 2 == 0 and index >= last:
        last -= 1
    return (index + np.arange(1, last + 1)) % count


def entry(dissimilarity: float, rotation: Values, shift: Values) -> NDArray[np.float32]:
    """What is written down of a pair: the partner, rotated and shifted, lies on the particle."""
    turn = to_rotation_vectors(rotation[None])[0]
    return np.array([dissimilarity, *turn, *shift], np.float32)


class Pairs(NamedTuple):
    """All pairs of N particles: what brings particle j onto particle i.

    Attributes
    ----------
    dissimilarity : ndarray of float64, (N, N)
        Symmetric, 0 on the diagonal.
    rotations, shifts : ndarray of float64, (N, N, 3, 3) and (N, N, 3)
        [i, j]: j, rotated and shifted, lies on i; [j, i] is the inverse.
    """

    dissimilarity: Values
    rotations: Values
    shifts: Values

    @classmethod
    def of(cls, table: NDArray[np.float32]) -> Pairs:
        """Complete the sum of all batches' tables, (N, N // 2, 7)."""
        count = len(table)
        found = cls(
            np.zeros((count, count)),
            np.tile(np.eye(3), (count, count, 1, 1)),
            np.zeros((count, count, 3)),
        )
        for i in range(count):
            others = partners(i, count)
            entries = table[i, : len(others)].astype(np.float64)
            rotations, shifts = from_rotation_vectors(entries[:, 1:4]), entries[:, 4:]
            back = np.swapaxes(rotations, 1, 2)
            found.dissimilarity[i, others] = found.dissimilarity[others, i] = entries[:, 0]
            found.rotations[i, others], found.shifts[i, others] = rotations, shifts
            found.rotations[others, i] = back
            found.shifts[others, i] = -np.einsum("jab,jb->ja", back, shifts)
        return found
