"""Every rotation of a grid with every whole shift: likelihoods, and what the sums take of them.

A rotation is read from the reference once for all particles. Its correlations with a particle at
all shifts are one Fourier series (`kernels.series`), on a grid of half voxels: particles come
moved back by half a voxel on each axis, so that the shifts are whole.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from subtomo_core.kernels.interpolate import gather, scatter
from subtomo_core.kernels.jit import inlined, jit
from subtomo_core.kernels.series import transform
from subtomo_core.kernels.series_back import spread
from subtomo_core.kernels.types import F32, F64, I32, I64, Runs, Waves

_BLOCK = 512  # terms summed in float32 before they join the sum in float64
_ALL = np.float32(1.0)
_FAR = np.float32(-30.0)  # a shift this much below the best of its rotation adds nothing


@inlined
def conjugate_product(samples: F32, model: F32, weights: F32, out: F32) -> float:
    """``out <- S conj(model)``, components (2, J); returns ``sum W |model|^2``."""
    power = 0.0
    for first in range(0, weights.shape[0], _BLOCK):
        last = min(first + _BLOCK, weights.shape[0])
        a, b = samples[0][first:last], samples[1][first:last]
        re, im = model[0][first:last], model[1][first:last]
        real, imaginary, w = out[0][first:last], out[1][first:last], weights[first:last]
        part = np.float32(0.0)
        for j in range(w.shape[0]):
            part += w[j] * (re[j] * re[j] + im[j] * im[j])
            real[j] = a[j] * re[j] + b[j] * im[j]
            imaginary[j] = b[j] * re[j] - a[j] * im[j]
        power += float(part)
    return power


@inlined
def with_prior(values: F32, prior: F32) -> np.float32:
    """Series of `transform` to its values at shifts plus the logarithm of a prior; the highest.

    Both (G, G, G); the last axis has lanes of two, the shifts at g and at -g.
    """
    flat, added = values.reshape(-1), prior.reshape(-1)
    top = np.float32(-3.0e38)
    for g in range(flat.shape[0] // 2):
        even, odd = flat[2 * g], flat[2 * g + 1]
        there, back = even - odd + added[2 * g], even + odd + added[2 * g + 1]
        flat[2 * g], flat[2 * g + 1] = there, back
        top = max(top, there, back)
    return top


@inlined
def place_of(flat: F32, value: np.float32) -> int:
    """Where a value first stands."""
    for f in range(flat.shape[0]):
        if flat[f] == value:
            return f
    return 0


@jit
def weigh(
    grid: F32,
    points: F32,
    samples: F32,
    weights: F32,
    rotations: F64,
    looks: NDArray[np.bool_],
    priors: F32,
    prior_of: I64,
    runs: Runs,
    waves: Waves,
    soft: bool,
    evidence: F64,
    best: F64,
    places: I64,
) -> None:
    """Evidence (B, M) of each rotation for each particle, and the best pose of each, (B,).

    Parameters
    ----------
    grid, points
        Reference padded twice, and the components (3, J).
    samples, weights : (B, 2, J) and (B, J)
        ``S / sigma^2`` and ``W / sigma^2``, times `Band.count`.
    rotations, looks : (M, 3, 3) and (B, M)
        What is looked at; the evidence of all others is minus infinity.
    priors, prior_of : (P, G, G, G) and (B,)
        Logarithms of the priors of shifts, in the order of `with_prior`, and which is whose.
    soft : bool
        The evidence is ``log sum over shifts of exp(gain - power / 2 + prior)``; else the highest
        ``gain / sqrt(power)``.
    best, places : (B,) and (B, 2)
        The highest single term, and its rotation and shift.
    """
    count, size = points.shape[1], priors.shape[1]
    model, product = np.empty((2, count), np.float32), np.empty((2, count), np.float32)
    lines = np.empty((waves[1].shape[2], 2, size), np.float32)
    planes = np.empty((waves[2].shape[2], size, 2, size), np.float32)
    values = np.empty((size, size, size), np.float32)
    flat = values.reshape(-1)
    best[:] = -np.inf
    for m in range(rotations.shape[0]):
        read = False
        for i in range(samples.shape[0]):
            evidence[i, m] = -np.inf
            if not looks[i, m]:
                continue
            if not read:
                gather(grid, points, rotations[m], 2.0, model)
                read = True
            power = conjugate_product(samples[i], model, weights[i], product)
            transform(product, runs, waves, lines, planes, values)
            top = with_prior(values, priors[prior_of[i]])
            if soft:
                term = float(top) - 0.5 * power
                evidence[i, m] = term + math.log(exponentials(flat, top))
            else:
                term = float(top) / math.sqrt(max(power, 1e-30))
                evidence[i, m] = term
            if term > best[i]:
                best[i], places[i, 0], places[i, 1] = term, m, place_of(flat, top)


@inlined
def exponentials(flat: F32, top: np.float32) -> float:
    """Sum of ``exp(value - top)``."""
    total = 0.0
    for f in range(flat.shape[0]):
        below = flat[f] - top
        if below > _FAR:
            total += math.exp(below)
    return total


@inlined
def shares_of(flat: F32, level: float) -> float:
    """Values to ``exp(value - level)``, whose sum is returned."""
    total, least = 0.0, np.float32(level - 60.0)
    for f in range(flat.shape[0]):
        share = math.exp(float(flat[f]) - level) if flat[f] > least else 0.0
        flat[f] = np.float32(share)
        total += share
    return total


@inlined
def squared_shift(flat: F32, squares: F32) -> float:
    """Sum of shares times squared shifts."""
    total = 0.0
    for f in range(flat.shape[0]):
        total += float(flat[f]) * float(squares[f])
    return total


@jit
def collect(
    grid: F32,
    points: F32,
    samples: F32,
    weights: F32,
    rotations: F64,
    chosen: NDArray[np.bool_],
    levels: F64,
    priors: F32,
    prior_of: I64,
    squares: F32,
    runs: Runs,
    waves: Waves,
    shells: I32,
    soft: bool,
    residual: bool,
    numerators: F32,
    denominators: F32,
    distance: F64,
    shift_square: F64,
) -> None:
    """What particles add to the sums at each rotation, each shift by its posterior.

    Of `weigh`'s particles and rotations those ``chosen`` (B, M) are looked at once more. A term's
    posterior is ``exp(gain - power / 2 + prior - level)``, with the ``levels`` (B,); where the
    assignment is not soft, the best shift takes all.

    Parameters
    ----------
    squares : (P, G, G, G)
        Squared shifts of each prior.
    residual : bool
        The reference is taken from what is added, ``S - W A``.
    numerators, denominators : (M, 2, J) and (M, J)
        ``sum p exp(2 pi i k.t / n) S`` and ``sum p W``, over the noise variance.
    distance : (M, shells)
        ``sum p (W |A|^2 - 2 Re S conj(A))``, over the noise variance.
    shift_square : (M,)
        ``sum p |t|^2``.
    """
    count, size = points.shape[1], priors.shape[1]
    model, product = np.empty((2, count), np.float32), np.empty((2, count), np.float32)
    lines = np.empty((waves[1].shape[2], 2, size), np.float32)
    planes = np.empty((waves[2].shape[2], size, 2, size), np.float32)
    sheets = np.empty((waves[2].shape[2], 2, size, size), np.float32)
    turned = np.empty((2, 2, size // 2, size), np.float32)
    values = np.empty((size, size, size), np.float32)
    flat = values.reshape(-1)
    numerators[:], denominators[:] = np.float32(0.0), np.float32(0.0)
    distance[:], shift_square[:] = 0.0, 0.0
    for m in range(rotations.shape[0]):
        gather(grid, points, rotations[m], 2.0, model)
        re, im = numerators[m, 0], numerators[m, 1]
        mass = denominators[m]
        for i in range(samples.shape[0]):
            if not chosen[i, m]:
                continue
            power = conjugate_product(samples[i], model, weights[i], product)
            transform(product, runs, waves, lines, planes, values)
            top = with_prior(values, priors[prior_of[i]])
            share = _ALL
            if soft:
                share = np.float32(shares_of(flat, levels[i] + 0.5 * power))
            else:
                place = place_of(flat, top)
                flat[:] = np.float32(0.0)
                flat[place] = _ALL
            shift_square[m] += squared_shift(flat, squares[prior_of[i]].reshape(-1))
            spread(values, runs, waves, sheets, turned, product)
            a, b, w = samples[i, 0], samples[i, 1], weights[i]
            c, s = product[0], product[1]
            for j in range(count):
                re[j] += a[j] * c[j] - b[j] * s[j]
                im[j] += a[j] * s[j] + b[j] * c[j]
                mass[j] += share * w[j]
        for j in range(count):
            u, v, w = model[0, j], model[1, j], mass[j]
            own = w * (u * u + v * v) - np.float32(2.0) * (re[j] * u + im[j] * v)
            distance[m, shells[j]] += float(own)
            if residual:
                re[j] -= w * u
                im[j] -= w * v


@jit
def scatter_sums(
    numerator: F32,
    denominator: F32,
    points: F32,
    scale: F32,
    sums: F32,
    masses: F32,
    rotations: F64,
) -> None:
    """`scatter` the sums (M, 2, J) and masses (M, J) of rotations, times ``scale`` (J,)."""
    count = points.shape[1]
    parts, weights = np.empty((2, count), np.float32), np.empty(count, np.float32)
    for m in range(rotations.shape[0]):
        for j in range(count):
            parts[0, j], parts[1, j] = scale[j] * sums[m, 0, j], scale[j] * sums[m, 1, j]
            weights[j] = scale[j] * masses[m, j]
        scatter(numerator, denominator, points, parts, weights, rotations[m], 1.0)
