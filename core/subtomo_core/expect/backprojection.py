"""Sums of the M-step over a batch, in particle order whatever the number of threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.band import Band
from subtomo_core.fourier.gridding import fold
from subtomo_core.kernels import exhaustive
from subtomo_core.kernels.interpolate import scatter_poses
from subtomo_core.likelihood.observation import Samples

Values = NDArray[np.float64]


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
    """Scattered sums of one fold for every class."""

    def __init__(self, support: Band, classes: int):
        c = 2 * support.reach + 3
        shape = (classes, 2 * c + 1, 2 * c + 1, c + 1)
        self._numerator = np.zeros(shape, np.complex64)
        self._denominator = np.zeros(shape, np.float32)
        self._support = support
        self._scale = support.count * np.float32(0.5)

    def add(self, term: Term) -> None:
        """Add one particle's samples at its poses."""
        if term.samples is None or not term.shares:
            return
        shares, size = term.shares, self._denominator.shape
        scatter_poses(
            self._numerator.view(np.float32).reshape(*size, 2),
            self._denominator,
            self._support.points,
            term.samples.values.view(np.float32).reshape(-1, 2),
            term.samples.weights,
            self._scale,
            np.array([share.class_index for share in shares]),
            np.array([share.rotation for share in shares]),
            np.array([share.shift for share in shares]),
            np.array([share.probability for share in shares]),
            self._support.box,
        )

    def add_turned(
        self, class_index: int, rotations: Values, sums: Real, masses: Real, noise: Real
    ) -> None:
        """Add sums (M, 2, J) of samples, and of weights (M, J), that share a rotation each.

        Shifts are undone already; all are over the ``noise`` variance (J,), and times
        `Band.count`.
        """
        size = self._denominator.shape[1:]
        exhaustive.scatter_sums(
            self._numerator[class_index].view(np.float32).reshape(*size, 2),
            self._denominator[class_index],
            self._support.points,
            np.float32(0.5) * noise,
            sums,
            masses,
            rotations,
        )

    def fold_into(self, numerator: NDArray[np.complex64], denominator: Real) -> None:
        """Write the sums on the box's components, (K, n, n, n // 2 + 1)."""
        for k, (values, weights) in enumerate(zip(self._numerator, self._denominator, strict=True)):
            numerator[k] = fold(values, self._support.box)
            denominator[k] = fold(weights, self._support.box).real


class FoldSums:
    """Sums of all folds and classes of every start, of which one fold is open at a time.

    Scattered sums are many times as large as folded ones: so terms come fold after fold.

    Attributes
    ----------
    numerator, denominator : ndarray, (starts, F, K, n, n, n // 2 + 1)
        Folded sums of the folds that were closed.
    """

    def __init__(
        self,
        support: Band,
        shape: tuple[int, int, int],
        on_closed: Callable[[int], None],
    ):
        self._support, self._classes, self._on_closed = support, shape[2], on_closed
        box = support.box
        self.numerator: NDArray[np.complex64] = np.zeros(
            (*shape, box, box, box // 2 + 1), np.complex64
        )
        self.denominator: Real = np.zeros((*shape, box, box, box // 2 + 1), np.float32)
        self._fold: int | None = None
        self._open: list[Accumulator] = []

    def add(self, terms: Sequence[Term]) -> None:
        """Add one particle's terms, one of each start."""
        fold_index = terms[0].fold
        if fold_index != self._fold:
            self.close()
            self._fold = fold_index
            self._open = [Accumulator(self._support, self._classes) for _ in terms]
        for accumulator, term in zip(self._open, terms, strict=True):
            accumulator.add(term)

    def close(self) -> None:
        """Fold what is open."""
        if self._fold is None:
            return
        for start, accumulator in enumerate(self._open):
            cell = (start, self._fold)
            accumulator.fold_into(self.numerator[cell], self.denominator[cell])
        self._on_closed(self._fold)
        self._fold, self._open = None, []
