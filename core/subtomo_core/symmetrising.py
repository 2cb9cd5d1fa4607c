"""Averaging over a point group, in Fourier space."""

from __future__ import annotations

import math

import ducc0
import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier import Complex, Real, radius_of, to_fourier, to_real

Matrix = NDArray[np.float64]
_CHUNK_POINTS = 4_000_000  # bounds the memory of one transform to about 100 MB
_EPSILON = 1e-4  # of the norm: a hundred times below the error of interpolation in the sums


def symmetrised(
    transforms: NDArray[np.complex64],
    group: Matrix,
    r_max: float,
    rotation: Matrix | None = None,
    shift: Matrix | None = None,
) -> NDArray[np.complex64]:
    """Mean over a group of half transforms, after the motion to the group's axes is undone.

    A map which lies at the pose (Q, c), ``A(x) = B(Q^-1 (x - c))``, is brought to B and averaged:
    ``mean over g of exp(2 pi i (Q g k).c / n) A(Q g k)``. Sums of samples and sums of weights
    are averaged alike (the latter without c), so that each copy counts by what was seen of it.
    Values between components come from a non-uniform FFT.

    Parameters
    ----------
    transforms : ndarray of complex64, (m, n, n, n // 2 + 1)
    group : ndarray, (g, 3, 3)
    r_max : float
        Fourier pixels; components beyond are 0.
    rotation : ndarray, (3, 3), optional
        Q. Default: none.
    shift : ndarray, (3,), optional
        c in voxels, order x, y, z. Default: none.
    """
    box = transforms.shape[1]
    inside = (radius_of(box) <= r_max) & (radius_of(box) > 0)
    index = np.argwhere(inside)
    k = np.where(index < box / 2, index, index - box)[:, ::-1].astype(np.float64)
    grids = np.stack([to_real(t) for t in transforms]).astype(np.complex64)
    elements = group if rotation is None else np.einsum("ij,gjk->gik", rotation, group)
    total = np.zeros((len(transforms), len(k)), np.complex128)
    together = max(1, _CHUNK_POINTS // (len(k) * len(transforms)))
    for first in range(0, len(elements), together):
        # Written out: a product by BLAS may differ in the last bit with an array's address.
        points = np.einsum("gij,kj->gki", elements[first : first + together], k)
        values = _sample(grids, points.reshape(-1, 3)).reshape(len(grids), -1, len(k))
        if shift is not None:
            values = values * np.exp(2j * math.pi / box * np.einsum("gki,i->gk", points, shift))
        total += values.sum(1)
    result = np.zeros_like(transforms)
    result[:, 0, 0, 0] = transforms[:, 0, 0, 0]  # turns onto itself: exact, above all where 0
    result[:, inside] = (total / len(elements)).astype(np.complex64)
    return result


def symmetrised_map(
    volume: Real,
    group: Matrix,
    rotation: Matrix | None = None,
    shift: Matrix | None = None,
) -> Real:
    """Mean of a map (n, n, n) over a group, as `symmetrised` makes it, up to Nyquist."""
    r_max = volume.shape[0] / 2 - 1.0
    return to_real(symmetrised(to_fourier(volume)[None], group, r_max, rotation, shift)[0])


def invariance(first: Complex, second: Complex, average: Complex) -> float:
    """Correlation which a map has with its average over a group, of noisy halves of it.

    From the half transforms of the one half, of the other, and of the other's average:
    ``sqrt(<first, average> / <first, second>)``. Averaging over a group projects, so the ratio is
    the share of the power which is invariant; halves whose noise is their own keep the noise
    out of it. 0 where the halves have nothing in common.
    """
    mates = np.full(first.shape[-1], 2.0)
    mates[0] = 1.0
    both, kept = (
        float(((first * np.conj(other)).real * mates).sum(dtype=np.float64))
        for other in (second, average)
    )
    return math.sqrt(min(1.0, max(0.0, kept) / both)) if both > 0 else 0.0


def _sample(grids: NDArray[np.complex64], points: Matrix) -> NDArray[np.complex64]:
    """Unitary transforms of volumes (m, n, n, n) at points (j, 3), order x, y, z: (m, j)."""
    box = grids.shape[1]
    coordinates = np.ascontiguousarray(points[:, ::-1] * (2.0 * math.pi / box), np.float32)
    values: NDArray[np.complex64] = ducc0.nufft.u2nu(
        grid=grids, coord=coordinates, forward=True, epsilon=_EPSILON
    )
    return values * np.float32(box**-1.5)
