"""The best of each class, from several starts (docs/decisions/0053).

Starts that sort the particles alike still settle class by class: one may have found this
structure, another that one. Where a class of another start holds the particles of one of the
likeliest start, and explains them better, it takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Model, Poses, Statistics

Values = NDArray[np.float64]

_ALIKE = 0.8  # of the particles of either class that are the other's too
_WORTH = 0.005  # of what a class explains: by which another must explain it better

# Fields that have an axis of classes, and which axis that is.
_OF_MODEL = {
    "maps": 0,
    "fold_maps": 1,
    "half_maps": 1,
    "fsc": 0,
    "fsc_parts": 1,
    "half_motions": 0,
    "shares": 0,
    "reference_noise": 1,
    "on_axes": 0,
    "frames": 0,
    "symmetry_correlation": 0,
    "adopted": 0,
}
_OF_STATISTICS = {
    "numerator": 1,
    "denominator": 1,
    "mass": 1,
    "hard": 0,
    "misfit": 0,
    "confirmation": 0,
}


class Source(NamedTuple):
    """Where a class comes from: a class of a start, both from 0, and its column in the poses."""

    start: int
    class_index: int
    column: int


def in_common(starts: Sequence[Poses]) -> list[Values]:
    """What each start's classes have in common with those of all starts, (2, K, S K) each.

    The number of particles, by posterior, and the sum of these particles' scores in the start's
    own class. Both add over batches.
    """
    every = np.concatenate([poses.probability for poses in starts], 1)
    # No product by BLAS: it may differ in the last bit with an array's address.
    return [
        np.stack(
            [np.einsum("nk,nj->kj", own, every) for own in (p.probability, p.probability * p.score)]
        )
        for p in starts
    ]


def sources(parts: Sequence[Statistics], best: int) -> tuple[Source, ...]:
    """Where each class of the likeliest start is found best."""
    count, merit = (np.concatenate([part.in_common[i] for part in parts]) for i in (0, 1))
    mass = np.concatenate([part.mass.sum(0) for part in parts])
    classes = len(count) // len(parts)
    gain = merit.T - merit  # of what column j explains of the common particles over row i
    alike = count >= _ALIKE * np.maximum(mass[:, None], mass[None, :])
    better = alike & (gain > _WORTH * np.abs(merit))
    own = slice(best * classes, (best + 1) * classes)
    chosen = np.where(better, gain, 0.0)[own].argmax(1)
    column = np.where(better[own].any(1), chosen, np.arange(own.start, own.stop))
    return tuple(Source(*divmod(int(c), classes), int(c)) for c in column)


def mixed(
    contenders: Sequence[Model], parts: Sequence[Statistics], best: int, found: Sequence[Source]
) -> tuple[Model, Statistics]:
    """The likeliest start before its sums, and these, with each class from its source."""
    return (
        replace(contenders[best], **_mixed(contenders, found, _OF_MODEL)),
        replace(parts[best], **_mixed(parts, found, _OF_STATISTICS)),
    )


def _mixed(
    records: Sequence[Model] | Sequence[Statistics],
    found: Sequence[Source],
    axes: Mapping[str, int],
) -> dict[str, Any]:
    return {
        name: np.stack(
            [np.take(getattr(records[s.start], name), s.class_index, axis) for s in found], axis
        )
        for name, axis in axes.items()
    }
