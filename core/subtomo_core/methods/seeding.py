"""A class which emptied gets another chance: half of the largest class.

Nothing comes to an empty class whose map stands still. Its new references are averages of half
the folds of the largest class, which keeps the other half: two averages of the same poses, which
differ by chance, as those of a random start do. Then classes compete on even terms for a while
(docs/decisions/0007), so that what the largest class has mixed can part.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier import Real
from subtomo_core.methods.averages import EMPTY
from subtomo_core.methods.settings import Settings
from subtomo_core.statistics import Model, Statistics

_LEAST = 4.0  # particles in each fold of a class which is divided


def reseeded(
    settings: Settings, model: Model, statistics: Statistics
) -> tuple[Model, Statistics, tuple[str, ...]]:
    """Model and statistics in which no class is empty, and a sentence for each that was.

    Only in the first half of a job, so that what begins anew has time to settle.
    """
    told: list[str] = []
    if not 0 <= model.iteration < settings.spec.iterations // 2:
        return model, statistics, ()
    for empty in np.nonzero(statistics.mass.sum(0) < EMPTY)[0]:
        donor = int(np.argmax(statistics.mass.sum(0)))
        folds = np.nonzero(statistics.mass[:, donor] >= _LEAST)[0]
        if len(folds) < 2:
            break
        given = folds[: len(folds) // 2]
        statistics = _divided(statistics, donor, int(empty), given)
        model = replace(
            model,
            fold_maps=_copied(model.fold_maps, donor, int(empty)),
            seeded=model.iteration + 1,
        )
        told.append(
            f"class {empty + 1} had emptied: it begins again with half of class {donor + 1}"
        )
    return model, statistics, tuple(told)


def _divided(statistics: Statistics, donor: int, empty: int, folds: NDArray[np.intp]) -> Statistics:
    """Statistics in which some folds of one class are those of another."""
    moved = {}
    for name in ("numerator", "denominator", "mass"):
        sums = getattr(statistics, name).copy()
        sums[folds, empty] = sums[folds, donor]
        sums[folds, donor] = 0.0
        moved[name] = sums
    return replace(statistics, **moved)


def _copied(fold_maps: Real, donor: int, empty: int) -> Real:
    """References in which one class looks as another, to fill in what was not seen."""
    copied = fold_maps.copy()
    copied[:, empty] = copied[:, donor]
    return copied
