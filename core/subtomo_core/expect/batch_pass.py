"""One pass over a batch: rows of particles to poses and statistics.

The result does not depend on the number of threads: rows are made apart, and sums are taken
fold after fold, each in particle order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.class_sources import in_common
from subtomo_core.data.confirmation import no_confirmation
from subtomo_core.data.noise_law import no_power
from subtomo_core.data.statistics import Batch, Expectation, Model, Poses, Statistics
from subtomo_core.expect.backprojection import FoldSums, Term
from subtomo_core.expect.ordered_threads import each_in_order
from subtomo_core.fourier.band import Band
from subtomo_core.orientation.point_group_rotations import distance_modulo

Values = NDArray[np.float64]


class Row(NamedTuple):
    """Result of a pass for one particle.

    Attributes
    ----------
    rotations, shifts, probability, score : ndarray
        Its row of `Poses`: (K, 3, 3), (K, 3), (K,), (K,).
    noise_sum, noise_count : ndarray, (shells,)
        Its part in the noise.
    log_likelihood : float
    misfit : float
        What it departs from the reference beyond its noise and that of the reference, in
        log-likelihood: 0 where it shows what the reference shows.
    power_by_weight : ndarray, (3, 3, bins, shells)
        Its part in that of the statistics; empty outside of the survey.
    confirmation : ndarray, (K, 5)
        What its held-out components say for each class (`data.confirmation.Confirmation`).
    """

    rotations: Values
    shifts: Values
    probability: Values
    score: Values
    noise_sum: Values
    noise_count: Values
    log_likelihood: float
    misfit: float = 0.0
    power_by_weight: Values = no_power()
    confirmation: Values = no_confirmation()


class Found(NamedTuple):
    """Result of a pass for one particle in one start."""

    row: Row
    term: Term


def pass_over(
    batch: Batch,
    work: Callable[[int], list[Found]],
    sums: Band,
    *,
    folds: int,
    fold_of: NDArray[np.int64],
    starts: Sequence[Model],
    groups: Sequence[Values],
    threads: int,
    on_particle: Callable[[], None],
    on_fold: Callable[[int], None] = lambda _fold: None,
) -> Expectation:
    """Statistics and poses of a batch.

    Parameters
    ----------
    work : callable
        Rows and terms of the sums, one of each start, for a position in the batch; called from
        many threads.
    sums : Band
        Components that are summed.
    folds : int
        Parts of the dataset that are summed apart.
    fold_of : ndarray of int64, (N,)
        Part of each particle of the dataset.
    starts : sequence of Model
        The random starts that are compared, or the one model there is.
    groups : sequence of ndarray, (g, 3, 3)
        Point group of each class, modulo which poses change.
    on_particle : callable
        Called after each particle; may raise `Cancelled`.
    on_fold : callable
        Called when all particles of a fold are done, with its number.
    """

    def told(position: int) -> list[Found]:
        result = work(position)
        on_particle()
        return result

    found: list[list[Found]] = [[] for _ in batch.indices]
    summing = FoldSums(sums, (len(starts), folds, len(groups)), on_fold)

    def take(position: int, particle: list[Found]) -> None:
        summing.add([term for _, term in particle])
        found[position] = [Found(row, term.light()) for row, term in particle]

    order = np.argsort(fold_of[batch.indices], kind="stable")
    each_in_order(told, take, order.tolist(), threads)
    summing.close()
    own = [[particle[number] for particle in found] for number in range(len(starts))]
    poses = [poses_of([row for row, _ in each]) for each in own]
    before = [start.own(batch.poses) if batch.poses else None for start in starts]
    parts = [
        _of_start(each, placed, past, folds, groups)
        for each, placed, past in zip(own, poses, before, strict=True)
    ]
    # The large sums lie side by side already.
    alone = 0 if len(starts) == 1 else slice(None)
    if len(starts) > 1 and len(groups) > 1:
        common = in_common(poses)
        parts = [replace(p, in_common=c) for p, c in zip(parts, common, strict=True)]
    statistics = replace(
        Statistics.stacked(parts),
        numerator=summing.numerator[alone],
        denominator=summing.denominator[alone],
    )
    return Expectation(statistics, Poses.beside(poses))


def poses_of(rows: list[Row]) -> Poses:
    """Rows of particles as poses."""
    return Poses(
        rotations=np.array([r.rotations for r in rows]),
        shifts=np.array([r.shifts for r in rows]),
        probability=np.array([r.probability for r in rows]),
        score=np.array([r.score for r in rows]),
    )


def statistics_of(
    rows: list[Row],
    poses: Poses,
    before: Poses | None,
    groups: Sequence[Values],
    *,
    moments: tuple[Values, float],
) -> Statistics:
    """Statistics of one start without its scattered sums.

    ``moments`` are sums of posteriors (F, K), and of squared shifts.
    """
    mass, shift_square = moments
    turned, changed = _changes(poses, before, groups)
    return Statistics(
        numerator=np.empty(0, np.complex64),
        denominator=np.empty(0, np.float32),
        mass=mass,
        hard=np.bincount(poses.best_class[poses.counted], minlength=mass.shape[1]).astype(float),
        shift_square=shift_square,
        noise_sum=np.sum([r.noise_sum for r in rows], 0),
        noise_count=np.sum([r.noise_count for r in rows], 0),
        log_likelihood=float(sum(r.log_likelihood for r in rows)),
        turned_deg=turned,
        particles=float(len(rows)),
        class_changes=changed,
        misfit=np.sum([r.probability * r.misfit for r in rows], 0),
        power_by_weight=np.sum([r.power_by_weight for r in rows], 0),
        confirmation=np.sum([r.confirmation for r in rows], 0),
    )


def _of_start(
    found: list[Found], poses: Poses, before: Poses | None, folds: int, groups: Sequence[Values]
) -> Statistics:
    """Statistics of one start, of what was found for its particles."""
    moments = _moments([term for _, term in found], folds, len(groups))
    return statistics_of([row for row, _ in found], poses, before, groups, moments=moments)


def _moments(terms: list[Term], folds: int, classes: int) -> tuple[Values, float]:
    """Sums of posteriors (F, K), and of squared shifts."""
    # No list of pairs on the way: many new tuples call for a search through all objects.
    cells = np.fromiter(
        (term.fold * classes + share.class_index for term in terms for share in term.shares),
        np.int64,
    )
    shares = [share for term in terms for share in term.shares]
    probability = np.fromiter((share.probability for share in shares), np.float64)
    mass = np.bincount(cells, probability, folds * classes).astype(np.float64)
    shifts = np.array([share.shift for share in shares]).reshape(-1, 3)
    square = float((probability * (shifts**2).sum(1)).sum())
    return mass.reshape(folds, classes), square


def _changes(poses: Poses, before: Poses | None, groups: Sequence[Values]) -> tuple[float, float]:
    """Degrees turned in all, and number of particles that changed class; junk is one too."""
    if before is None:
        return 0.0, 0.0
    best, turned = _assigned(poses), 0.0
    for k, group in enumerate(groups):
        own = best == k
        now, then = poses.best_rotation[own], before.best_rotation[own]
        turned += float(distance_modulo(now, then, group).sum())
    return turned, float((best != _assigned(before)).sum())


def _assigned(poses: Poses) -> NDArray[np.int64]:
    """Class of each particle; -1 for junk."""
    assigned: NDArray[np.int64] = np.where(poses.counted, poses.best_class, -1)
    return assigned
