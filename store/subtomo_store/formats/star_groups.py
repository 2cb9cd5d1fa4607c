"""What a STAR table tells of particles that belong together, and of half sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from subtomo_store.formats.star_columns import Columns

SUBSET = "rlnRandomSubset"
TUBE = "rlnHelicalTubeID"
NAMES = ("rlnTomoParticleName", "rlnTomoParticleId")
Labels = NDArray[np.int64]
_NOTHING = frozenset({"", "<na>", "na", "nan", "none", "null"})


class Together(NamedTuple):
    """Half sets (1 or 2) and groups of the rows, (N,); None where the table tells none.

    Rows of one group belong together; ``remarks`` are for the dataset's owner.
    """

    half_sets: Labels | None
    groups: Labels | None
    remarks: tuple[str, ...]


def together(columns: Columns, tomograms: Sequence[str] | None) -> Together:
    """Read both; a half that is neither 1 nor 2 is a problem.

    Neighbours of one filament and rows of one particle belong together, each in its tomogram.
    RELION writes 0 throughout where it has not divided the particles: that tells nothing, as
    does any other single value.
    """
    half_sets, remarks = _half_sets(columns)
    groups, kinds = _groups(columns, tomograms)
    if groups is not None:
        sizes = np.bincount(groups)
        some = f"{int((sizes > 1).sum())} groups, up to {sizes.max()} rows"
        remarks.append(f"{' and '.join(kinds)} belong together ({some}) and stay in one half set")
    if half_sets is not None and groups is not None:
        parted = len(np.unique(2 * groups + half_sets)) - len(np.unique(groups))
        if parted:
            remarks[-1] = (
                f"_{SUBSET} parts {' and '.join(kinds)} ({some}, {parted} parted), so that half "
                "sets share noise: remove the column to have them dealt anew"
            )
    return Together(half_sets, groups, tuple(f"{columns.file}: {remark}" for remark in remarks))


def _half_sets(columns: Columns) -> tuple[Labels | None, list[str]]:
    texts = columns.texts(SUBSET)
    if not texts:
        return None, []
    if len(set(texts)) == 1:
        return None, [
            f"_{SUBSET} is {texts[0][:40]!r} in every row and divides nothing: half sets are "
            "dealt anew"
        ]
    half_sets = np.array([_whole(text) for text in texts])
    wrong = np.flatnonzero((half_sets != 1) & (half_sets != 2))
    if len(wrong):
        sentence = (
            f"is {texts[wrong[0]][:40]!r} ({len(wrong)} such rows): give 1 or 2 in every row, or "
            "remove the column so that half sets are dealt anew"
        )
        columns.add(int(wrong[0]) + 1, SUBSET, sentence)
        return None, []
    first = int((half_sets == 1).sum())
    return half_sets, [
        f"half sets are those of _{SUBSET} ({first} and {len(texts) - first} particles)"
    ]


def _whole(text: str) -> int:
    """A whole number, or -1."""
    try:
        number = float(text)
    except ValueError:
        return -1
    return int(number) if number.is_integer() else -1


def _groups(columns: Columns, tomograms: Sequence[str] | None) -> tuple[Labels | None, list[str]]:
    """Groups of the rows, and which kinds they are of."""
    tubes = columns.texts(TUBE)
    names = next((texts for name in NAMES if (texts := columns.texts(name))), None)
    name = next((name for name in NAMES if columns.block.has(name)), "")
    found = [
        (_labels(tubes, tomograms, _no_tube), f"the particles of a filament (_{TUBE})"),
        (_labels(names, tomograms, _no_name), f"the rows of one particle (_{name})"),
    ]
    kept = [(labels, kind) for labels, kind in found if labels is not None]
    if not kept:
        return None, []
    return _joined([labels for labels, _ in kept]), [kind for _, kind in kept]


def _labels(
    texts: Sequence[str] | None, tomograms: Sequence[str] | None, nothing: Callable[[str], bool]
) -> Labels | None:
    """The same number where tomogram and text are; None where each row is alone."""
    if texts is None:
        return None
    where = tomograms or [""] * len(texts)
    numbers: dict[tuple[str, str, int], int] = {}
    keys = (
        (place, text, row if nothing(text) else -1)
        for row, (place, text) in enumerate(zip(where, texts, strict=True))
    )
    labels = np.array([numbers.setdefault(key, len(numbers)) for key in keys])
    return labels if len(numbers) < len(texts) else None


def _no_name(text: str) -> bool:
    return text.lower() in _NOTHING


def _no_tube(text: str) -> bool:
    """Filaments count from 1."""
    try:
        return not float(text) >= 1
    except ValueError:
        return _no_name(text)


def _joined(labels: list[Labels]) -> Labels:
    """Groups of rows that any of the labels joins."""
    count = len(labels[0])
    rows, ends, above = [], [], count
    for label in labels:
        rows.append(np.arange(count))
        ends.append(label + above)
        above += int(label.max()) + 1
    edges = (np.concatenate(rows), np.concatenate(ends))
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(above, above))
    component: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return component[:count].astype(np.int64)
