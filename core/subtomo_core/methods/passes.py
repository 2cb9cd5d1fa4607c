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
from subtomo_core.statistics import Batch, Expectation, Poses, Statistics
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


def pass_over(
    batch: Batch,
    work: Callable[[int], tuple[Row, Term]],
    sums: tuple[Band, Real],
    *,
    folds: int,
    groups: Sequence[Values],
    threads: int,
    on_particle: Callable[[], None],
) -> Expectation:
    """Statistics and poses of a batch.

    Parameters
    ----------
    work : callable
        Row and term of the sums for a position in the batch; called from many threads.
    sums : Band, ndarray of float32
        Components which are summed, and ``1 / sigma^2`` there.
    folds : int
        Parts of the dataset which are summed apart.
    groups : sequence of ndarray, (g, 3, 3)
        Point group of each class, modulo which poses change.
    on_particle : callable
        Called after each particle; may raise `Cancelled`.
    """

    def told(position: int) -> tuple[Row, Term]:
        result = work(position)
        on_particle()
        return result

    classes = len(groups)
    rows: list[Row] = []
    terms: list[Term] = []
    accumulator = Accumulator(*sums, folds, classes)
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(batch.indices), _CHUNK):
            positions = range(first, min(first + _CHUNK, len(batch.indices)))
            chunk = list(pool.map(told, positions))
            accumulator.add([term for _, term in chunk], pool)
            rows += [row for row, _ in chunk]
            terms += [term.light() for _, term in chunk]
        numerator, denominator = accumulator.folded(pool)
    poses = Poses(
        rotations=np.stack([r.rotations for r in rows]),
        shifts=np.stack([r.shifts for r in rows]),
        probability=np.stack([r.probability for r in rows]),
        score=np.stack([r.score for r in rows]),
    )
    mass, shift_square = _moments(terms, folds, classes)
    turned, changed = _changes(poses, batch.poses, groups)
    statistics = Statistics(
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
    return Expectation(statistics, poses)


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
