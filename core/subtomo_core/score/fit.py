"""Rigid fit of one map onto another, as Chimera's fit-in-map does it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier.binning import binned
from subtomo_core.fourier.nufft import rotate
from subtomo_core.fourier.shells import radius_of
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.orientation.map_superposition import Superposition, spread
from subtomo_core.orientation.rotations import even_rotations, inverse_pose
from subtomo_core.score.curves import correlation

Real = NDArray[np.float32]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fit:
    """How one map lies on another.

    Attributes
    ----------
    rotation, shift : ndarray
        ``rotate(moving, rotation, shift)`` lies on the target; (3, 3) and (3,) voxels, x, y, z.
    r : float
        Correlation coefficient there, under the mask where one was given.
    map : ndarray
        The fitted map, shape (n, n, n), without components beyond Nyquist in any direction;
        already mirrored where ``mirrored``.
    mirrored : bool
        True where the map's mirror image along z fits better than the map.
    """

    rotation: Matrix
    shift: Matrix
    r: float
    map: Real
    mirrored: bool = False


def mirror(volume: Real) -> Real:
    """Mirror image of a map (n, n, n) along z, with the origin n // 2 kept in its place."""
    flipped: Real = np.flip(volume, 0)
    return np.roll(flipped, 1, 0) if volume.shape[0] % 2 == 0 else flipped


def fit(
    moving: Real,
    target: Real,
    *,
    mask: Real | None = None,
    try_mirror: bool = False,
    step_deg: float = 20.0,
) -> Fit:
    """Find the motion that brings a map onto another, from anywhere.

    All shifts of an even grid of rotations at low resolution, then Gauss-Newton steps with
    exact transforms on the best, first at low and at last at full resolution.

    Parameters
    ----------
    moving, target : ndarray
        Maps of one size, shape (n, n, n).
    mask : ndarray, optional
        Weights (n, n, n) in the target's frame for the final r alone.
    try_mirror : bool
        Also try the mirror image of ``moving``, and keep the better.
    step_deg : float
        Step of the grid of rotations.

    Returns
    -------
    Fit
    """
    best = _fit_one(moving, target, mask, step_deg)
    if not try_mirror:
        return best
    other = _fit_one(mirror(moving), target, mask, step_deg)
    if other.r <= best.r:
        return best
    return Fit(other.rotation, other.shift, other.r, other.map, mirrored=True)


def fit_coarsely(moving: Real, target: Real, box: int, *, try_mirror: bool = False) -> Fit:
    """`fit` on a grid of ``box`` voxels a side at the most, and the whole map moved by it.

    Its time does not grow with the maps' beyond that of one exact rotation.
    """
    if box >= len(target):
        return fit(moving, target, try_mirror=try_mirror)
    found = fit(binned(moving, box), binned(target, box), try_mirror=try_mirror)
    whole = mirror(moving) if found.mirrored else moving
    shift = found.shift * (len(target) / box)
    return replace(_lying(whole, target, found.rotation, shift, None), mirrored=found.mirrored)


def _fit_one(moving: Real, target: Real, mask: Real | None, step_deg: float) -> Fit:
    # The target is turned onto the map, not the map onto the target: noise in the model would
    # inflate the normal matrix and stall the steps.
    box = target.shape[0]
    coarse = Superposition(target, moving, min(6.0, box / 2 - 1))
    rotations = even_rotations(step_deg)
    scores, shifts = coarse.best_shifts(rotations)
    starts = spread(rotations, scores, keep=20)
    poses = [coarse.descend(rotations[i], shifts[i], steps=5) for i in starts]
    poses.sort(key=lambda pose: -pose[2])
    middle = Superposition(target, moving, min(10.0, box / 2 - 1))
    poses = [middle.descend(R, t, steps=5) for R, t, _ in poses[:5]]
    R, t, _ = max(poses, key=lambda pose: pose[2])
    R, t, _ = Superposition(target, moving, 0.45 * box).descend(R, t, steps=5)
    rotation, shift = inverse_pose(R, t)
    return _lying(moving, target, rotation, shift, mask)


def _lying(moving: Real, target: Real, rotation: Matrix, shift: Matrix, mask: Real | None) -> Fit:
    # Corners of the transform's cube, which no other orientation holds, would make r depend on
    # the orientation of the map.
    box = len(moving)
    round_band = to_real(to_fourier(moving) * (radius_of(box) < box / 2))
    fitted = rotate(round_band, rotation, shift)
    return Fit(rotation, shift, correlation(fitted, target, mask), fitted)
