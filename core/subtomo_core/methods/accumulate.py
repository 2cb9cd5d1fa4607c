"""Sums of the M-step over a batch, in particle order whatever the number of threads."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier import Band, Real
from subtomo_core.kernels.interpolate import scatter, shift_back
from subtomo_core.maximisation import fold
from subtomo_core.observation import Samples


class Share(NamedTuple):
    """A pose with its posterior: one term of the sums."""

    class_index: int
    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]
    probability: float


class Term(NamedTuple):
    """One particle's part in the sums: its fold, its samples, its poses."""

    fold: int
    samples: Samples | None
    shares: list[Share]

    def light(self) -> Term:
        """The term without its samples."""
        return self._replace(samples=None)


class Accumulator:
    """Scattered sums of a batch for every fold and class.

    Each (fold, class) pair is filled by one thread, particle after particle.
    """

    def __init__(self, support: Band, inverse_noise: Real, folds: int, classes: int):
        c = 2 * support.reach + 3
        shape = (folds, classes, 2 * c + 1, 2 * c + 1, c + 1)
        self._numerator = np.zeros(shape, np.complex64)
        self._denominator = np.zeros(shape, np.float32)
        self._support = support
        self._scale = inverse_noise * support.count * np.float32(0.5)

    def add(self, terms: list[Term], pool: Executor) -> None:
        """Add the terms of some particles."""
        list(pool.map(lambda job: self._fill(job[0], job[1], terms), self._jobs))

    def folded(self, pool: Executor) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        """Numerators and denominators on the box's components, (F, K, n, n, n // 2 + 1)."""
        box = self._support.box
        shape = (*self._numerator.shape[:2], box, box, box // 2 + 1)
        numerator, denominator = np.empty(shape, np.complex64), np.empty(shape, np.float32)

        def work(job: tuple[int, int]) -> None:
            numerator[job] = fold(self._numerator[job], box)
            denominator[job] = fold(self._denominator[job], box).real

        list(pool.map(work, self._jobs))
        return numerator, denominator

    @property
    def _jobs(self) -> list[tuple[int, int]]:
        folds, classes = self._numerator.shape[:2]
        return [(f, k) for f in range(folds) for k in range(classes)]

    def _fill(self, fold_index: int, class_index: int, terms: list[Term]) -> None:
        denominator = self._denominator[fold_index, class_index]
        numerator = self._numerator[fold_index, class_index].view(np.float32)
        numerator = numerator.reshape(*denominator.shape, 2)
        for term in terms:
            shares = [s for s in term.shares if s.class_index == class_index]
            if term.fold != fold_index or not shares or term.samples is None:
                continue
            values = term.samples.values * self._scale
            parts = np.stack([values.real, values.imag])
            weights = term.samples.weights * self._scale
            moved = np.empty_like(parts)
            points, box = self._support.points, self._support.box
            for share in shares:
                shift_back(points, parts, share.shift, box, moved)
                scatter(
                    numerator,
                    denominator,
                    points,
                    moved,
                    weights,
                    share.rotation,
                    share.probability,
                )
