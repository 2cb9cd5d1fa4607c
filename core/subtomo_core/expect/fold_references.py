"""References in the form that a search needs, kept in memory one fold at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.orientation.rotation_matching import Template


class References(NamedTuple):
    """References that the particles of a fold are compared with.

    Attributes
    ----------
    templates : list of Template
        Of each class.
    scales : list of ndarray, or None
        `Matcher.scale` of each class, where one missing region serves all particles.
    profiles : list of ndarray, (shells,)
        `held_out_gain.profile_of` each class's reference.
    """

    templates: list[Template]
    scales: list[Real] | None
    profiles: list[NDArray[np.float64]]


class FoldReferences:
    """References of each fold, made by the first thread that asks and kept until forgotten."""

    def __init__(self, make: Callable[[int], References], folds: int):
        self._make = make
        self._locks = [threading.Lock() for _ in range(folds)]
        self._made: list[References | None] = [None] * folds

    def __getitem__(self, fold: int) -> References:
        """References of a fold."""
        with self._locks[fold]:
            made = self._made[fold]
            if made is None:
                made = self._made[fold] = self._make(fold)
            return made

    def make_ready(self, fold: int) -> None:
        """Make the references of a fold that is about to come."""
        self[fold]

    def forget(self, fold: int) -> None:
        """Free the memory of a fold whose particles are done."""
        with self._locks[fold]:
            self._made[fold] = None


def coming_folds(folds: NDArray[np.int64]) -> dict[int, int]:
    """Fold whose references are made by whoever comes to a position, while others go on.

    Folds are worked off one after the other: the next one's turn comes halfway through each.
    """
    places = [np.nonzero(folds == fold)[0] for fold in np.unique(folds)]
    middles = (int(own[len(own) // 2]) for own in places[:-1])
    return dict(zip(middles, np.unique(folds)[1:].tolist(), strict=True))
