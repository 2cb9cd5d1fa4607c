"""Batches are summed in their order, in the memory of one."""

from dataclasses import fields

import numpy as np
import pytest

from subtomo_core.data.adding import total
from support.small_jobs import batch_of, blobs, job, method_of


def test_a_total_has_the_very_bits_of_sums_one_after_the_other():
    made = blobs(12, 16)
    method = method_of(made.particles, job(classes=2, starts=2))
    start = method.start(None)

    def parts():
        rows = (range(5), range(5, 9), range(9, 12))
        return [method.expect(batch_of(made.particles, rows=r), start) for r in rows]

    one, two, three = (part.statistics for part in parts())
    expected, found = one + two + three, total(parts())
    for field in fields(expected):
        value = np.asarray(getattr(found.statistics, field.name))
        assert value.tobytes() == np.asarray(getattr(expected, field.name)).tobytes(), field.name
    assert len(found.poses.rotations) == 12


def test_there_is_no_total_of_nothing():
    with pytest.raises(ValueError, match="no batches"):
        total([])
