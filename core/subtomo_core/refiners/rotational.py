"""Iterated rotational and translational matching (Chen et al. 2013), and candidates from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation import harmonics
from subtomo_core.orientation.rotation_matching import Matcher
from subtomo_core.orientation.rotations import angular_distance
from subtomo_core.refiners.climbing import FREE
from subtomo_core.refiners.filtering import Shared
from subtomo_core.refiners.pairs import Array, FourierPair
from subtomo_core.refiners.scores import local
from subtomo_core.refiners.seam import Refined, Starts
from subtomo_core.refiners.starting_poses import best_shifts

_SAME_DEG, _SAME_VOXELS = 0.1, 0.05  # a pose that moves less has come to rest
_MOST_ROUNDS = 10


@dataclass(frozen=True, eq=False)
class RotationalMatch:
    """CCC of a pair over all rotations at any one shift.

    Both the numerator and the two norms within the overlap are rotational correlations; the
    norms do not depend on the shift.

    Attributes
    ----------
    pair : FourierPair
        In the band of the search.
    matcher : Matcher
    moved, magnitude : ndarray of float32
        Harmonics of g and of ``|g|`` where it is observed.
    scale : ndarray of float32
        ``1 / sqrt(sum O |f|^2  sum O |g|^2)`` over all rotations.
    """

    pair: FourierPair
    matcher: Matcher
    moved: Real
    magnitude: Real
    scale: Real

    @classmethod
    def of(cls, pair: FourierPair, r_max: float, bandwidth: int) -> RotationalMatch:
        """Prepare a pair for radii up to ``r_max`` pixels at an even bandwidth."""
        inner = pair if r_max >= pair.fixed.support.reach else _within(pair, r_max)
        matcher = Matcher.at(float(inner.fixed.support.reach), bandwidth)
        table = pair.moved.table
        held = np.ones(pair.moved.grid.shape[:3], np.float32) if not table.size else table
        seen = pair.moved.grid * held[..., None]
        power = seen[..., 0] ** 2 + seen[..., 1] ** 2
        f = _values(inner)
        mask = inner.fixed.mask / inner.fixed.support.count

        def of_f(values: Real) -> Real:
            return matcher.analyse(inner.fixed.support, values.astype(np.complex64))

        def of_g(values: Real) -> Real:
            grid = np.stack([values, np.zeros_like(values)], -1)
            return harmonics.analyse(grid, matcher.radii, 2.0, matcher.tables)

        ff = matcher.correlate(of_f(mask * np.abs(f) ** 2), of_g(held), even=True)
        gg = matcher.correlate(of_f(mask), of_g(power), even=True)
        both = np.maximum(ff, 0.0) * np.maximum(gg, 0.0)
        scale = 1.0 / np.sqrt(np.maximum(both, 1e-4 * float(both.max())))
        moved = harmonics.analyse(seen, matcher.radii, 2.0, matcher.tables)
        return cls(inner, matcher, moved, of_g(np.sqrt(power)), scale.astype(np.float32))

    def by_magnitude(self, count: int) -> Array:
        """Rotations (C, 3, 3), best first, by an upper bound over all shifts."""
        support = self.pair.fixed.support
        f = self.matcher.analyse(support, np.abs(_values(self.pair)).astype(np.complex64))
        found = self.matcher.correlate(f, self.magnitude, even=True)
        return self.matcher.candidates(found, self.scale, count)

    def at_shift(self, shift: Array, count: int) -> Array:
        """Rotations (C, 3, 3), best first, of f moved back by a shift (3,)."""
        support = self.pair.fixed.support
        back = support.shifted(_values(self.pair), shift)
        found = self.matcher.correlate(self.matcher.analyse(support, back), self.moved, even=False)
        return self.matcher.candidates(found, self.scale, count)


def _within(pair: FourierPair, r_max: float) -> FourierPair:
    return replace(pair, fixed=pair.fixed.within(r_max))


def _values(pair: FourierPair) -> NDArray[np.complex64]:
    parts = pair.fixed.samples
    values: NDArray[np.complex64] = (parts[0] + 1j * parts[1]).astype(np.complex64)
    return values


def candidates(match: RotationalMatch, count: int) -> Starts:
    """Poses to refine: half by magnitudes, the others by phases at the best shifts of those."""
    rotations = match.by_magnitude(math.ceil(count / 2))
    shifts = best_shifts(match.pair, rotations)
    ranked = _by_ccc(match.pair, rotations, shifts)
    more = [match.at_shift(shifts[i], math.ceil(count / 4)) for i in ranked[:2]]
    rotations = np.concatenate([rotations, *more])
    return Starts(rotations, best_shifts(match.pair, rotations), FREE)


def _by_ccc(pair: FourierPair, rotations: Array, shifts: Array) -> NDArray[np.int64]:
    """Indices of poses, highest correlation first."""
    values = [
        local(pair.moments(R, t), "rcs").value for R, t in zip(rotations, shifts, strict=True)
    ]
    return np.argsort(values, kind="stable")


@dataclass(frozen=True)
class FrmRefiner:
    """Rotation by fast rotational matching given the shift, shift by FFT given the rotation.

    Attributes
    ----------
    r_max : float
        Largest Fourier radius of the rotational match, pixels.
    bandwidth : int
        Of the spherical harmonics: rotations are found on a grid of 180 degrees over this, and
        off it by parabolas.
    peaks : int
        Rotations looked at for every shift.
    """

    r_max: float = 12.0
    bandwidth: int = 32
    peaks: int = 4

    def refine(self, pair: FourierPair, starts: Starts) -> list[Refined]:
        """Alternate from the best starts to rest; refined poses, best first.

        Raises
        ------
        InputError
            If directions are held: all rotations are found at once.
        """
        if starts.free.shape[1] != 6:
            detail = "rotational matching cannot search about one axis: choose gradient or sag"
            raise InputError(Problem(detail, pointer="/algorithm"))
        match = RotationalMatch.of(pair, self.r_max, self.bandwidth)
        ranked = _by_ccc(pair, starts.rotations, starts.shifts)[: self.peaks]
        found = [
            self._alternate(match, pair, starts.rotations[i], starts.shifts[i]) for i in ranked
        ]
        found.sort(key=lambda refined: refined.score)
        steps = sum(f.steps for f in found)
        return [replace(f, steps=steps) for f in found]

    def _alternate(
        self, match: RotationalMatch, pair: FourierPair, rotation: Array, shift: Array
    ) -> Refined:
        value = local(pair.moments(rotation, shift), "rcs").value
        rounds = 0
        for _ in range(_MOST_ROUNDS):
            rounds += 1
            rotations = match.at_shift(shift, self.peaks)
            shifts = best_shifts(pair, rotations, pair.fixed.support.reach)
            best = _by_ccc(pair, rotations, shifts)[0]
            there = local(pair.moments(rotations[best], shifts[best]), "rcs").value
            turned = float(angular_distance(rotations[best], rotation))
            moved = float(np.linalg.norm(shifts[best] - shift))
            if there >= value:
                break
            rotation, shift, value = rotations[best], shifts[best], there
            if turned < _SAME_DEG and moved < _SAME_VOXELS:
                break
        information = Shared.at(pair, rotation, shift).information
        return Refined(rotation, shift, value, information, float(rounds))
