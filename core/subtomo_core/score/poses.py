"""Errors of poses, once the motion that averages leave free is taken away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.orientation.rotations import angular_distance, mean_rotation

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PoseErrors:
    """How far estimated poses lie from the true ones.

    An average may lie anywhere: with the motion (G, s) that brings it onto the structure, the
    poses are right when ``R_est = R_true S G`` and ``t_est = t_true + R_true S s`` for some
    element S of the structure's symmetry group.

    Attributes
    ----------
    rotation : ndarray
        The common rotation G, shape (3, 3).
    shift : ndarray
        The common shift s, shape (3,), order x, y, z, in the unit of the shifts given.
    angles_deg : ndarray
        Angular error of each particle, shape (N,).
    shift_errors : ndarray
        Length of the shift error of each particle, shape (N,), in the same unit.
    """

    rotation: Matrix
    shift: Matrix
    angles_deg: Matrix
    shift_errors: Matrix

    def consensus(self, within_deg: float = 15.0) -> float:
        """Share of the particles whose angular error is at most ``within_deg``."""
        return float((self.angles_deg <= within_deg).mean()) if len(self.angles_deg) else 0.0

    @property
    def median_deg(self) -> float:
        """Median angular error in degrees; not a number without particles."""
        return float(np.median(self.angles_deg)) if len(self.angles_deg) else float("nan")

    @property
    def median_shift(self) -> float:
        """Median shift error, in the unit of the shifts; not a number without particles."""
        return float(np.median(self.shift_errors)) if len(self.shift_errors) else float("nan")


def pose_errors(
    rotations: ArrayLike,
    true_rotations: ArrayLike,
    shifts: ArrayLike | None = None,
    true_shifts: ArrayLike | None = None,
    *,
    symmetry: str = "C1",
    within_deg: float = 15.0,
) -> PoseErrors:
    """Compare poses with the truth, modulo one common motion and the structure's symmetry.

    The common rotation is the one on which most particles agree within ``within_deg``; it is
    searched among what each single particle says, then refined by averaging those that agree.

    Parameters
    ----------
    rotations, true_rotations : array_like
        Shape (N, 3, 3).
    shifts, true_shifts : array_like, optional
        Shape (N, 3), in one unit, order x, y, z. Default: none.
    symmetry : str
        The structure's point group in the frame of the true poses.
    within_deg : float
        When particles count as agreeing.
    """
    true = np.asarray(true_rotations, np.float64)
    motions = np.swapaxes(true, 1, 2) @ np.asarray(rotations, np.float64)
    zeros = np.zeros((len(true), 3))
    moves = zeros if shifts is None else np.asarray(shifts, np.float64)
    moves = moves - (zeros if true_shifts is None else np.asarray(true_shifts, np.float64))
    group = symmetry_group(symmetry)
    if len(motions) == 0:
        return PoseErrors(np.eye(3), np.zeros(3), np.zeros(0), np.zeros(0))
    G = _refine(_commonest(motions, group, within_deg), motions, group, within_deg)
    element, angles = _nearest(G, motions, group)
    # Shift errors in the structure's frame, where all particles share one offset.
    inner = np.einsum("nji,nj->ni", true @ group[element], moves)
    agree = angles <= within_deg
    offset = np.median(inner[agree] if agree.any() else inner, axis=0)
    return PoseErrors(G, offset, angles, np.linalg.norm(inner - offset, axis=1))


def _commonest(motions: Matrix, group: Matrix, within_deg: float) -> Matrix:
    """Of at most 500 particles' motions, the one on which most particles agree."""
    step = max(1, len(motions) // 500)
    candidates = motions[::step]
    flat = motions.reshape(len(motions), 9).T
    least = 1.0 + 2.0 * np.cos(np.radians(within_deg))
    best = np.full((len(candidates), len(motions)), -1.0)
    for S in group:
        np.maximum(best, (S @ candidates).reshape(-1, 9) @ flat, out=best)
    # Ties (few particles, wide scatter) go to the motion nearest to those that agree.
    agree = best >= least - 1e-9
    score = agree.sum(1) + np.where(agree, best, 0.0).sum(1) / (4.0 * len(motions))
    chosen: Matrix = candidates[score.argmax()]
    return chosen


def _refine(G: Matrix, motions: Matrix, group: Matrix, within_deg: float) -> Matrix:
    for _ in range(10):
        element, angles = _nearest(G, motions, group)
        agree = angles <= within_deg
        unfolded = np.swapaxes(group[element[agree]], 1, 2) @ motions[agree]
        if len(unfolded) == 0:
            return G
        refined = mean_rotation(unfolded)
        if angular_distance(refined, G) < 1e-6:
            return refined
        G = refined
    return G


def _nearest(G: Matrix, motions: Matrix, group: Matrix) -> tuple[NDArray[np.intp], Matrix]:
    """For each motion the group element S with ``S G`` nearest, and the angle between."""
    angles = angular_distance((group @ G)[:, None], motions[None])
    element = angles.argmin(0)
    return element, angles[element, np.arange(len(motions))]
