"""Regrouping of classes: alike ones are united, empty ones begin again.

Where many particles show nothing, an empty class begins with these: a structure that is fainter
than the others, or rarer, has no class while those take them all, and its particles look like
junk (docs/decisions/0057). Else it begins as half of another class (`maximise.class_seeding`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.confirmation import Confirmation
from subtomo_core.data.statistics import Model, Statistics
from subtomo_core.maximise.averages import EMPTY, Averages
from subtomo_core.maximise.class_seeding import (
    LEAST,
    SETTLED,
    Groups,
    History,
    divisible,
    emptied,
    reseeded,
    united,
)
from subtomo_core.plan import Settings

_MOST_ADOPTIONS = 2  # of particles that show nothing: what is left after that is junk
_BORNE_OUT = 0.0  # standard deviations: below, as noise soon is, held-out components gainsay it


class Found(NamedTuple):
    """What the particles of an iteration tell of its classes.

    Attributes
    ----------
    misfit : ndarray, (K,)
        What the particles of each class depart from its reference beyond their noise, summed:
        the class with the most a particle is divided first.
    junk : float
        Number of particles that show nothing.
    borne_out : ndarray, (K,)
        How far held-out components bear out the references, in standard deviations of noise; not
        a number where none are held out.
    """

    misfit: NDArray[np.float64]
    junk: float
    borne_out: NDArray[np.float64]

    @classmethod
    def of(cls, statistics: Statistics) -> Found:
        """From the sum of all batches' statistics."""
        rows = [Confirmation(*row).z for row in statistics.confirmation]
        misfit = statistics.misfit
        return cls(
            misfit,
            statistics.particles - float(statistics.mass.sum()),
            np.array(rows) if rows else np.full(len(misfit), np.nan),
        )


def regrouped(settings: Settings, model: Model, averages: Averages, found: Found) -> Groups:
    """Empty one of two classes that are alike, and one of junk, and fill the empty ones.

    Where many particles show nothing, an empty class begins with them; else as half of another.
    """
    groups = Groups(model, averages, ())
    if model.iteration < 0 or len(found.misfit) == 1:
        return groups
    groups = united(settings, groups, found.misfit)
    groups = adopting(settings, disowned(groups, found), found)
    return reseeded(settings, groups, found.misfit)


def disowned(groups: Groups, found: Found) -> Groups:
    """Sums without classes that got the particles that show nothing, and show nothing either."""
    model, averages, told = groups
    history, mass = History.of(model), averages.mass.sum(0)
    settled = (history.adopted >= 0) & (model.iteration + 1 >= history.adopted + SETTLED)
    for k in np.nonzero(settled & (mass >= EMPTY) & (found.borne_out < _BORNE_OUT))[0].tolist():
        averages = emptied(averages, k)
        history.adopted[k] = -1
        told = (*told, f"class {k + 1} shows nothing: its particles count as junk")
    return Groups(replace(model, **history._asdict()), averages, told)


def adopting(settings: Settings, groups: Groups, found: Found) -> Groups:
    """A model of which an empty class gets the particles that show nothing, if these are many.

    Only where held-out components can tell what comes of it.
    """
    model, averages, told = groups
    model = replace(model, adopting=-1)
    empties = np.nonzero(averages.mass.sum(0) < EMPTY)[0]
    many = found.junk >= LEAST and model.adoptions < _MOST_ADOPTIONS
    tellable = bool(np.isfinite(found.borne_out).all())
    if not (len(empties) and many and tellable and settings.assignment.regroups):
        return Groups(model, averages, told)
    if not divisible(settings, model):
        return Groups(model, averages, told)
    history, chosen, coming = History.of(model), int(empties[0]), model.iteration + 1
    history.fails(chosen)
    history.adopted[chosen] = coming
    model = replace(
        model,
        adopting=chosen,
        adoptions=model.adoptions + 1,
        seeded=coming,
        **history._asdict(),
    )
    begins = f"class {chosen + 1} was empty: it begins again with the particles that show nothing"
    return Groups(model, averages, (*told, begins))
