"""Which particles are averaged apart: halves, and the folds within them.

Particles that belong together show the same noise: neighbours on a filament overlap, and rows
made of one particle share its voxels. Parted, they would meet their own noise again in the
references (docs/decisions/0006) and carry it from one half to the other (0014, 0061).
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import Problem
from subtomo_core.spec.job import AnySpec

FOLDS = 4  # see docs/decisions/0006-no-particle-meets-itself.md
FOLDS_OF_HALVES = 8  # four in each half; see docs/decisions/0014-half-sets.md
LEAST_OF_A_HALF = 4  # particles a class
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grouping:
    """What a dataset tells of particles that belong together; None where it tells nothing.

    Attributes
    ----------
    halves : ndarray of int64, (N,)
        Half of each particle, 0 or 1, as it was given.
    groups : ndarray of int64, (N,)
        The same number for particles that must not be parted. Groups lie within tomograms.
    tomograms : ndarray of int64, (N,)
        The same number for particles of one tomogram.
    """

    halves: Labels | None = None
    groups: Labels | None = None
    tomograms: Labels | None = None


NOTHING_TOLD = Grouping()


def folds_of(spec: AnySpec, count: int, grouping: Grouping = NOTHING_TOLD) -> Labels:
    """Fold of each particle, (N,); with half sets even folds are the first half.

    Where nothing is told of ``count`` particles, it is each one's index modulo the folds.
    """
    groups = np.arange(count) if grouping.groups is None else grouping.groups
    if not spec.half_sets:
        return dealt(groups, FOLDS)
    halves, folds = halves_of(spec, count, grouping), np.empty(count, np.int64)
    for half in (0, 1):
        own = np.flatnonzero(halves == half)
        folds[own] = 2 * dealt(groups[own], FOLDS_OF_HALVES // 2) + half
    return folds


def half_of(folds: Labels) -> Labels:
    """Half, 0 or 1, of folds: every other one."""
    return folds % 2


def halves_of(spec: AnySpec, count: int, grouping: Grouping) -> Labels:
    """Half of each particle, 0 or 1, (N,).

    As given; or with whole groups, the same for every job on a dataset; or with whole tomograms,
    if the specification asks for them, drawn by its seed; or every other particle.
    """
    if grouping.halves is not None:
        return grouping.halves
    if spec.whole_tomograms and grouping.tomograms is not None:
        return halved(grouping.tomograms, spec.seed)
    if grouping.groups is not None:
        return halved(grouping.groups)
    return np.arange(count) % 2


def halved(labels: Labels, seed: int = 0) -> Labels:
    """Half of each particle, 0 or 1: whole groups, and halves as equal as those allow.

    Which sums of sizes can be reached is a set of numbers, kept as the bits of an integer while
    bundles of groups of one size are added (subset sums, exact).
    """
    _, group, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    rng = np.random.default_rng([seed, 4])
    bundles = [(size, n) for size, count in Counter(sizes.tolist()).items() for n in _parts(count)]
    bundles = [bundles[i] for i in rng.permutation(len(bundles))]
    within, reached, before = (1 << (len(labels) // 2 + 1)) - 1, 1, list[int]()
    for size, n in bundles:
        before.append(reached)
        reached |= (reached << size * n) & within
    left, taken = reached.bit_length() - 1, Counter[int]()
    for (size, n), reachable in zip(reversed(bundles), reversed(before), strict=True):
        if not reachable >> left & 1:
            left -= size * n
            taken[size] += n
    order, second = rng.permutation(len(sizes)), np.ones(len(sizes), np.int64)
    for size, n in taken.items():
        second[order[sizes[order] == size][:n]] = 0
    return second[group]


def _parts(count: int) -> list[int]:
    """Numbers of which every number up to ``count`` is a sum: 1, 2, 4, ... and the rest."""
    parts = [1 << power for power in range((count + 1).bit_length() - 1)]
    rest = count - sum(parts)
    return [*parts, rest] if rest else parts


def dealt(groups: Labels, parts: int) -> Labels:
    """Part of each particle: the largest group first, each into the smallest part; (N,).

    Single particles come round in their order. Where whole groups would leave a part with less
    than half of its equal share, particles are dealt one by one: no fold may be nearly empty.
    """
    one_by_one = np.arange(len(groups)) % parts
    _, first, group, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    if len(sizes) == len(groups):
        return one_by_one
    part, filled = np.empty(len(sizes), np.int64), [(0, p) for p in range(parts)]
    for g in np.lexsort((first, -sizes)):
        held, smallest = filled[0]
        part[g] = smallest
        heapq.heapreplace(filled, (held + int(sizes[g]), smallest))
    return part[group] if 2 * parts * filled[0][0] >= len(groups) else one_by_one


def grouping_problems(spec: AnySpec, count: int, grouping: Grouping) -> list[Problem]:
    """Why a dataset cannot be divided as a specification asks; empty where it can."""
    if not spec.half_sets:
        return []
    if spec.whole_tomograms and (detail := _not_whole(grouping)):
        return [Problem(detail, pointer="/whole_tomograms")]
    smaller = int(np.bincount(halves_of(spec, count, grouping), minlength=2).min())
    if smaller >= LEAST_OF_A_HALF * spec.classes:
        return []
    what = "whole tomograms" if spec.whole_tomograms else "what belongs together"
    why = f"{what} cannot be parted" if grouping.halves is None else "the table gives them so"
    detail = (
        f"the smaller of the half sets would have {smaller} particles, since {why}, and needs "
        f"{LEAST_OF_A_HALF} for each class: set half_sets to false"
    )
    return [Problem(detail, pointer="/half_sets")]


def _not_whole(grouping: Grouping) -> str:
    """Why tomograms cannot be kept in one half; empty where they can."""
    tomograms, given = grouping.tomograms, grouping.halves
    remedy = "set whole_tomograms to false"
    if tomograms is None:
        return (
            f"the particles' table names no tomograms: {remedy}, or upload them with a table "
            "that does (rlnTomoName)"
        )
    if len(np.unique(tomograms)) < 2:
        return f"all particles are of one tomogram, which makes no two halves: {remedy}"
    if given is not None and len(np.unique(2 * tomograms + given)) > len(np.unique(tomograms)):
        return (
            f"the table gives half sets (rlnRandomSubset) that divide tomograms: {remedy}, or "
            "upload the particles without that column"
        )
    return ""
