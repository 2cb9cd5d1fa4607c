"""Agreement of a classification with the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True, eq=False)
class ClassAgreement:
    """How estimated classes agree with true ones.

    Attributes
    ----------
    counts : ndarray
        Particles of each true class (row) in each estimated class (column), (K_true, K).
    partner : ndarray
        The estimated class that stands for each true class, (K_true,); -1 for none.
    f1 : ndarray
        F1 of each true class, (K_true,).
    purity : float
        Share of particles that belong to the majority of their estimated class.
    """

    counts: NDArray[np.int64]
    partner: NDArray[np.int64]
    f1: NDArray[np.float64]
    purity: float

    @property
    def mean_f1(self) -> float:
        """Mean of the true classes' F1."""
        return float(self.f1.mean())


def class_agreement(
    estimated: ArrayLike, true: ArrayLike, classes: int | None = None
) -> ClassAgreement:
    """Match classes to the truth one to one (Hungarian method), then count.

    Parameters
    ----------
    estimated, true : array_like
        Class of each particle, from 0, shape (N,).
    classes : int, optional
        Number of estimated classes, empty ones too. Default: the highest seen.
    """
    guess, truth = np.asarray(estimated, np.int64), np.asarray(true, np.int64)
    columns = max(int(guess.max()) + 1, classes or 1)
    counts = np.zeros((int(truth.max()) + 1, columns), np.int64)
    np.add.at(counts, (truth, guess), 1)
    rows, found = linear_sum_assignment(-counts)
    partner = np.full(len(counts), -1, np.int64)
    partner[rows] = found
    f1 = np.zeros(len(counts))
    sizes, seen = counts.sum(1), counts.sum(0)
    f1[rows] = 2.0 * counts[rows, found] / np.maximum(sizes[rows] + seen[found], 1)
    return ClassAgreement(counts, partner, f1, float(counts.max(0).sum() / len(truth)))
