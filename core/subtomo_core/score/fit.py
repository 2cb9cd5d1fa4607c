"""Rigid fit of one map onto another, as Chimera's fit-in-map does it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import ducc0
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from subtomo_core.exact import rotate
from subtomo_core.fourier import multiplicity, radius_of, to_fourier, to_real
from subtomo_core.rotations import (
    angular_distance,
    even_rotations,
    from_rotation_vectors,
    inverse_pose,
)
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
    """Find the motion which brings a map onto another, from anywhere.

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


def _fit_one(moving: Real, target: Real, mask: Real | None, step_deg: float) -> Fit:
    # The target is turned onto the map, not the map onto the target: noise in the model would
    # inflate the normal matrix and stall the steps.
    box = target.shape[0]
    coarse = _Residuals(target, moving, min(6.0, box / 2 - 1))
    starts = _search(coarse, even_rotations(step_deg), keep=20)
    poses = [coarse.descend(R, t, steps=5) for R, t in starts]
    poses.sort(key=lambda pose: -pose[2])
    middle = _Residuals(target, moving, min(10.0, box / 2 - 1))
    poses = [middle.descend(R, t, steps=5) for R, t, _ in poses[:5]]
    R, t, _ = max(poses, key=lambda pose: pose[2])
    R, t, _ = _Residuals(target, moving, 0.45 * box).descend(R, t, steps=5)
    rotation, shift = inverse_pose(R, t)
    # Corners of the transform's cube, which no other orientation holds, would make r depend on
    # the orientation of the map.
    round_band = to_real(to_fourier(moving) * (radius_of(box) < box / 2))
    fitted = rotate(round_band, rotation, shift)
    return Fit(rotation, shift, correlation(fitted, target, mask), fitted)


class _Residuals:
    """A model map against a data map, through the components up to ``r_max`` pixels."""

    def __init__(self, model: Real, data: Real, r_max: float):
        box = data.shape[0]
        radius = radius_of(box)
        inside = (radius <= r_max) & (radius > 0)
        index = np.argwhere(inside)
        k = np.where(index <= box // 2, index, index - box)[:, ::-1].astype(np.float64)
        self.box, self.points = box, k
        self.root = np.sqrt(np.broadcast_to(multiplicity(box), radius.shape)[inside])
        self.data = to_fourier(data)[inside] * self.root
        self.side = min(box, 2 * math.ceil(r_max / 2 + 2) * 2)
        # The map and its first moments: the transform and its gradient in one call.
        axis = (np.arange(self.side) - self.side // 2).astype(np.float32)
        small = _resample(model, self.side)
        moments = [small * a for a in (axis, axis[:, None], axis[:, None, None])]
        self.grids = np.stack([small, *moments]).astype(np.complex64)

    def sample(self, rotations: Matrix, grids: int) -> NDArray[np.complex64]:
        """Give the transforms of the first ``grids`` grids at ``R^-1 k``: (grids, m * J)."""
        at = (self.points @ rotations).reshape(-1, 3)[:, ::-1] * (2.0 * math.pi / self.side)
        values: NDArray[np.complex64] = ducc0.nufft.u2nu(
            grid=self.grids[:grids],
            coord=np.ascontiguousarray(at, np.float32),
            forward=True,
            epsilon=1e-4,
        )
        return values

    def descend(self, R: Matrix, t: Matrix, steps: int) -> tuple[Matrix, Matrix, float]:
        """Gauss-Newton steps in (rotation vector, shift, scale): pose and correlation."""
        r, normal, gradient = self._linearise(R, t)
        damping = 1e-3
        for _ in range(steps):
            move = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient)
            trial = from_rotation_vectors(move[:3]) @ R, t + move[3:]
            r_trial, normal_trial, gradient_trial = self._linearise(*trial)
            if r_trial <= r:
                damping *= 16
                continue
            gain, damping = r_trial - r, damping / 4
            (R, t), r, normal, gradient = trial, r_trial, normal_trial, gradient_trial
            if gain < 1e-7:
                break
        return R, t, r

    def _linearise(self, R: Matrix, t: Matrix) -> tuple[float, Matrix, Matrix]:
        """Correlation, normal matrix (6, 6) and right side (6,) at a pose."""
        turn = 2.0 * math.pi / self.box
        values = self.sample(R[None], 4)
        phase = (np.exp(-1j * turn * (self.points @ t)) * self.root).astype(np.complex64)
        model = values[0] * phase
        power = float(np.vdot(model, model).real)
        cross = float(np.vdot(model, self.data).real)
        r = cross / math.sqrt(power * float(np.vdot(self.data, self.data).real))
        scale = cross / power
        # dA(R^-1 k) / d omega = (2 pi i / n) k x (R moments), moments = transform of x A(x)
        slope = (R @ (values[1:] * (phase * (2j * math.pi / self.side))).reshape(3, -1)).T
        columns = np.concatenate(
            [np.cross(self.points, slope), -1j * turn * self.points * model[:, None]], 1
        )
        # The best scale follows the pose: project its direction out of the columns.
        columns = scale * (columns - np.outer(model, (model.conj() @ columns).real / power))
        residual = self.data - scale * model
        normal = (columns.conj().T @ columns).real
        return r, normal, (columns.conj().T @ residual).real


def _resample(volume: Real, side: int) -> Real:
    """Sample the same extent with ``side`` voxels: the transform is cropped."""
    box = volume.shape[0]
    if side == box:
        return volume
    full = np.fft.fftfreq(side, 1.0 / side).astype(int)
    spectrum = to_fourier(volume)[np.ix_(full, full, np.arange(side // 2 + 1))]
    return to_real(spectrum * (radius_of(side) < side / 2))


def _search(maps: _Residuals, rotations: Matrix, keep: int) -> list[tuple[Matrix, Matrix]]:
    """Best shift of each rotation by FFT; the ``keep`` best rotations, no two alike."""
    side, J = maps.side, len(maps.points)
    cells = np.rint(maps.points).astype(int)[:, ::-1] % side
    flat = np.ravel_multi_index(cells.T, (side, side, side // 2 + 1))
    scores = np.empty(len(rotations))
    shifts = np.empty((len(rotations), 3))
    weighted = maps.data / maps.root
    for first in range(0, len(rotations), 256):
        part = rotations[first : first + 256]
        values = maps.sample(part, 1).reshape(len(part), J)
        spectrum = np.zeros((len(part), side * side * (side // 2 + 1)), np.complex64)
        spectrum[:, flat] = weighted * values.conj()
        spectrum = spectrum.reshape(len(part), side, side, side // 2 + 1)
        curve = scipy.fft.irfftn(spectrum, s=(side,) * 3, axes=(1, 2, 3)).reshape(len(part), -1)
        top = curve.argmax(1)
        power = np.linalg.norm(values * maps.root, axis=1)
        scores[first : first + 256] = curve[np.arange(len(part)), top] / power
        where = np.stack(np.unravel_index(top, (side,) * 3), -1)[:, ::-1]
        wrapped = np.where(where < side // 2, where, where - side)
        shifts[first : first + 256] = wrapped * (maps.box / side)
    return _spread(rotations, shifts, scores, keep)


def _spread(
    rotations: Matrix, shifts: Matrix, scores: Matrix, keep: int
) -> list[tuple[Matrix, Matrix]]:
    chosen: list[int] = []
    for i in np.argsort(-scores):
        if chosen and angular_distance(rotations[chosen], rotations[i]).min() < 15.0:
            continue
        chosen.append(int(i))
        if len(chosen) == keep:
            break
    return [(rotations[i], shifts[i]) for i in chosen]
