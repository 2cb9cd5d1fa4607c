"""What a job knows of each particle in each class, as one NPZ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from subtomo_core.data.poses import Poses
from subtomo_core.orientation.rotations import relion_angles


def write_posteriors(
    target: BinaryIO, poses: Poses, images: Sequence[str], voxel_size: float, score_kind: str
) -> None:
    """Write an NPZ that ``numpy.load`` opens without pickle; the same poses, the same bytes.

    Parameters
    ----------
    target : binary file
    poses : Poses
        N particles in K classes: the posterior of each class, and the best pose in each.
    images : sequence of str
        The N particles' names.
    voxel_size : float
        In ångström.
    score_kind : str
        What ``score`` is: ``log-likelihood`` or ``correlation``.
    """
    np.savez(
        target,
        allow_pickle=False,
        image=np.array(images, np.str_),
        class_probability=poses.probability,
        junk_probability=poses.junk_probability,
        rotation=poses.rotations,
        relion_angles_deg=relion_angles(poses.rotations),
        shift_angstrom=poses.shifts * voxel_size,
        score=poses.score,
        score_kind=np.array(score_kind),
        voxel_size_angstrom=np.array(voxel_size),
    )
