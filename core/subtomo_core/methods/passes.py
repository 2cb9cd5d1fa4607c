"""One pass over a batch: rows of particles to poses and statistics.

The result does not depend on the number of threads: rows are made apart, and sums are taken in
particle order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier import Band, Real
from subtomo_core.methods.accumulate import Accumulator, Term
from subtomo_core.statistics import Batch, Expectation, Model, Poses, Statistics
from subtomo_core.symmetry import distance_modulo

Values = NDArray[np.float64]

_CHUNK = 64  # particles whose samples are held until they are summed


class Row(NamedTuple):
    """What a pass finds out about one particle.

    Attributes
    ----------
    rotations, shifts, probability, score : ndarray
        Its row of `Poses`: (K, 3, 3), (K, 3), (K,), (K,).
    noise_sum, noise_count : ndarray, (shells,)
        Its part in the noise.
    log_likelihood : float
    """

    rotations: Values
    shifts: Values
    probability: Values
    score: Values
    noise_sum: Values
    noise_count: Values
    log_likelihood: float


class Found(NamedTuple):
    """What a pass finds out about one particle in one start."""

    row: Row
    term: Term


def pass_over(
    batch: Batch,
    work: Callable[[int], list[Found]],
    sums: tuple[Band, Real],
    *,
    folds: int,
    starts: Sequence[Model],
    groups: Sequence[Values],
    threads: int,
    on_particle: Callable[[], None],
) -> Expectation:
    """Statistics and poses of a batch.

    Parameters
    ----------
    work : callable
        Rows and terms of the sums, one of each start, for a position in the batch; called from
        many threads.
    sums : Band, ndarray of float32
        Components which are summed, and ``1 / sigma^2`` there.
    folds : int
        Parts of the dataset which are summed apart.
    starts : sequence of Model
        The random starts which are compared, or the one model there is.
    groups : sequence of ndarray, (g, 3, 3)
        Point group of each class, modulo which poses change.
    on_particle : callable
        Called after each particle; may raise `Cancelled`.
    """

    def told(position: int) -> list[Found]:
        result = work(position)
        on_particle()
        return result

    found: list[list[Found]] = [[] for _ in starts]
    accumulators = [Accumulator(*sums, folds, len(groups)) for _ in starts]
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(batch.indices), _CHUNK):
            positions = range(first, min(first + _CHUNK, len(batch.indices)))
            chunk = list(pool.map(told, positions))
            for number, accumulator in enumerate(accumulators):
                own = [particle[number] for particle in chunk]
                accumulator.add([term for _, term in own], pool)
                found[number] += [Found(row, term.light()) for row, term in own]
        folded = [accumulator.folded(pool) for accumulator in accumulators]
    poses = [_poses([row for row, _ in own]) for own in found]
    before = [start.own(batch.poses) if batch.poses else None for start in starts]
    each = zip(found, folded, poses, before, strict=True)
    statistics = [_statistics(*parts, groups) for parts in each]
    return Expectation(Statistics.stacked(statistics), Poses.beside(poses))


def _poses(rows: list[Row]) -> Poses:
    return Poses(
        rotations=np.stack([r.rotations for r in rows]),
        shifts=np.stack([r.shifts for r in rows]),
        probability=np.stack([r.probability for r in rows]),
        score=np.stack([r.score for r in rows]),
    )


def _statistics(
    found: list[Found],
    folded: tuple[NDArray[np.complex64], NDArray[np.float32]],
    poses: Poses,
    before: Poses | None,
    groups: Sequence[Values],
) -> Statistics:
    """Statistics of one start."""
    rows = [row for row, _ in found]
    numerator, denominator = folded
    mass, shift_square = _moments([term for _, term in found], *numerator.shape[:2])
    turned, changed = _changes(poses, before, groups)
    return Statistics(
        numerator=numerator,
        denominator=denominator,
        mass=mass,
        hard=np.bincount(poses.best_class, minlength=mass.shape[1]).astype(np.float64),
        shift_square=shift_square,
        noise_sum=np.sum([r.noise_sum for r in rows], 0),
        noise_count=np.sum([r.noise_count for r in rows], 0),
        log_likelihood=float(sum(r.log_likelihood for r in rows)),
        turned_deg=turned,
        particles=float(len(rows)),
        class_changes=changed,
    )


def _moments(terms: list[Term], folds: int, classes: int) -> tuple[Values, float]:
    """Sums of posteriors (F, K), and of squared shifts."""
    mass = np.zeros((folds, classes))
    shift_square = 0.0
    for term in terms:
        for share in term.shares:
            mass[term.fold, share.class_index] += share.probability
            shift_square += share.probability * float(share.shift @ share.shift)
    return mass, shift_square


def _changes(poses: Poses, before: Poses | None, groups: Sequence[Values]) -> tuple[float, float]:
    """Degrees turned in all, and number of particles which changed class."""
    if before is None:
        return 0.0, 0.0
    best, turned = poses.best_class, 0.0
    for k, group in enumerate(groups):
        own = best == k
        now, then = poses.best_rotation[own], before.best_rotation[own]
        turned += float(distance_modulo(now, then, group).sum())
    return turned, float((best != before.best_class).sum())
