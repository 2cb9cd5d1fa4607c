"""Stochastic parallel refinement: many poses, the promising ones drawn more often.

Source: Xu & Alber (2012), equations 10 to 12 and Figure 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from subtomo_core.refiners.climbing import Climber
from subtomo_core.refiners.pairs import Array, Pair
from subtomo_core.refiners.scores import Score
from subtomo_core.refiners.seam import Starts, pose_matrices


@dataclass(frozen=True)
class Rules:
    """When a pose is drawn, merged, and when the search ends.

    Attributes
    ----------
    spread : float
        t: the best is drawn at least ``10^t`` times as often as the worst.
    closest : float
        gamma: of two poses nearer than this the worse is dropped.
    window : int
        The regression runs over so many steps.
    flat : float
        The search ends where the best score, over that at the start, falls by less than this a
        step.
    most_steps : int
        It ends there in any case.
    """

    spread: float = 1.0
    closest: float = 0.15
    window: int = 200
    flat: float = 1e-4
    most_steps: int = 1000


@dataclass(eq=False)
class Search:
    """What a search came to.

    Attributes
    ----------
    climbers : list of Climber
        Those left, best first.
    best : list of float
        The best score after each step.
    """

    climbers: list[Climber]
    best: list[float] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """Steps made in all."""
        return len(self.best)


def chances(values: Array, spread: float) -> tuple[NDArray[np.intp], Array]:
    """Order of scores (m,) from worst to best, and each one's chance to be drawn next.

    ``p_j = p_(j-1) max(10^(t / (m - 1)), d_(j-1) / d_j)`` (equation 11).
    """
    order = np.argsort(-values, kind="stable")
    if len(order) == 1:
        return order, np.ones(1)
    ranked = np.maximum(values[order], 1e-300)
    rise = np.maximum(spread / (len(order) - 1), np.log10(ranked[:-1] / ranked[1:]))
    heights = np.concatenate([[0.0], np.cumsum(rise)])
    shares = 10.0 ** (heights - heights[-1])
    return order, shares / shares.sum()


def is_flat(best: Sequence[float], start: float, rules: Rules) -> bool:
    """Whether a regression line through the last scores, over the first, hardly falls."""
    if len(best) < rules.window:
        return False
    recent = np.asarray(best[-rules.window :]) / max(start, 1e-300)
    at = np.arange(rules.window) - 0.5 * (rules.window - 1)
    slope = float(at @ recent) / float(at @ at)
    return -slope <= rules.flat


def search(pair: Pair, score: Score, starts: Starts, rules: Rules, seed: int) -> Search:
    """Refine many poses together; the same seed gives the same bits."""
    rng = np.random.default_rng(seed)
    poses = zip(starts.rotations, starts.shifts, strict=True)
    climbers = [Climber.at(pair, score, R, t, starts.free) for R, t in poses]
    places = starts.poses()
    values = np.array([c.here.value for c in climbers])
    start = float(values.min())
    found = Search(climbers)
    while found.steps < rules.most_steps:
        awake = np.flatnonzero([not c.still for c in climbers])
        if not len(awake):
            break
        order, shares = chances(values[awake], rules.spread)
        drawn = min(int(np.searchsorted(np.cumsum(shares), rng.random())), len(order) - 1)
        j = int(awake[order[drawn]])
        if climbers[j].step():
            values[j] = climbers[j].here.value
            places[j] = pose_matrices(climbers[j].rotation[None], climbers[j].shift[None])[0]
            keep = apart(places, values, j, rules.closest)
            climbers = [c for c, k in zip(climbers, keep, strict=True) if k]
            places, values = places[keep], values[keep]
        found.best.append(float(values.min()))
        if is_flat(found.best, start, rules):
            break
    found.climbers = [climbers[i] for i in np.argsort(values, kind="stable")]
    return found


def apart(places: Array, values: Array, moved: int, closest: float) -> NDArray[np.bool_]:
    """Which poses stay, (m,) bool: none both worse than, and close to, another one.

    Only the pose that ``moved`` can have come close to others. Places are those of
    `seam.pose_matrices`, so that distances are the norms of equation 12.
    """
    near = ((places - places[moved]) ** 2).sum(1) <= closest * closest
    near[moved] = False
    keep = np.ones(len(places), bool)
    if not near.any():
        return keep
    if values[near].min() <= values[moved]:
        keep[moved] = False
    else:
        keep[near] = False
    return keep


def independently(pair: Pair, score: Score, starts: Starts, most: int = 60) -> Search:
    """Refine every start to its end: what the search together is measured against."""
    found = Search([])
    for rotation, shift in zip(starts.rotations, starts.shifts, strict=True):
        climber = Climber.at(pair, score, rotation, shift, starts.free)
        climber.descend(most)
        found.climbers.append(climber)
        found.best.extend([math.nan] * int(climber.steps))
    found.climbers.sort(key=lambda c: c.here.value)
    return found
