"""Every rotation and every shift of a batch's particles: evidence, and what the sums get.

Rotations are shared by all particles, so that each is read from a reference once for the whole
batch. They are worked off in portions of a fixed size, the results of which are taken in order:
nothing depends on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.expect.backprojection import Accumulator
from subtomo_core.expect.batch_samples import BatchSamples
from subtomo_core.expect.ordered_threads import each_in_order
from subtomo_core.expect.rotation_grid import Looks
from subtomo_core.kernels import exhaustive
from subtomo_core.likelihood.rings import ShiftGrid
from subtomo_core.likelihood.shift_priors import ShiftPriors

Values = NDArray[np.float64]

_PORTION = 64  # rotations that a thread looks at together
_SUMS = 16  # the same where sums are kept of each


def portions(looks: Looks) -> int:
    """Portions in which a class's rotations are worked off."""
    return -(-len(looks.rotations) // _PORTION)


class Found(NamedTuple):
    """What every pose of one class comes to.

    Attributes
    ----------
    evidence : ndarray, (B, M)
        Of each rotation, see `kernels.exhaustive.weigh`; minus infinity where nobody looked.
    best : ndarray, (B,)
        Highest term.
    rotation, place : ndarray of int64, (B,)
        Where it is, among the rotations and the shifts.
    """

    evidence: Values
    best: Values
    rotation: NDArray[np.int64]
    place: NDArray[np.int64]


class Sums(NamedTuple):
    """What one class adds to the statistics, besides the scattered sums.

    Attributes
    ----------
    distance : ndarray, (shells,)
        ``sum p (W |A|^2 - 2 Re S conj(A))``, over the noise variance.
    shift_square : float
        ``sum p |t|^2``.
    """

    distance: Values
    shift_square: float


class _Collected(NamedTuple):
    """What `kernels.exhaustive.collect` gives of some rotations."""

    rotations: Values
    sums: Real
    masses: Real
    distance: Values
    squares: Values


@dataclass(frozen=True, eq=False)
class EveryPose:
    """One class's search of a batch.

    Attributes
    ----------
    samples, weights : ndarray of float32, (B, 2, J) and (B, J)
        Over the noise variance, times `Band.count`, moved back by the origins and half a voxel.
    reference : ndarray of float32
        Padded twice.
    soft : bool
        By likelihood; else by constrained correlation.
    """

    of: BatchSamples
    samples: Real
    weights: Real
    reference: Real
    grid: ShiftGrid
    priors: ShiftPriors
    soft: bool
    threads: int

    @classmethod
    def prepare(
        cls,
        of: BatchSamples,
        reference: Real,
        origins: Values,
        *,
        reach: float,
        xi: float | None,
        soft: bool,
        threads: int,
    ) -> EveryPose:
        """Search of shifts up to ``reach`` voxels about ``origins`` (B, 3)."""
        grid = ShiftGrid.of_voxels(of.support, reach)
        priors = ShiftPriors.of(grid, origins, xi if soft else None)
        samples, weights = of.moved_back(origins + 0.5)
        return cls(of, samples, weights, reference, grid, priors, soft, threads)

    def weigh(self, looks: Looks, class_index: int, on_portion: Callable[[], None]) -> Found:
        """Evidence of every rotation."""
        chosen = looks.chosen[class_index]
        count, total = chosen.shape
        evidence = np.empty((count, total))
        starts = range(0, total, _PORTION)
        best = np.full(count, -np.inf)
        rotation, place = np.zeros(count, np.int64), np.zeros(count, np.int64)

        def work(portion: int) -> tuple[Values, NDArray[np.int64]]:
            part = slice(starts[portion], min(starts[portion] + _PORTION, total))
            own, places = np.empty(count), np.zeros((count, 2), np.int64)
            found = np.empty((count, part.stop - part.start))
            self._weigh(looks.rotations[part], chosen[:, part], found, own, places)
            evidence[:, part] = found
            return own, places

        def take(portion: int, result: tuple[Values, NDArray[np.int64]]) -> None:
            own, places = result
            better = own > best
            best[better] = own[better]
            rotation[better] = starts[portion] + places[better, 0]
            place[better] = places[better, 1]
            on_portion()

        each_in_order(work, take, range(len(starts)), self.threads)
        return Found(evidence, best, rotation, place)

    def _weigh(
        self,
        rotations: Values,
        chosen: NDArray[np.bool_],
        evidence: Values,
        best: Values,
        places: NDArray[np.int64],
    ) -> None:
        exhaustive.weigh(
            self.reference,
            self.of.support.points,
            self.samples,
            self.weights,
            rotations,
            np.ascontiguousarray(chosen),
            self.priors.logarithms,
            self.priors.which,
            self.grid.runs,
            self.grid.waves,
            self.soft,
            evidence,
            best,
            places,
        )

    def add(
        self,
        rotations: Values,
        chosen: NDArray[np.bool_],
        levels: Values,
        *,
        into: Accumulator,
        class_index: int,
        residual: bool,
    ) -> Sums:
        """Add the ``chosen`` (B, M) rotations to the sums, each term by its posterior.

        That of a term is ``exp(term - level)``, with the ``levels`` (B,). With ``residual`` the
        reference is taken from what is added.
        """
        wanted = np.flatnonzero(chosen.any(0))
        starts, shells = range(0, len(wanted), _SUMS), self.of.support.box // 2 + 1
        distance, squares = np.zeros(shells), [0.0]

        def work(portion: int) -> _Collected:
            part = wanted[starts[portion] : starts[portion] + _SUMS]
            return self._collect(rotations[part], chosen[:, part], levels, residual)

        def take(_portion: int, added: _Collected) -> None:
            into.add_turned(class_index, added.rotations, added.sums, added.masses, self.of.noise)
            for row, moment in zip(added.distance, added.squares.tolist(), strict=True):
                distance[:] += row
                squares[0] += moment

        each_in_order(work, take, range(len(starts)), self.threads)
        return Sums(distance, squares[0])

    def _collect(
        self, rotations: Values, chosen: NDArray[np.bool_], levels: Values, residual: bool
    ) -> _Collected:
        count, size = len(rotations), self.samples.shape[2]
        added = _Collected(
            rotations,
            np.empty((count, 2, size), np.float32),
            np.empty((count, size), np.float32),
            np.empty((count, self.of.support.box // 2 + 1)),
            np.empty(count),
        )
        exhaustive.collect(
            self.reference,
            self.of.support.points,
            self.samples,
            self.weights,
            rotations,
            np.ascontiguousarray(chosen),
            levels,
            self.priors.logarithms,
            self.priors.which,
            self.priors.squares,
            self.grid.runs,
            self.grid.waves,
            self.of.support.shell,
            self.soft,
            residual,
            *added[1:],
        )
        return added
