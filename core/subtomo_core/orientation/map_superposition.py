"""One map laid on another: all shifts of many rotations, and descent to the best pose."""

from __future__ import annotations

import math

import ducc0
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from subtomo_core.fourier.gridding import resample
from subtomo_core.fourier.shells import multiplicity, radius_of
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.orientation.rotations import angular_distance, from_rotation_vectors

Real = NDArray[np.float32]
Matrix = NDArray[np.float64]


class Superposition:
    """A model map against a data map, through the components up to ``r_max`` pixels.

    Parameters
    ----------
    model, data : ndarray of float32
        Maps of one size, shape (n, n, n); the model is turned and shifted.
    r_max : float
        Fourier pixels.
    """

    def __init__(self, model: Real, data: Real, r_max: float):
        box = data.shape[0]
        radius = radius_of(box)
        inside = (radius <= r_max) & (radius > 0)
        index = np.argwhere(inside)
        k = np.where(index <= box // 2, index, index - box)[:, ::-1].astype(np.float64)
        self.box, self.points, self.r_max = box, k, r_max
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
        turned = np.einsum("kj,mji->mki", self.points, rotations)
        at = turned.reshape(-1, 3)[:, ::-1] * (2.0 * math.pi / self.side)
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
            move = np.round(move, 9)  # hides the last bits, which differ with an array's address
            trial = np.einsum("ij,jk->ik", from_rotation_vectors(move[:3]), R), t + move[3:]
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
        phase = (np.exp(-1j * turn * ((self.points * t).sum(1))) * self.root).astype(np.complex64)
        model = values[0] * phase
        # Sums without BLAS, whose last bit may differ with an array's address.
        power, cross = _inner(model, model), _inner(model, self.data)
        r = cross / math.sqrt(power * _inner(self.data, self.data))
        scale = cross / power
        # dA(R^-1 k) / d omega = (2 pi i / n) k x (R moments), moments = transform of x A(x)
        moments = values[1:] * (phase * (2j * math.pi / self.side))
        slope = np.einsum("ij,jk->ki", R, moments.reshape(3, -1))
        columns = np.concatenate(
            [np.cross(self.points, slope), -1j * turn * self.points * model[:, None]], 1
        )
        # The best scale follows the pose: project its direction out of the columns.
        along = np.array([_inner(model, column) for column in columns.T]) / power
        columns = (scale * (columns - model[:, None] * along)).T
        residual = self.data - scale * model
        normal = np.array([[_inner(a, b) for a in columns] for b in columns])
        return r, normal, np.array([_inner(column, residual) for column in columns])

    def best_shifts(self, rotations: Matrix) -> tuple[Matrix, Matrix]:
        """Correlation (m,) of each rotation (m, 3, 3) at its best shift, and that shift (m, 3).

        All shifts come from one inverse transform a rotation. Correlations are not divided by
        the data's norm.
        """
        side, J = self.side, len(self.points)
        cells = np.rint(self.points).astype(int)[:, ::-1] % side
        flat = np.ravel_multi_index(cells.T, (side, side, side // 2 + 1))
        scores = np.empty(len(rotations))
        shifts = np.empty((len(rotations), 3))
        weighted = self.data / self.root
        for first in range(0, len(rotations), 256):
            part = rotations[first : first + 256]
            values = self.sample(part, 1).reshape(len(part), J)
            spectrum = np.zeros((len(part), side * side * (side // 2 + 1)), np.complex64)
            spectrum[:, flat] = weighted * values.conj()
            spectrum = spectrum.reshape(len(part), side, side, side // 2 + 1)
            curve = scipy.fft.irfftn(spectrum, s=(side,) * 3, axes=(1, 2, 3))
            curve = curve.reshape(len(part), -1)
            top = curve.argmax(1)
            power = np.sqrt((np.abs(values * self.root) ** 2).sum(1))
            scores[first : first + 256] = curve[np.arange(len(part)), top] / power
            where = np.stack(np.unravel_index(top, (side,) * 3), -1)[:, ::-1]
            wrapped = np.where(where < side // 2, where, where - side)
            shifts[first : first + 256] = wrapped * (self.box / side)
        return scores, shifts


def spread(rotations: Matrix, scores: Matrix, keep: int, apart_deg: float = 15.0) -> list[int]:
    """Positions of the ``keep`` best rotations, best first, no two closer than ``apart_deg``."""
    chosen: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if chosen and angular_distance(rotations[chosen], rotations[i]).min() < apart_deg:
            continue
        chosen.append(int(i))
        if len(chosen) == keep:
            break
    return chosen


def _inner(first: NDArray[np.complexfloating], second: NDArray[np.complexfloating]) -> float:
    return float((first.real * second.real + first.imag * second.imag).sum(dtype=np.float64))


def _resample(volume: Real, side: int) -> Real:
    """Sample the same extent with ``side`` voxels: the transform is cropped."""
    if side == volume.shape[0]:
        return volume
    return to_real(resample(to_fourier(volume), side) * (radius_of(side) < side / 2))
