"""Alignment of the second half onto the first, where their frames differ.

Halves that share their lowest shells alone may settle in two frames, when what they do not share
weighs more. Their averages then show one structure in two poses, or their classes in another
order. The fit looks for the motion in the shared shells, so that it cannot make noise agree
beyond them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from subtomo_core.data.statistics import Model, Poses, Statistics
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.maximise.averages import EMPTY, Averages
from subtomo_core.maximise.map_fit import MapFit, turned
from subtomo_core.plan import Settings

Matrix = NDArray[np.float64]

_REORDER = 0.05  # gain in mean correlation below that classes keep their order


@dataclass(frozen=True, eq=False)
class Motions:
    """What brings the classes of the second half onto those of the first.

    Attributes
    ----------
    order : ndarray of int64, (K,)
        Which class of the second half stands for each of the first.
    rotations, shifts : ndarray, (K, 3, 3) and (K, 3)
        That class, rotated and shifted (voxels, x, y, z), lies on the first half's.
    """

    order: NDArray[np.int64]
    rotations: Matrix
    shifts: Matrix

    @classmethod
    def none(cls, classes: int) -> Motions:
        """Everything stays where it is."""
        return cls(np.arange(classes), np.tile(np.eye(3), (classes, 1, 1)), np.zeros((classes, 3)))

    @classmethod
    def of(cls, model: Model) -> Motions:
        """Those that made a model."""
        return cls(model.half_order, model.half_motions[:, :, :3], model.half_motions[:, :, 3])

    @property
    def packed(self) -> Matrix:
        """Rotations and shifts side by side, (K, 3, 4)."""
        return np.concatenate([self.rotations, self.shifts[:, :, None]], 2)

    def moves(self, class_index: int) -> bool:
        """Whether a class is rotated or shifted."""
        still = np.array_equal(self.rotations[class_index], np.eye(3))
        return not still or bool(self.shifts[class_index].any())

    @property
    def any(self) -> bool:
        """Whether anything is moved or reordered."""
        reordered = not np.array_equal(self.order, np.arange(len(self.order)))
        return reordered or any(self.moves(k) for k in range(len(self.order)))


def in_one_frame(
    settings: Settings, model: Model, statistics: Statistics
) -> tuple[Model, Statistics, Motions]:
    """Model and sums with the second half in the first one's frame, and how it was moved.

    ``Statistics.hard`` does not tell the halves apart and stays as it is.
    """
    none = Motions.none(settings.spec.classes)
    if not settings.half_sets or settings.spec.parameters.turns_about_normal or model.iteration < 0:
        return model, statistics, none
    motions = found(settings, model, statistics)
    if not motions.any:
        return model, statistics, none
    numerator, denominator = statistics.numerator.copy(), statistics.denominator.copy()
    mass, fold_maps = statistics.mass.copy(), model.fold_maps.copy()
    for fold in range(1, settings.folds, 2):
        mass[fold] = statistics.mass[fold, motions.order]
        for k, old in enumerate(motions.order):
            cell, pose = (fold, old), (motions.rotations[k], motions.shifts[k])
            sums, weights = statistics.numerator[cell], statistics.denominator[cell]
            reference = model.fold_maps[cell]
            if motions.moves(k):
                sums, reference = turned(sums, *pose), to_real(turned(to_fourier(reference), *pose))
                weights = turned(weights.astype(np.complex64), pose[0], np.zeros(3)).real
            numerator[fold, k], denominator[fold, k] = sums, weights
            fold_maps[fold, k] = reference
    sums_now = replace(statistics, numerator=numerator, denominator=denominator, mass=mass)
    return replace(model, fold_maps=fold_maps), sums_now, motions


def follow(model: Model, poses: Poses) -> Poses:
    """Poses of all particles against a model, from those of the iteration that made it.

    The columns of the starts that still stand, or of the classes taken from several, moved as
    their second halves were, and their classes when they were turned to the axes of their
    symmetry. Where clusters were made, the model itself holds the poses in them.
    """
    if model.clusters is not None:
        return model.clusters.poses
    standing = model.contenders if model.rivals else (model,)
    parts = [_followed(start, _columns(start, poses)).reframed(start.frames) for start in standing]
    return Poses.beside(parts)


def _columns(model: Model, poses: Poses) -> Poses:
    return poses.of_several(model.columns) if len(model.columns) else model.own(poses)


def _followed(model: Model, poses: Poses) -> Poses:
    motions = Motions.of(model)
    if not motions.any:
        return poses
    second = np.arange(1, len(poses), 2)
    order = motions.order
    back = np.swapaxes(motions.rotations, 1, 2)
    rotations, shifts = poses.rotations.copy(), poses.shifts.copy()
    probability, score = poses.probability.copy(), poses.score.copy()
    rotations[second] = np.einsum("nkij,kjl->nkil", poses.rotations[second][:, order], back)
    moved = np.einsum("nkij,kj->nki", rotations[second], motions.shifts)
    shifts[second] = poses.shifts[second][:, order] - moved
    probability[second] = poses.probability[second][:, order]
    score[second] = poses.score[second][:, order]
    return Poses(rotations, shifts, probability, score)


def found(settings: Settings, model: Model, statistics: Statistics) -> Motions:
    """The motions that bring the second half onto the first; none where it lies there."""
    averages = Averages.of(settings, statistics, model.shell_in_use)
    halves = [
        [to_real(averages.half(h, k)) * settings.mask for k in range(settings.spec.classes)]
        for h in range(2)
    ]
    mass = np.stack([statistics.mass[half::2].sum(0) for half in range(2)])
    motions = Motions.none(settings.spec.classes)
    fit = MapFit.at(settings, settings.shared_shell)
    poses = [[fit.search(one, two) for two in halves[1]] for one in halves[0]]
    value = np.array([[pose.value for pose in row] for row in poses])
    matched = linear_sum_assignment(-value)[1]
    if value[np.arange(len(value)), matched].mean() - np.diag(value).mean() > _REORDER:
        motions.order[:] = matched
    for k, other in enumerate(motions.order):
        if mass[0, k] < EMPTY or mass[1, other] < EMPTY:
            continue
        pose = fit.settled(halves[0][k], halves[1][other], poses[k][other])
        motions.rotations[k], motions.shifts[k] = pose.rotation, pose.shift
    return motions
