"""Signal-to-noise ratio of particles from pairs of them, brought into one frame by their poses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from subtomo_core.data.particles import Particles
from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.masks import radii
from subtomo_core.fourier.missing import Region, observed, observed_at
from subtomo_core.fourier.nufft import frequencies, sample_transform
from subtomo_core.fourier.shells import (
    multiplicity,
    on_components,
    radius_of,
    shell_means,
    soft_edge,
)
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.refiners.preparing import RADIUS, filled

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_GROUPS = 10  # of particles, each left out once to tell the error
_INSET = 0.5  # pixels by which a region known by a formula is drawn in where it is interpolated
_LITTLE = 0.1  # of a shell's mean weight: what has less counts as not observed
_ALIKE = 0.9  # correlation beyond which the difference of a pair is not mostly noise


@dataclass(frozen=True, eq=False)
class PairSnr:
    """SNR of the particles of one structure (docs/conventions.md, Signal and noise).

    Attributes
    ----------
    snr : float
        Of a volume, or of a sum with weights; 0 where pairs do not correlate.
    error : float
        Its standard error, by leaving tenths of the particles out; not a number for fewer than
        four particles.
    shells : ndarray, (n // 2 + 1,)
        Power of the signal over that of the noise in each shell. Below 0 where pairs do not
        correlate, by chance; not a number where no pair has seen the shell.
    correlation : ndarray, (n // 2 + 1,)
        Of pairs in each shell: c of ``SNR = c / (1 - c)`` where all weights are 1.
    pairs : int
        How many were looked at.
    """

    snr: float
    error: float
    shells: Array
    correlation: Array
    pairs: int

    def of_images(self, box: int, images: int) -> tuple[float, float]:
        """SNR, and its error, of the images of which sums with weights are made."""
        return self.snr * box / images, self.error * box / images


def pair_snr(
    particles: Particles,
    indices: ArrayLike,
    rotations: ArrayLike,
    shifts: ArrayLike,
    *,
    pairs: int = 100,
    seed: int = 0,
) -> PairSnr:
    """SNR of particles of one structure, from the correlation of random pairs of them.

    The second of a pair is evaluated at the frequencies at which the first one saw the structure.
    Of two observations ``S = W A + noise of variance sigma^2 W`` only components count which both
    observed. Over those of one frequency

        C = sum Re(S_1* S_2) = a sum W_1 W_2        P = sum |S_1|^2 W_2 / W_1 = C + s sum W_2

    give the powers of signal and noise, a and s; with weights of 1, ``a / s = c / (1 - c)`` with
    ``c = C / P``. Poses found in these same particles make their noise agree, and the SNR too
    high. Where much is missing, what is interpolated beside it comes out too low.

    Parameters
    ----------
    particles : Particles
        Those behind a region given by a formula are brought to one power first.
    indices : array_like
        Which particles, shape (m,), m >= 2.
    rotations, shifts : array_like
        Their poses, shapes (m, 3, 3) and (m, 3), voxels x, y, z.
    pairs : int
        At most so many, none of them twice; the cost goes with them.
    seed : int
        Of their draw.

    Raises
    ------
    InputError
        If there are fewer than two particles, or no pair of them shares a component.

    References
    ----------
    Frank & Al-Ali (1975), Signal-to-noise ratio of electron micrographs obtained by cross
    correlation. Nature 256.
    """
    own, R, t = np.asarray(indices), np.asarray(rotations, float), np.asarray(shifts, float)
    if len(own) < 2 or pairs < 1:
        raise InputError(Problem("an SNR needs at least two particles, and one pair of them"))
    reader, drawn = _Reader(particles), _drawn(len(own), pairs, seed)
    looked = []
    for i, j in drawn:
        first, second = (reader.read(int(own[n])) for n in (i, j))
        # A(R_i^-1 k) stands at k in the one, and at R_j R_i^-1 k in the other.
        looked.append(reader.sums(first, second, R[i] @ R[j].T, (t[i], t[j])))
    sums = np.stack(looked)
    if not sums[:, 2].any():
        raise InputError(Problem("no pair of particles has observed any component in common"))
    snr, shells, correlation = reader.told(sums.mean(0))
    left = [~(drawn % _GROUPS == group).any(1) for group in range(min(_GROUPS, len(own)))]
    without = [reader.told(sums[kept].mean(0))[0] for kept in left if sums[kept, 2].any()]
    spread = (len(without) - 1) * np.var(without) if len(own) > 3 and len(without) > 1 else math.nan
    return PairSnr(max(snr, 0.0), math.sqrt(spread), shells, correlation, len(sums))


def _drawn(count: int, pairs: int, seed: int) -> NDArray[np.int64]:
    """Pairs i > j of numbers below ``count``, (m, 2), none of them twice."""
    every = count * (count - 1) // 2
    numbers = np.random.default_rng(seed).choice(every, min(pairs, every), replace=False)
    larger = np.arange(count)
    first = np.searchsorted(larger * (larger - 1) // 2, numbers, side="right") - 1
    return np.stack([first, numbers - first * (first - 1) // 2], 1)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A particle (n, n, n) to be interpolated, and its components (n, n, n // 2 + 1).

    Attributes
    ----------
    volume : ndarray
    transform, weights : ndarray
    counts : ndarray of bool
        Which components count as observed.
    region : Region or None
        The same by formula; None where it brings weights.
    """

    volume: NDArray[np.float32]
    transform: NDArray[np.complex64]
    weights: NDArray[np.float32]
    counts: Flags
    region: Region | None


class _Reader:
    """Reads particles, and sums over what two of them share.

    Sums are kept apart by the squared frequency, 0 .. n^2 / 4 (L of them): which components of a
    low shell a pair shares is chance, and their powers differ.
    """

    def __init__(self, particles: Particles):
        self._particles = particles
        box, radius = particles.summary.box, radius_of(particles.summary.box)
        self._box, self._inside = box, (radius > 0) & (radius < box / 2)
        self._sphere = soft_edge(radii(box), RADIUS * box)
        self._points = frequencies(box)[self._inside]
        self._squares = np.rint((self._points**2).sum(1)).astype(np.int64)
        self._share = np.broadcast_to(multiplicity(box), radius.shape)[self._inside]
        self._counts = self._binned(np.ones(len(self._points)))

    def _binned(self, values: NDArray[np.floating], chosen: Flags | slice = slice(None)) -> Array:
        """Sum values of chosen components, and of their mates, by squared frequency: (L,)."""
        weighted = values * self._share[chosen]
        found = np.bincount(self._squares[chosen], weighted, self._box**2 // 4)
        return np.asarray(found, np.float64)

    def read(self, index: int) -> _Seen:
        """One particle; without weights of its own in a scale in which all have one power."""
        volume, own = self._particles.volume(index), self._particles.weight(index)
        transform, region = to_fourier(volume), self._particles.region(index)
        if region is None:
            weights = np.zeros_like(transform.real) if own is None else own
            least = on_components(_LITTLE * shell_means(weights, self._box), self._box)
            return _Seen(volume, transform, weights, weights > least, None)
        formula = observed(region, self._box)
        seen = formula[self._inside] > 0
        power = (self._share * np.abs(transform[self._inside]) ** 2)[seen].sum()
        power /= self._share[seen].sum()
        transform *= np.float32(power**-0.5 if power > 0 else 0.0)
        # What is missing is continued before anything is interpolated beside it.
        whole = to_real(filled(transform, formula, self._sphere))
        ones = np.ones_like(formula)  # the SNR of a volume is that before the cut
        return _Seen(whole, transform, ones, formula > 0, region)

    def sums(self, first: _Seen, second: _Seen, turn: Array, shifts: tuple[Array, Array]) -> Array:
        """C, P, ``sum W_1 W_2``, ``sum W_2`` and the sum of all W_1, by squared frequency: (5, L).

        ``turn`` (3, 3) takes the first one's frequencies, as rows, to the second one's.
        """
        both = first.counts[self._inside] & self._observed(second, self._points @ turn)
        k = self._points[both]
        W1, W2 = first.weights[self._inside][both], _at(second.weights, k @ turn)
        step = 2j * math.pi / self._box
        S1 = first.transform[self._inside][both] * np.exp(step * (k @ shifts[0]))
        S2 = sample_transform(second.volume, k @ turn) * np.exp(step * (k @ turn @ shifts[1]))
        columns = ((S1.conj() * S2).real, np.abs(S1) ** 2 * W2 / W1, W1 * W2, W2)
        told = [self._binned(values, both) for values in columns]
        return np.stack([*told, self._binned(first.weights[self._inside])])

    def _observed(self, seen: _Seen, points: Array) -> Flags:
        """Which points (J, 3) lie in what a particle has observed."""
        region = seen.region
        if region is None:
            return _at(seen.counts, points) > 0.5
        ways = _INSET * np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
        inside: Flags = np.all([observed_at(region, points + way) for way in ways], axis=0)
        return inside

    def told(self, sums: Array) -> tuple[float, Array, Array]:
        """SNR, SNR of the shells and their correlation, of mean sums of pairs (5, L)."""
        seen = sums[2] > 0
        C, P, G, V, W = sums[:, seen]
        counts = self._counts[seen]
        shell = np.rint(np.sqrt(np.flatnonzero(seen))).astype(np.int64)
        signal, noise = W * C / G, counts * (P - C) / V
        by_shell = [np.bincount(shell, x, self._box // 2 + 1) for x in (C, P, signal, noise)]
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation, shells = by_shell[0] / by_shell[1], by_shell[2] / by_shell[3]
        unlike = correlation[shell] < _ALIKE
        if not unlike.any():
            unlike[:] = True
        per_component = noise[unlike].sum() / counts[unlike].sum()
        snr = float(signal.sum() / (per_component * self._box**3))
        return snr, shells, correlation


def _at(half: NDArray[np.generic], points: Array) -> Array:
    """Values at points (J, 3) of a symmetric half grid (n, n, n // 2 + 1), linearly."""
    n = half.shape[0]
    mates = np.roll(half[::-1, ::-1, n // 2 - 1 : 0 : -1], 1, (0, 1))
    whole = np.fft.fftshift(np.concatenate([half, mates], 2)).astype(np.float32)
    found: Array = map_coordinates(whole, points[:, ::-1].T + n // 2, order=1, mode="nearest")
    return found.astype(np.float64)
