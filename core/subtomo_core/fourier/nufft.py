"""Exact rotations and shifts of sampled maps by the non-uniform FFT.

Thirty times slower than interpolation and a thousand times more exact: for simulation, oracles,
scoring and tests, not for the search.
"""

from __future__ import annotations

import math

import ducc0
import numpy as np
from numpy.typing import ArrayLike, NDArray

from subtomo_core.fourier.transforms import to_real

Volume = NDArray[np.float32]
HalfTransform = NDArray[np.complex64]


def frequencies(box: int) -> NDArray[np.float64]:
    """Frequencies (n, n, n // 2 + 1, 3), order x, y, z, of the half transform's components."""
    full = np.fft.fftfreq(box, 1.0 / box)
    half = np.arange(box // 2 + 1, dtype=np.float64)
    kz, ky, kx = np.meshgrid(full, full, half, indexing="ij")
    return np.stack([kx, ky, kz], -1)


def sample_transform(volume: ArrayLike, points: ArrayLike) -> NDArray[np.complex64]:
    """Unitary transform of ``volume`` (n, n, n) at any ``points`` (m, 3), order x, y, z.

    Points are in Fourier pixels; beyond Nyquist the transform is 0. Error 1e-5 of the norm.
    """
    box = np.shape(volume)[0]
    grid = np.asarray(volume, np.complex64)
    k = np.asarray(points, np.float64)
    inside = (np.abs(k) <= box / 2).all(-1)
    coordinates = np.ascontiguousarray(k[inside][:, ::-1] * (2.0 * math.pi / box), np.float32)
    values = np.zeros(len(k), np.complex64)
    if not inside.any():
        return values
    found = ducc0.nufft.u2nu(grid=grid, coord=coordinates, forward=True, epsilon=1e-5)
    values[inside] = found * np.float32(box**-1.5)
    return values


def pose_transform(volume: ArrayLike, rotation: ArrayLike, shift: ArrayLike) -> HalfTransform:
    """Half transform of the volume rotated and shifted: ``exp(-2 pi i k.t / n) A(R^-1 k)``."""
    box = np.shape(volume)[0]
    k = frequencies(box).reshape(-1, 3)
    # Row vectors: k @ R is R^T k, which is R^-1 k.
    values = sample_transform(volume, k @ np.asarray(rotation, np.float64))
    phase = (-2.0 * math.pi / box) * (k @ np.asarray(shift, np.float64))
    half: HalfTransform = (values * np.exp(1j * phase)).astype(np.complex64)
    return half.reshape(box, box, box // 2 + 1)


def rotate(volume: ArrayLike, rotation: ArrayLike, shift: ArrayLike = (0.0, 0.0, 0.0)) -> Volume:
    """Rotate a map, then shift it: ``X(x) = A(R^-1 (x - t))``.

    Parameters
    ----------
    volume : array_like
        Shape (n, n, n), axes z, y, x, origin at voxel n // 2.
    rotation : array_like
        Shape (3, 3), on vectors in the order x, y, z.
    shift : array_like
        Shape (3,), voxels, order x, y, z.

    Returns
    -------
    ndarray
        Shape (n, n, n), float32. Relative error below 1e-4 for a map without components near
        Nyquist; components that leave the transform's cube are lost.
    """
    return to_real(pose_transform(volume, rotation, shift))
