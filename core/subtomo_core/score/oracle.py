"""The oracle: the average made with the true poses. No method can beat it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import ducc0
import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from subtomo_core.data.particles import Particles
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.nufft import frequencies
from subtomo_core.fourier.shells import multiplicity, radius_of
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.spec.missing_region import Complete, Each, Weights

Real = NDArray[np.float32]
_CHUNK_POINTS = 4_000_000  # bounds the memory of one transform to about 100 MB


def oracle_average(
    particles: Particles,
    indices: ArrayLike,
    rotations: ArrayLike,
    shifts: ArrayLike,
    *,
    noise_power: ArrayLike | None = None,
    ridge: float = 1e-2,
    iterations: int = 20,
    threads: int = 1,
) -> Real:
    """Weighted least-squares average of particles at given poses, without interpolation.

    Minimises ``sum_i sum_k W_i |S_i / W_i - exp(-2 pi i k.t_i / n) A(R_i^-1 k)|^2 / sigma^2``
    over maps A in the box by conjugate gradients, where ``A(R^-1 k)`` is the map's transform at
    the rotated frequency itself and W is 1 or 0 for regions given by a formula.

    Parameters
    ----------
    particles : Particles
        The dataset; a particle with weights W is taken as premultiplied (S, as in RELION).
    indices : array_like
        Which particles, shape (m,).
    rotations, shifts : array_like
        Their poses, shapes (m, 3, 3) and (m, 3), voxels x, y, z.
    noise_power : array_like, optional
        Variance sigma^2 of the noise in shells 0 .. n/2. Default: equal in all shells.
    ridge : float
        Share of the mean weight which is added for stability.
    iterations : int
        Steps of conjugate gradients.
    threads : int
        Threads of the transforms.

    Returns
    -------
    ndarray
        Shape (n, n, n), float32.
    """
    box = particles.summary.box
    target = np.zeros((box,) * 3)
    kernel = np.zeros((2 * box,) * 3)
    poses = (np.asarray(rotations, np.float64), np.asarray(shifts, np.float64))
    for points, samples, weights in _chunks(particles, np.asarray(indices), *poses, noise_power):
        target += _adjoint(points, samples, box, threads) * box**-1.5
        kernel += _adjoint(points, weights, 2 * box, threads) * box**-3.0
    kernel[(box,) * 3] *= 1.0 + ridge
    spectrum = scipy.fft.rfftn(scipy.fft.ifftshift(kernel).astype(np.float32), workers=threads)
    average = _solve(spectrum, target.astype(np.float32), iterations, threads)
    # No particle saw the corners of the transform's cube: what stands there is noise.
    return to_real(to_fourier(average) * (radius_of(box) < box / 2))


_Chunk = tuple[NDArray[np.float32], NDArray[np.complex64], NDArray[np.complex64]]


def _chunks(
    particles: Particles,
    indices: NDArray[np.integer],
    rotations: NDArray[np.float64],
    shifts: NDArray[np.float64],
    noise_power: ArrayLike | None,
) -> Iterator[_Chunk]:
    """Rotated points (radians, z y x), samples shifted back, and weights, many particles each."""
    box = particles.summary.box
    radius = radius_of(box)
    inside = (radius < box / 2) & (radius > 0)
    k = frequencies(box)[inside]
    count = np.broadcast_to(multiplicity(box), radius.shape)[inside]
    if noise_power is not None:
        count = count / np.asarray(noise_power)[np.rint(radius[inside]).astype(int)]
    missing = particles.summary.missing
    alike = None if isinstance(missing, Weights | Each) else observed(missing, box)[inside]
    turn = 2.0 * math.pi / box
    together = max(1, _CHUNK_POINTS // len(k))
    for first in range(0, len(indices), together):
        points, samples, weights = [], [], []
        for row in range(first, min(first + together, len(indices))):
            index = int(indices[row])
            W = _weights(particles, index)[inside] if alike is None else alike
            keep = W > 0
            S = to_fourier(particles.volume(index))[inside][keep] * count[keep]
            points.append((k[keep] @ rotations[row])[:, ::-1] * turn)
            samples.append(S * np.exp(1j * turn * (k[keep] @ shifts[row])))
            weights.append(W[keep] * count[keep])
        yield (
            np.concatenate(points).astype(np.float32),
            np.concatenate(samples).astype(np.complex64),
            np.concatenate(weights).astype(np.complex64),
        )


def _weights(particles: Particles, index: int) -> Real:
    """Weights of a particle's own, or 1 where it has observed, (n, n, n // 2 + 1)."""
    own, region = particles.weight(index), particles.region(index)
    if own is not None:
        return own
    return observed(Complete() if region is None else region, particles.summary.box)


def _adjoint(
    points: NDArray[np.float32],
    values: NDArray[np.complex64],
    side: int,
    threads: int,
) -> NDArray[np.float32]:
    """Sum of plane waves at ``points`` on a grid of ``side`` voxels."""
    grid = np.empty((side,) * 3, np.complex64)
    ducc0.nufft.nu2u(
        points=values, coord=points, forward=False, epsilon=1e-5, out=grid, nthreads=threads
    )
    real: NDArray[np.float32] = grid.real
    return real


def _solve(spectrum: NDArray[np.complex64], target: Real, iterations: int, threads: int) -> Real:
    """Conjugate gradients for a convolution, by its padded spectrum, cut to the box."""
    box, padded = target.shape[0], (spectrum.shape[0],) * 3
    inner = (slice(0, box),) * 3

    def apply(volume: Real) -> Real:
        wide = scipy.fft.rfftn(volume, s=padded, workers=threads)
        wide *= spectrum
        result: Real = scipy.fft.irfftn(wide, s=padded, workers=threads)[inner]
        return result

    solution = np.zeros_like(target)
    residual, direction = target.copy(), target.copy()
    power = float(np.vdot(residual, residual))
    least = 1e-12 * power
    for _ in range(iterations):
        if power <= least:
            break
        moved = apply(direction)
        step = power / float(np.vdot(direction, moved))
        solution += np.float32(step) * direction
        residual -= np.float32(step) * moved
        previous, power = power, float(np.vdot(residual, residual))
        direction = residual + np.float32(power / previous) * direction
    return solution
