"""Refinement by the stochastic average gradient over slices (Lü et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.kernels import averaged
from subtomo_core.refiners.climbing import STILL
from subtomo_core.refiners.pairs import Array, FourierPair
from subtomo_core.refiners.scores import local
from subtomo_core.refiners.seam import Refined, Starts
from subtomo_core.refiners.stages import Stages

_MOST_PASSES = 40  # over all slices, before the memory is made anew
_MOST_ROUNDS = 10


@dataclass(frozen=True)
class SagRefiner:
    """Every start followed down the averaged slope of slices, the best kept.

    Attributes
    ----------
    batch : float
        Share of the slices that a step looks at: the paper's optimised algorithm takes 1/16 to
        1/2 of them. 0 stands for one slice, the basic algorithm.
    coarse : float
        Fourier radius, pixels, at which all starts are refined.
    finalists : int
    weighed : bool
        See `stages.Stages`.
    seed : int
    """

    batch: float = 0.25
    coarse: float = 3.5
    finalists: int = 16
    weighed: bool = True
    seed: int = 0

    def refine(self, pair: FourierPair, starts: Starts) -> list[Refined]:
        """Refined poses, best first; the steps told are those of all of them together."""
        stages = Stages("rcs", self.coarse, self.finalists, self.weighed)
        inner = stages.inner(pair)
        poses = zip(starts.rotations, starts.shifts, strict=True)
        walkers = [
            Averager(inner, R.copy(), t.copy(), starts.free, self.batch, self.seed)
            for R, t in poses
        ]
        for walker in walkers:
            walker.descend()
        return stages.finish(pair, walkers)


@dataclass(eq=False)
class Averager:
    """One pose on its way down; see `stages.Walker`."""

    pair: FourierPair
    rotation: Array
    shift: Array
    free: Array
    batch: float
    seed: int
    least: float = STILL
    steps: float = 0.0

    def again(self, pair: FourierPair, least: float | None = None) -> Averager:
        """A new one from here, on another band of the same volumes."""
        R, t = self.rotation.copy(), self.shift.copy()
        kept = self.least if least is None else least
        return Averager(pair, R, t, self.free, self.batch, self.seed, kept)

    def descend(self) -> None:
        """Follow the averaged slope until a fresh start of it brings nothing."""
        value = self._value()
        for _ in range(_MOST_ROUNDS):
            self._follow()
            before, value = value, self._value()
            if before - value <= self.least * before:
                return

    def _value(self) -> float:
        return local(self.pair.moments(self.rotation, self.shift), "rcs").value

    def _follow(self) -> None:
        fixed, moved = self.pair.fixed, self.pair.moved
        planes = slices_of(fixed.support.points[0])
        count = len(planes) - 1
        batch = max(1, round(self.batch * count))
        draws = np.random.default_rng(self.seed).integers(0, count, _MOST_PASSES * count // batch)
        self.rotation, self.shift = self.rotation.copy(), self.shift.copy()
        self.steps += averaged.descend(
            moved.grid,
            moved.table,
            fixed.support.points,
            fixed.samples,
            fixed.weights,
            planes,
            draws,
            batch,
            fixed.support.box,
            self.free,
            self.pair.reach,
            self.least,
            self.rotation,
            self.shift,
        )


def slices_of(x: NDArray[np.float32]) -> NDArray[np.int64]:
    """Where each slice of equal x begins among components sorted by x, and the end, (n + 1,)."""
    new = np.flatnonzero(np.diff(x) != 0) + 1
    return np.concatenate([[0], new, [len(x)]]).astype(np.int64)
