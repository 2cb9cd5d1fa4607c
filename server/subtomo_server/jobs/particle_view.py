"""One particle to be looked at: low-passed, as it lies or turned onto its class's average."""

from __future__ import annotations

from typing import NamedTuple

from subtomo_core.arrays import Real
from subtomo_core.data.particles import Particles
from subtomo_core.data.poses import Poses
from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.binning import binned
from subtomo_core.fourier.nufft import rotate
from subtomo_core.fourier.shells import low_pass

DETAIL_VOXELS = 8.0  # of a particle, which shows nothing finer than that


class View(NamedTuple):
    """How a particle is shown.

    Attributes
    ----------
    aligned : bool
        In the frame of its class's average, and not as it lies.
    low_pass_angstrom : float or None
        `DETAIL_VOXELS` by default.
    side : int
        Voxels along a side, at the most.
    """

    aligned: bool
    low_pass_angstrom: float | None
    side: int


class Shown(NamedTuple):
    """A volume (m, m, m), and its voxel size in ångström."""

    volume: Real
    voxel_size: float


def particle_view(particles: Particles, poses: Poses, row: int, view: View) -> Shown:
    """Particle ``row`` (from 1) as asked for, protein bright.

    Where it lies at (R, t), so that it shows ``A(R^-1 (x - t))``, it is turned back by both.

    Raises
    ------
    InputError
        If there is no such row.
    """
    count = len(poses)
    if not 1 <= row <= count:
        raise InputError(Problem(f"there is no row {row}: the job has {count} particles"))
    whole = particles.volume(row - 1)
    volume = binned(whole, min(view.side, len(whole)))
    scale = len(whole) / len(volume)
    voxel_size = particles.summary.voxel_size_angstrom
    if view.aligned:
        back = poses.best_rotation[row - 1].T
        volume = rotate(volume, back, -back @ poses.best_shift[row - 1] / scale)
    detail = view.low_pass_angstrom or DETAIL_VOXELS * voxel_size
    return Shown(low_pass(volume, scale * voxel_size, detail), scale * voxel_size)
