"""References as a search needs them, in memory only for the folds at hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from subtomo_core.fourier import Real
from subtomo_core.matching import Template


class References(NamedTuple):
    """What the particles of a fold meet.

    Attributes
    ----------
    templates : list of Template
        Of each class.
    scales : list of ndarray, or None
        `Matcher.scale` of each class, where one missing region serves all particles.
    """

    templates: list[Template]
    scales: list[Real] | None


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
        """Make the references of a fold which is about to come."""
        self[fold]

    def forget(self, fold: int) -> None:
        """Free the memory of a fold whose particles are done."""
        with self._locks[fold]:
            self._made[fold] = None
