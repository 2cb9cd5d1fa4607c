"""Where the axes of a point group lie in a map."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.orientation.harmonics import at_rotations
from subtomo_core.orientation.map_superposition import Superposition, spread
from subtomo_core.orientation.rotation_matching import Matcher
from subtomo_core.orientation.rotations import from_rotation_vectors, rotation_about
from subtomo_core.orientation.symmetry_average import symmetrised_map

Matrix = NDArray[np.float64]

_STEP_DEG = 5.0  # between the frames that are tried
_APART_DEG = 10.0  # of frames that count as different
_BANDWIDTH = 32
_BY_MAGNITUDES = 64  # frames whose phases are looked at
_COARSE_SHELLS = 8.0
_MOST_ELEMENTS = 6  # of the group, looked at in the first search
_GRAIN = 1e-5  # radians and voxels to which the pose is rounded, far above what sums are off by


class Axes(NamedTuple):
    """How a symmetric map lies: it is the map about the standard axes, turned and shifted.

    Attributes
    ----------
    rotation, shift : ndarray
        Its pose (3, 3) and (3,), voxels x, y, z: ``A(x) = S(rotation^-1 (x - shift))`` with S
        symmetric about the standard axes.
    correlation : float
        Of the map with its average over the group there.
    """

    rotation: Matrix
    shift: Matrix
    correlation: float


def find_axes(volume: Real, group: Matrix, r_max: float) -> Axes:
    """Find the pose of the group's axes at which a map agrees best with its average.

    Frames are searched over all of SO(3) by how the magnitudes of the map's transform agree with
    themselves turned by the group's elements, which no shift changes: the self-rotation function
    of crystallography, of which one rotational matching gives all values. The best of them are
    compared with the phases, at all shifts at once. From the best of these the map is fitted
    onto its own average over the group, in turn, at full resolution: what is off in the pose
    cancels in the average, so that three turns are enough.

    Parameters
    ----------
    volume : ndarray of float32, (n, n, n)
        Shells weighted by what they are worth.
    group : ndarray, (g, 3, 3)
        Its identity first, its main axis along z.
    r_max : float
        Fourier pixels in use.
    """
    box = volume.shape[0]
    r_max = min(r_max, box / 2 - 1.0)
    coarse = Superposition(volume, volume, min(_COARSE_SHELLS, r_max))
    elements = _few(group[1:])
    by_magnitudes = _self_rotation(volume, coarse.r_max, elements, _frames_of(group))
    turned = _conjugates(by_magnitudes, elements)
    scores, _ = coarse.best_shifts(turned.reshape(-1, 3, 3))
    kept = spread(by_magnitudes, scores.reshape(len(by_magnitudes), -1).mean(1), 4, _APART_DEG)
    starts = [(Q, _centre(coarse, Q, elements)) for Q in by_magnitudes[kept]]
    poses = [_descend(volume, group, *start, coarse.r_max, rounds=1) for start in starts]
    best = max(poses, key=lambda pose: pose.correlation)
    best = _descend(volume, group, best.rotation, best.shift, r_max, rounds=3)
    return _rounded(best)


def correlation_about_axes(volume: Real, group: Matrix) -> float:
    """Correlation of a map with its average over the group about the standard axes."""
    average = to_fourier(symmetrised_map(volume, group)).astype(np.complex128)
    own = to_fourier(volume).astype(np.complex128)
    norm = math.sqrt(float((np.abs(own) ** 2).sum()) * float((np.abs(average) ** 2).sum()))
    return float((own * average.conj()).real.sum()) / norm if norm > 0 else 0.0


def _few(elements: Matrix) -> Matrix:
    """Some elements, evenly spread over their list; of inverse pairs the first stands for both."""
    inverse = np.abs(elements[:, None] - np.swapaxes(elements, 1, 2)).max((2, 3)) < 1e-6
    kept: Matrix = elements[~np.tril(inverse, -1).any(1)]
    if len(kept) <= _MOST_ELEMENTS:
        return kept
    chosen: Matrix = kept[np.linspace(0, len(kept) - 1, _MOST_ELEMENTS).round().astype(int)]
    return chosen


def _frames_of(group: Matrix) -> Matrix:
    """Frames (m, 3, 3) that the axes of a group may have, about `_STEP_DEG` apart.

    The main axis points to half a sphere, since its other end is as good; where the group has
    other axes, each of these directions is turned about itself as well.
    """
    count = math.ceil(2.0 * math.pi / math.radians(_STEP_DEG) ** 2)
    z = 1.0 - (np.arange(count) + 0.5) / count
    longitude = math.pi * (3.0 - math.sqrt(5.0)) * np.arange(count)
    # The axis of the turn lies in the plane of x and y, a quarter ahead of the direction.
    axis = np.stack([-np.sin(longitude), np.cos(longitude), np.zeros(count)], 1)
    directions = from_rotation_vectors(axis * np.arccos(z)[:, None])
    about_z = np.abs(group[:, 2, 2] - 1.0) < 1e-6
    if about_z.all():
        return directions
    turns = rotation_about([0, 0, 1], np.arange(0.0, 360.0 / about_z.sum(), _STEP_DEG))
    frames: Matrix = np.einsum("mij,tjk->mtik", directions, turns).reshape(-1, 3, 3)
    return frames


def _self_rotation(volume: Real, r_max: float, elements: Matrix, frames: Matrix) -> Matrix:
    """The best frames by how magnitudes agree with themselves turned by elements about them."""
    matcher = Matcher.at(r_max, _BANDWIDTH)
    own = matcher.template(volume).magnitude
    values = matcher.correlate(own, own, even=True)
    scores = np.zeros(len(frames))
    for element in elements:
        scores += at_rotations(values, _conjugates(frames, element[None])[:, 0], _BANDWIDTH)
    return frames[spread(frames, scores, _BY_MAGNITUDES, _APART_DEG)]


def _conjugates(frames: Matrix, elements: Matrix) -> Matrix:
    """Elements (e, 3, 3) about the axes of each frame (m, 3, 3): (m, e, 3, 3)."""
    turned: Matrix = np.einsum("mij,ejk,mlk->meil", frames, elements, frames)
    return turned


def _centre(maps: Superposition, frame: Matrix, elements: Matrix) -> Matrix:
    """Point (3,) in voxels about which the map turns onto itself: ``t = (1 - R) c`` for all R."""
    turned = _conjugates(frame[None], elements)[0]
    _, shifts = maps.best_shifts(turned)
    A, b = (np.eye(3) - turned).reshape(-1, 3), shifts.reshape(-1)
    centre: Matrix = np.linalg.lstsq(A, b, rcond=1e-6)[0]
    return centre.round(6)


def _descend(
    volume: Real, group: Matrix, rotation: Matrix, shift: Matrix, r_max: float, *, rounds: int
) -> Axes:
    """Fit the map onto its own average over the group, and average anew."""
    axes = Axes(rotation, shift, 0.0)
    for _ in range(rounds):
        average = symmetrised_map(volume, group, axes.rotation, axes.shift, r_max=r_max)
        found = Superposition(average, volume, r_max)
        axes = Axes(*found.descend(axes.rotation, axes.shift, steps=4))
    return axes


def _rounded(axes: Axes) -> Axes:
    """The same to a grain that hides the last bits of sums, so that runs repeat bit for bit."""
    coarse = np.round(axes.rotation / _GRAIN) * _GRAIN
    u, _, vt = np.linalg.svd(coarse)
    return Axes(u @ vt, np.round(axes.shift / _GRAIN) * _GRAIN, axes.correlation)
