from __future__ import annotations

import pytest

from subtomo_core.spec.checks import check
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.missing_region import Wedge
from support.small_jobs import job


def summary(particles=100, box=64, voxel=5.0):
    missing = Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0)
    return DatasetSummary(particles=particles, box=box, voxel_size_angstrom=voxel, missing=missing)


def pointers(problems):
    return [problem.pointer for problem in problems]


def test_half_sets_are_refused_where_they_cannot_be():
    few = check(job(half_sets=True, classes=2), summary(particles=15))
    assert pointers(few) == ["/half_sets"]
    assert "16 particles or more" in str(few[0].detail)
    assert check(job(half_sets=True, classes=2), summary(particles=16)) == []
    alone = check(job(resolution={"shared_angstrom": 60.0}), summary())
    assert pointers(alone) == ["/resolution/shared_angstrom"]
    assert "set half_sets to true" in alone[0].detail
    # A box of 320 Å starts at 40 Å unless told otherwise.
    for shared, start, fits in (
        (60, None, True),
        (30, None, False),
        (30, 25, True),
        (170, 25, False),
    ):
        resolution = {"shared_angstrom": shared, "start_angstrom": start}
        found = check(job(half_sets=True, resolution=resolution), summary())
        assert (found == []) == fits, (shared, start)


def test_what_halves_share_by_default():
    def shared(box, voxel, **resolution):
        full = resolve(job(half_sets=True, resolution=resolution), summary(box=box, voxel=voxel))
        assert resolve(full, summary(box=box, voxel=voxel)) == full
        return full.resolution.shared_angstrom

    assert resolve(job(), summary()).resolution.shared_angstrom is None
    assert shared(64, 6.0) == pytest.approx(48.0)  # the start, eight shells
    assert shared(64, 6.0, start_angstrom=30.0) == pytest.approx(40.0)
    assert shared(32, 6.0) == pytest.approx(192.0 / 5)  # five shells
    assert shared(32, 6.0, shared_angstrom=64.0) == 64.0
