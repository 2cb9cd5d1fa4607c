"""A batch's share of all pairs, compared one way or another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.data.pairs import blank_table, entry, partners
from subtomo_core.data.particles import Particles
from subtomo_core.data.statistics import Batch
from subtomo_core.errors import InputError, Problem
from subtomo_core.expect.ordered_threads import each_in_order
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.plan import Settings
from subtomo_core.refiners.gradient import GradientRefiner
from subtomo_core.refiners.pairs import Fixed, FourierPair, Moved
from subtomo_core.refiners.preparing import RADIUS, Seen
from subtomo_core.refiners.scores import Score, local
from subtomo_core.refiners.starting_poses import everywhere

Entry = NDArray[np.float32]

_LEAST_WEIGHT = 0.05  # of a particle's mean: what it holds less of is not divided by less


class Comparing(Protocol):
    """A way to compare a pair."""

    def __call__(self, pair: FourierPair) -> Entry:
        """What is written down of it (`data.pairs.entry`)."""
        ...


@dataclass(frozen=True)
class AsTheyLie:
    """How unlike two particles are before anything is aligned."""

    score: Score

    def __call__(self, pair: FourierPair) -> Entry:
        """Neither rotated nor shifted."""
        still = np.eye(3), np.zeros(3)
        return entry(local(pair.moments(*still), self.score).value, *still)


@dataclass(frozen=True)
class Aligned:
    """How unlike two particles are at their best pose."""

    refiner: GradientRefiner
    grid_deg: float

    def __call__(self, pair: FourierPair) -> Entry:
        """Refined from everywhere; the score is that of both volumes as they are."""
        best = self.refiner.refine(pair, everywhere(pair, self.grid_deg))[0]
        pose = best.rotation, best.shift
        return entry(local(pair.moments(*pose), self.refiner.score).value, *pose)


class _Row(NamedTuple):
    """A particle of the batch which a partner is brought onto, and the partner's column."""

    particle: int
    column: int


def compare(
    settings: Settings,
    batch: Batch,
    way: Comparing,
    *,
    threads: int,
    on_particle: Callable[[], None],
) -> NDArray[np.float32]:
    """Rows of the batch in the table of all pairs, (N, N // 2, 7).

    Every particle is prepared once as one which moves and the batch's own as ones which stay.
    ``on_particle`` is called as often as the batch has particles, whenever so many pairs are done.
    """
    count, reach = settings.summary.particles, settings.shift_reach
    eye = _Eye(settings, batch.particles)
    meetings = _meetings(batch.indices.tolist(), count)
    fixed = {index: eye.staying(index) for index in batch.indices.tolist()}
    table = blank_table(count)
    progress = _Progress(len(fixed), sum(len(rows) for rows in meetings.values()), on_particle)

    def work(partner: int) -> list[Entry]:
        moved = eye.moving(partner)
        return [way(FourierPair(fixed[row.particle], moved, reach)) for row in meetings[partner]]

    def take(partner: int, found: list[Entry]) -> None:
        for row, values in zip(meetings[partner], found, strict=True):
            table[row.particle, row.column] = values
        progress.add(len(found))

    each_in_order(work, take, meetings, threads)
    progress.end()
    return table


def _meetings(indices: list[int], count: int) -> dict[int, list[_Row]]:
    """For each particle that moves, the rows of the batch which it is brought onto."""
    meetings: dict[int, list[_Row]] = {}
    for index in indices:
        for column, partner in enumerate(partners(index, count).tolist()):
            meetings.setdefault(partner, []).append(_Row(index, column))
    return meetings


class _Progress:
    """Tells particles one by one as pairs are done."""

    def __init__(self, particles: int, pairs: int, on_particle: Callable[[], None]):
        self._particles, self._pairs, self._on_particle = particles, pairs, on_particle
        self._done = self._told = 0

    def add(self, pairs: int) -> None:
        """Some more pairs are done."""
        self._done += pairs
        while self._told * self._pairs < self._done * self._particles:
            self._tell()

    def end(self) -> None:
        """All are done: particles without a pair of their own are told as well."""
        while self._told < self._particles:
            self._tell()

    def _tell(self) -> None:
        self._told += 1
        self._on_particle()


@dataclass(frozen=True, eq=False)
class _Eye:
    """Sees particles as pairs are compared."""

    settings: Settings
    particles: Particles

    def staying(self, index: int) -> Fixed:
        """A particle which others are brought onto."""
        return Fixed.of(*self._seen(index), self.settings.limit_shell, self._radius)

    def moving(self, index: int) -> Moved:
        """A particle which is brought onto others."""
        return Moved.of(*self._seen(index), self.settings.limit_shell, self._radius)

    @property
    def _radius(self) -> float:
        """Of the sphere which holds the molecule wherever it lies, voxels."""
        settings = self.settings
        about = 0.0 if settings.spec.mask.particles else settings.shift_reach
        return min(settings.mask_radius + about, RADIUS * settings.box)

    def _seen(self, index: int) -> tuple[Real, Seen]:
        """Volume (n, n, n), and what it holds.

        Such as come with weights are their signal times these: divided, they are what others are.
        """
        volume = np.ascontiguousarray(self.particles.volume(index), np.float32)
        region = self.particles.region(index)
        if region is not None:
            return volume, region
        weights = self.particles.weight(index)
        if weights is None:
            raise InputError(Problem(f"particle {index + 1} comes without weights"))
        mean = np.float32(weights[weights > 0].mean())
        known = np.maximum(weights, np.float32(_LEAST_WEIGHT) * mean)
        divided = np.where(weights > 0, to_fourier(volume) / known, 0.0).astype(np.complex64)
        return to_real(divided), np.ascontiguousarray(weights / mean, np.float32)
