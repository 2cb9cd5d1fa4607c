"""Poses of particles: what an iteration hands on of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.flat import Flat


@dataclass(frozen=True, eq=False)
class Poses(Flat):
    """One row a particle: for each class its best pose.

    While several starts are compared, *expect* hands on the columns of all, one start's K
    classes after the other's; `of_start` takes those of one.

    Attributes
    ----------
    rotations : ndarray of float64, (N, K, 3, 3)
    shifts : ndarray of float64, (N, K, 3)
        Voxels, order x, y, z.
    probability : ndarray of float64, (N, K)
        Posterior of the class; what a row is short of 1 is the probability of junk.
    score : ndarray of float64, (N, K)
        Of the best pose of the class: log-likelihood ratio against empty space, or, with hard
        assignment, the correlation within what was observed.
    """

    rotations: NDArray[np.float64]
    shifts: NDArray[np.float64]
    probability: NDArray[np.float64]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rotations)

    def __getitem__(self, rows: slice | NDArray[np.integer]) -> Poses:
        return Poses(
            self.rotations[rows], self.shifts[rows], self.probability[rows], self.score[rows]
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Poses]) -> Poses:
        """Rows of all parts, in order."""
        return cls(
            np.concatenate([p.rotations for p in parts]),
            np.concatenate([p.shifts for p in parts]),
            np.concatenate([p.probability for p in parts]),
            np.concatenate([p.score for p in parts]),
        )

    @classmethod
    def beside(cls, parts: Sequence[Poses]) -> Poses:
        """Columns of all parts, in order; the one part itself if there is but one."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([p.rotations for p in parts], 1),
            np.concatenate([p.shifts for p in parts], 1),
            np.concatenate([p.probability for p in parts], 1),
            np.concatenate([p.score for p in parts], 1),
        )

    def of_start(self, start: int, classes: int) -> Poses:
        """Columns of one start of K classes, whether others stand beside them or not."""
        if self.score.shape[1] == classes:
            return self
        return self._columns(slice(start * classes, (start + 1) * classes))

    def of_several(self, columns: NDArray[np.int64]) -> Poses:
        """Columns (K,) of classes from several starts.

        Each start has shared a particle out for itself: where the probabilities of a row come to
        more than 1, they are divided by their sum.
        """
        chosen = self._columns(columns)
        total = chosen.probability.sum(1, keepdims=True)
        return replace(chosen, probability=chosen.probability / np.maximum(total, 1.0))

    def _columns(self, columns: slice | NDArray[np.int64]) -> Poses:
        return Poses(
            self.rotations[:, columns],
            self.shifts[:, columns],
            self.probability[:, columns],
            self.score[:, columns],
        )

    def resampled(self, scale: float) -> Poses:
        """The same poses in volumes of the same extent with ``scale`` times the voxels a side."""
        return replace(self, shifts=self.shifts * scale)

    def reframed(self, frames: NDArray[np.float64]) -> Poses:
        """The same poses against references that were moved.

        Where the old reference is the new one at the pose (Q, c), a particle at (R, t) of the old
        lies at ``(R Q, t + R c)`` of the new.

        Parameters
        ----------
        frames : ndarray, (K, 3, 4)
            (Q | c) of each class.
        """
        if np.array_equal(frames, np.broadcast_to(np.eye(3, 4), frames.shape)):
            return self
        turned = np.einsum("nkij,kjl->nkil", self.rotations, frames)
        return replace(self, rotations=turned[..., :3], shifts=self.shifts + turned[..., 3])

    @property
    def best_class(self) -> NDArray[np.int64]:
        """Most probable class, from 0, (N,)."""
        best: NDArray[np.int64] = np.argmax(self.probability, 1)
        return best

    @property
    def junk_probability(self) -> NDArray[np.float64]:
        """Probability that a particle shows none of the classes, (N,)."""
        junk: NDArray[np.float64] = np.clip(1.0 - self.probability.sum(1), 0.0, 1.0)
        return junk

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Particles that are likelier to show a structure than to be junk, (N,)."""
        likelier: NDArray[np.bool_] = self.probability.sum(1) >= 0.5
        return likelier

    @property
    def best_rotation(self) -> NDArray[np.float64]:
        """Best rotation within the best class, (N, 3, 3)."""
        return self.rotations[np.arange(len(self)), self.best_class]

    @property
    def best_shift(self) -> NDArray[np.float64]:
        """Best shift within the best class, voxels x, y, z, (N, 3)."""
        return self.shifts[np.arange(len(self)), self.best_class]

    @property
    def best_probability(self) -> NDArray[np.float64]:
        """Posterior of the best class, (N,)."""
        return self.probability[np.arange(len(self)), self.best_class]

    @property
    def best_score(self) -> NDArray[np.float64]:
        """Score of the best pose, (N,)."""
        return self.score[np.arange(len(self)), self.best_class]
