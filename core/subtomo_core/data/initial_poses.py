"""Poses that a job starts from: brought into rows of `Poses`, and checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.poses import Poses
from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec
from subtomo_core.spec.parameters import ReferenceParameters
from subtomo_core.spec.start import PosesStart

_ROUNDING = 1e-3  # voxels; STAR files hold six decimals of an ångström


def in_classes(
    rotations: NDArray[np.float64],
    shifts: NDArray[np.float64],
    members: NDArray[np.integer],
    classes: int,
) -> Poses:
    """One pose a particle as rows of `Poses`: the same in every class, all weight on its own.

    Parameters
    ----------
    rotations, shifts : ndarray, (N, 3, 3) and (N, 3)
        Reference to particle; voxels, order x, y, z.
    members : ndarray of int, (N,)
        The particles' classes, from 0.
    classes : int
        K.
    """
    return Poses(
        rotations=np.repeat(np.asarray(rotations, np.float64)[:, None], classes, 1),
        shifts=np.repeat(np.asarray(shifts, np.float64)[:, None], classes, 1),
        probability=np.eye(classes)[members],
        score=np.zeros((len(members), classes)),
    )


def own_poses(
    spec: AnySpec,
    rotations: NDArray[np.float64] | None,
    shifts: NDArray[np.float64],
    classes: NDArray[np.int64] | None,
) -> Poses:
    """Poses of a dataset's own particle table as the start of a job.

    Parameters
    ----------
    rotations : ndarray, (N, 3, 3), or None
        Reference to particle; None where the table gives no angles.
    shifts : ndarray, (N, 3)
        Voxels, order x, y, z.
    classes : ndarray of int, (N,), or None
        From 1; used where the job has more than one class.

    Raises
    ------
    InputError
        If angles or classes are missing, or a class does not exist or holds no particle.
    """
    if rotations is None:
        raise InputError(
            Problem(
                "the dataset gives no poses: its particles came without the columns "
                "_rlnAngleRot, _rlnAngleTilt and _rlnAnglePsi; upload them with a STAR file which "
                "has these or with a Dynamo table, or start from an earlier job's poses",
                pointer="/start",
            )
        )
    wanted = spec.classes
    if wanted == 1 or spec.deals_classes:
        return in_classes(rotations, shifts, np.zeros(len(rotations), np.int64), wanted)
    if classes is None:
        raise InputError(
            Problem(
                f"the dataset's particles came without the column _rlnClassNumber (Dynamo: ref "
                f"or class), which {wanted} classes need: upload them with it, ask for one class, "
                "or deal them into classes at random with start.random_classes",
                pointer="/classes",
            )
        )
    outside = np.flatnonzero((classes < 1) | (classes > wanted))
    if len(outside):
        first = int(outside[0])
        raise InputError(
            Problem(
                f"_rlnClassNumber of particle {first + 1} is {classes[first]}: with {wanted} "
                f"classes it must lie between 1 and {wanted}",
                pointer="/classes",
            )
        )
    return in_classes(rotations, shifts, classes - 1, wanted)


def check_start(spec: AnySpec, poses: Poses | None, summary: DatasetSummary) -> None:
    """Refuse starting poses that do not fit a resolved job.

    Raises
    ------
    InputError
        If poses are missing or not asked for, do not fit the particles and classes, leave a
        class empty, or hold shifts that the search would not reach.
    """
    asked = isinstance(spec.start, PosesStart)
    if poses is None or not asked:
        if asked != (poses is not None):
            detail = "starting poses belong to the start 'poses': give both or neither"
            raise InputError(Problem(detail, pointer="/start/kind"))
        return
    _check_classes(spec, poses, summary)
    _check_reach(spec, poses, summary.voxel_size_angstrom)


def in_each_class(spec: AnySpec, poses: Poses | None) -> Poses | None:
    """Starting poses as they are; those of one class for all, where particles are dealt."""
    if poses is None or not spec.deals_classes or poses.rotations.shape[1] != 1:
        return poses
    members = np.zeros(len(poses), np.int64)
    return in_classes(poses.best_rotation, poses.best_shift, members, spec.classes)


def _check_classes(spec: AnySpec, poses: Poses, summary: DatasetSummary) -> None:
    """Refuse poses in other classes than the job's, or in none of one of them."""
    if poses.rotations.shape != (summary.particles, spec.classes, 3, 3):
        raise InputError(
            Problem(
                f"the starting poses are of {len(poses)} particles in {poses.rotations.shape[1]} "
                f"classes, the job has {summary.particles} in {spec.classes}: choose poses of this "
                "dataset and as many classes, or poses in one class with start.random_classes",
                pointer="/start",
            )
        )
    if spec.deals_classes:
        return
    members = np.bincount(poses.best_class, minlength=spec.classes)
    if members.min() == 0:
        raise InputError(
            Problem(
                f"no particle starts in class {int(members.argmin()) + 1}: "
                "ask for fewer classes, or give poses in which each class has particles",
                pointer="/classes",
            )
        )


def _check_reach(spec: AnySpec, poses: Poses, voxel_size: float) -> None:
    """Refuse shifts that the search would not reach, unless its range goes along with them."""
    parameters = spec.parameters
    reach = parameters.shift_range_angstrom
    if reach is None or not isinstance(parameters, ReferenceParameters):
        return
    if parameters.search_range_angstrom is not None:
        return
    lengths = voxel_size * np.linalg.norm(poses.best_shift, axis=1)
    beyond = np.flatnonzero(lengths > reach + _ROUNDING * voxel_size)
    if len(beyond):
        first = int(beyond[0])
        raise InputError(
            Problem(
                f"particle {first + 1} starts {lengths[first]:.4g} Å from its centre, and the "
                f"search ends at {reach:g} Å ({len(beyond)} such particles): raise "
                "parameters.shift_range_angstrom, give parameters.search_range_angstrom, or "
                "extract the particles about their centres",
                pointer="/parameters/shift_range_angstrom",
            )
        )
