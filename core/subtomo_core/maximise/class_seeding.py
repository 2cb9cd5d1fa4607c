"""Alike classes are united and empty ones begin again (docs/method.md#classes).

No particles come to an empty class, whose map does not change. Two classes that show one
structure are one too many, while another may hold two structures. The smaller of two alike
classes is emptied, and its particles go to the larger by themselves. An empty class begins again
as half the folds of another class, which keeps the other half: two averages of the same poses
that differ by chance. If that class held two structures, these part; if it held one, the halves
are found to be alike, and it is not divided again.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Model
from subtomo_core.maximise.averages import EMPTY, Averages
from subtomo_core.maximise.class_similarity import Likeness, Loss, alike, losses
from subtomo_core.plan import Settings
from subtomo_core.spec.start import RandomStart

WHOLE = 3  # vain divisions after which a class is left as it is

LEAST = 12.0  # particles of which a class begins
_LEAST_IN_FOLD = 1.0
SETTLED = 3  # iterations after which what was divided is compared
_BEYOND_CHANCE = 3.0  # standard deviations of the misfit of a class that has need of room
_BETTER = 3.0  # times the cost that is won by it
_FREE = 2  # iterations of free competition after which classes are compared
_COMPARED = 3  # iterations in which they are
_LAST_DIVISION = 8  # iterations left when a class is divided for the last time
_LAST_UNION = 2  # iterations left when two classes are made one for the last time


class Groups(NamedTuple):
    """A model and its sums after classes were emptied or divided, and a sentence for each."""

    model: Model
    averages: Averages
    told: tuple[str, ...]


class History(NamedTuple):
    """What became of each class so far: `Model.vain`, `Model.divided_from`, `Model.adopted`."""

    vain: NDArray[np.int64]
    divided_from: NDArray[np.int64]
    adopted: NDArray[np.int64]

    @classmethod
    def of(cls, model: Model) -> History:
        """A copy; an empty one of models that were stored before there was such a field."""
        classes = len(model.shares)
        none = np.full(classes, -1)
        adopted = model.adopted.copy() if len(model.adopted) == classes else none
        if len(model.vain) != classes:
            return cls(np.zeros(classes, np.int64), none, adopted)
        return cls(model.vain.copy(), model.divided_from.copy(), adopted)

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Classes that show one structure, as far as one can tell, (K,)."""
        return self.vain >= WHOLE

    def fails(self, class_index: int) -> None:
        """Note that a class came to nothing: it, or what it was divided from, in vain."""
        donor = self.divided_from[class_index]
        if donor >= 0:
            self.vain[donor] += 1
        heirs = self.divided_from == class_index
        self.vain[heirs] = self.vain[class_index] + 1
        self.divided_from[heirs] = self.divided_from[class_index] = -1

    def finds(self, larger: int, smaller: int) -> None:
        """Note that two classes show one structure, which stays in the larger.

        It stays whole even where it was divided from the smaller, which ends with this.
        """
        self.vain[larger], self.vain[smaller] = WHOLE, 0
        self.divided_from[[larger, smaller]] = -1

    def divides(self, donor: int, empty: int) -> None:
        """Note that a class was given half of another."""
        self.vain[empty], self.divided_from[empty] = 0, donor


def united(settings: Settings, groups: Groups, misfit: NDArray[np.float64]) -> Groups:
    """Empty the smaller of two classes that show one structure."""
    model, averages, told = groups
    if not _comparable(settings, model):
        return groups
    history = History.of(model)
    mass = averages.mass.sum(0)
    found = losses(Likeness.of(settings, averages, model), mass)
    pairs = alike(found) or _worth_it(groups, found, misfit)
    for larger, smaller in pairs:
        averages = emptied(averages, smaller)
        history.finds(larger, smaller)
        told = (
            *told,
            f"classes {larger + 1} and {smaller + 1} show the same: "
            f"the particles of class {smaller + 1} go to class {larger + 1}",
        )
    return Groups(replace(model, **history._asdict()), averages, told)


def _worth_it(
    groups: Groups, found: dict[tuple[int, int], Loss], misfit: NDArray[np.float64]
) -> list[tuple[int, int]]:
    """The most alike pair, where another class has more need of the room.

    Classes of one structure may differ by more than nothing, once each has its own particles.
    But they cost less log-likelihood when made one than a class of two structures wins when it
    is divided.
    """
    pairs = alike(found, math.inf)[:1]
    mass = groups.averages.mass.sum(0)
    each = misfit / np.maximum(mass, EMPTY)
    full = mass >= EMPTY
    others = full & ~History.of(groups.model).whole & (mass >= LEAST)
    for pair in pairs:
        others[list(pair)] = False
    if not pairs or not others.any():
        return []
    neediest = int(np.argmax(np.where(others, each, -np.inf)))
    excess = each[neediest] - float(np.median(each[full]))
    components = 4.0 / 3.0 * np.pi * groups.model.shell_in_use**3
    chance = float(np.sqrt(0.5 * components / mass[neediest]))
    cost = found[pairs[0]].value / (1.0 / mass[list(pairs[0])]).sum()
    needed = excess > _BEYOND_CHANCE * chance and excess * mass[neediest] > _BETTER * cost
    return pairs if needed else []


def comparing(settings: Settings, model: Model) -> bool:
    """Whether classes that were divided or drawn together last are still to be compared."""
    return settings.spec.classes > 1 and model.iteration <= _comparisons(settings, model)[-1]


def _comparisons(settings: Settings, model: Model) -> range:
    """Iterations in which classes are compared: when they have had the time to differ.

    Not for ever: particles go where the noise of others resembles theirs, and so two classes of
    one structure come to differ.
    """
    begun = max(
        settings.assignment.drawn_together + _FREE, model.seeded + SETTLED if model.seeded else 0
    )
    return range(begun, begun + _COMPARED)


def _comparable(settings: Settings, model: Model) -> bool:
    """Whether classes are compared in the coming iteration, which leaves some to settle."""
    coming = model.iteration + 1
    return (
        settings.assignment.regroups
        and isinstance(settings.spec.start, RandomStart)
        and coming in _comparisons(settings, model)
        and coming <= settings.spec.iterations - _LAST_UNION
    )


def divisible(settings: Settings, model: Model) -> bool:
    """Whether classes may begin again in the coming iteration.

    Not before they were compared for the first time: one that is to be emptied is not worth
    dividing.
    """
    first, last = (
        settings.assignment.drawn_together + _FREE,
        settings.spec.iterations - _LAST_DIVISION,
    )
    return first <= model.iteration + 1 <= last


def reseeded(settings: Settings, groups: Groups, misfit: NDArray[np.float64]) -> Groups:
    """Model and sums in which no class is empty, as far as there are some to be divided.

    What departs most from its reference comes first.
    """
    model, averages, told = groups
    mass = averages.mass.sum(0)
    empties = [int(k) for k in np.nonzero(mass < EMPTY)[0] if k != model.adopting]
    if not empties or not divisible(settings, model):
        return groups
    history = History.of(model)
    for empty in empties:
        history.fails(empty)
    open_ = ~history.whole & (mass >= LEAST) & (averages.mass >= _LEAST_IN_FOLD).all(0)
    order = np.argsort(-misfit / np.maximum(mass, EMPTY), kind="stable")
    donors = [int(k) for k in order if open_[k]]
    fold_maps = model.fold_maps.copy()
    for empty, donor in zip(empties, donors, strict=False):
        averages = _divided(
            averages, donor, empty, _folds_given(len(fold_maps), history.vain[donor])
        )
        fold_maps[:, empty] = fold_maps[:, donor]  # to fill in what was not seen
        history.divides(donor, empty)
        told = (
            *told,
            f"class {empty + 1} was empty: it begins again with half of class {donor + 1}",
        )
    seeded = model.iteration + 1 if donors else model.seeded
    changed = {"fold_maps": fold_maps, "seeded": seeded, **history._asdict()}
    return Groups(replace(model, **changed), averages, told)


def emptied(averages: Averages, class_index: int) -> Averages:
    """Sums in which a class holds nothing."""
    kept = np.arange(averages.mass.shape[1]) != class_index
    return replace(
        averages,
        mass=averages.mass * kept,
        numerators=averages.numerators * kept[:, None, None, None],
        denominators=averages.denominators * kept[:, None, None, None],
    )


def _folds_given(folds: int, vain: int) -> NDArray[np.int64]:
    """Half of the folds, as many of each half; others where those were given before."""
    even, odd = np.arange(0, folds, 2), np.arange(1, folds, 2)
    quarter = folds // 4
    return np.concatenate([even[:quarter], odd[:quarter] if vain % 2 == 0 else odd[quarter:]])


def _divided(averages: Averages, donor: int, empty: int, folds: NDArray[np.int64]) -> Averages:
    """Averages in which some folds of one class are those of another."""
    moved = {}
    for name in ("numerators", "denominators", "mass"):
        sums = getattr(averages, name).copy()
        sums[folds, empty] = sums[folds, donor]
        sums[folds, donor] = 0.0
        moved[name] = sums
    return replace(averages, **moved)
