"""Maps and poses beside others, where the particles themselves are not at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from subtomo_core.fourier.gridding import resolution_angstrom
from subtomo_core.fourier.masks import radii, soft_sphere
from subtomo_core.score.classes import ClassAgreement, class_agreement
from subtomo_core.score.curves import correlation, fsc
from subtomo_core.score.fit import Fit, fit_coarsely
from subtomo_core.score.poses import PoseErrors, pose_errors

Real = NDArray[np.float32]

_HELD = 0.99  # of a map's squared density
_MARGIN = 3.0  # voxels about it


@dataclass(frozen=True, eq=False)
class MapComparison:
    """A map where it lies best on another.

    Attributes
    ----------
    fit : Fit
        How it lies there, and whether it is its mirror image.
    r : float
        Correlation coefficient under a soft mask about the other.
    fsc : ndarray
        Their Fourier shell correlation under that mask, shells 0 .. n/2.
    resolution_05_angstrom, resolution_0143_angstrom : float
        Where it falls below 0.5 and 0.143.
    """

    fit: Fit
    r: float
    fsc: NDArray[np.float64]
    resolution_05_angstrom: float
    resolution_0143_angstrom: float


@dataclass(frozen=True, eq=False)
class ParticlePoses:
    """Class and pose of each particle.

    Attributes
    ----------
    classes : ndarray of int64, (N,)
        From 0.
    rotations : ndarray of float64, (N, 3, 3)
    shifts : ndarray of float64, (N, 3)
        In one unit, order x, y, z.
    """

    classes: NDArray[np.int64]
    rotations: NDArray[np.float64]
    shifts: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PosesComparison:
    """Classes and poses beside those of the truth, or of another program.

    Attributes
    ----------
    agreement : ClassAgreement
        How the classes agree.
    errors : tuple of PoseErrors
        For each true class, of its particles in the class that stands for it.
    """

    agreement: ClassAgreement
    errors: tuple[PoseErrors, ...]


def mask_about(volume: Real) -> Real:
    """Soft sphere (n, n, n) about all but a hundredth of a map's squared density."""
    box = volume.shape[0]
    radius = np.rint(radii(box)).astype(np.int64).ravel()
    within = np.cumsum(np.bincount(radius, (volume.astype(np.float64) ** 2).ravel()))
    extent = float(np.searchsorted(within, _HELD * within[-1]))
    return soft_sphere(box, min(extent + _MARGIN, box / 2 - 2.0))


def compare_maps(
    volume: Real,
    truth: Real,
    voxel_size: float,
    *,
    try_mirror: bool = True,
    fit_box: int | None = None,
) -> MapComparison:
    """A map (n, n, n) on another one: where it fits best, and how well it does there.

    ``voxel_size`` is in ångström. With ``try_mirror`` its mirror image is tried too. Larger maps
    are fitted on a grid of ``fit_box`` voxels, where it is given, and compared on their own.
    """
    lies = fit_coarsely(volume, truth, fit_box or len(truth), try_mirror=try_mirror)
    mask = mask_about(truth)
    curve = fsc(lies.map * mask, truth * mask)
    extent = len(truth) * voxel_size
    return MapComparison(
        fit=lies,
        r=correlation(lies.map, truth, mask),
        fsc=curve,
        resolution_05_angstrom=resolution_angstrom(curve, 0.5, extent),
        resolution_0143_angstrom=resolution_angstrom(curve, 0.143, extent),
    )


def pair_maps(
    volumes: Sequence[Real], truths: Sequence[Real], voxel_size: float, *, try_mirror: bool = True
) -> list[tuple[int, int, MapComparison]]:
    """Maps and the true ones they stand for, one to one, so that the sum of all r is highest.

    Each is (number of the map, number of the true one, how they compare), from 0, in the order
    of the true ones; the longer list has some left over.
    """
    every = [
        [compare_maps(volume, truth, voxel_size, try_mirror=try_mirror) for truth in truths]
        for volume in volumes
    ]
    rows, columns = linear_sum_assignment([[-found.r for found in row] for row in every])
    pairs = [(int(i), int(j), every[i][j]) for i, j in zip(rows, columns, strict=True)]
    return sorted(pairs, key=lambda pair: pair[1])


def compare_poses(
    found: ParticlePoses,
    true: ParticlePoses,
    symmetries: Sequence[str] | None = None,
    classes: int | None = None,
) -> PosesComparison:
    """Classes and poses of the same particles, modulo what averages leave free.

    That is one motion for each class (`pose_errors`), the numbers of the classes
    (`class_agreement`, with the number of found ``classes``), and the point group of each true
    class, where ``symmetries`` tells it.
    """
    agreement = class_agreement(found.classes, true.classes, classes)
    groups = symmetries or ["C1"] * len(agreement.partner)
    errors = []
    for k, (partner, group) in enumerate(zip(agreement.partner, groups, strict=True)):
        both = (true.classes == k) & (found.classes == partner)
        poses = (p[both] for p in (found.rotations, true.rotations, found.shifts, true.shifts))
        errors.append(pose_errors(*poses, symmetry=group))
    return PosesComparison(agreement, tuple(errors))
