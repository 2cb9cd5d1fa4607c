"""The sum of all batches of an iteration, in the memory of one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace

import numpy as np

from subtomo_core.data.statistics import Expectation, Poses, Statistics


def total(parts: Iterable[Expectation]) -> Expectation:
    """Sum of statistics in the order given, and the poses one after the other.

    Parts are taken one at a time and handed over: the sums grow in the arrays of the first.

    Raises
    ------
    ValueError
        If there are no parts.
    """
    summed: Statistics | None = None
    rows: list[Poses] = []
    for part in parts:
        summed = part.statistics if summed is None else _add(summed, part.statistics)
        rows.append(part.poses)
    if summed is None:
        raise ValueError("there are no batches to add")
    return Expectation(summed, Poses.concatenate(rows))


def _add(summed: Statistics, more: Statistics) -> Statistics:
    """``summed + more`` in the arrays of the first, the very bits of a sum that is not."""
    numbers = {}
    for name in (field.name for field in fields(summed)):
        one, other = getattr(summed, name), getattr(more, name)
        if isinstance(one, np.ndarray):
            np.add(one, other, out=one)
        else:
            numbers[name] = one + other
    return replace(summed, **numbers)
