"""Folds that swap frames are told from folds that change together, and come to one frame."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.data.initial_poses import in_classes
from subtomo_core.maximise import next_model
from subtomo_core.maximise.swapping_folds import late_folds
from subtomo_core.orientation.rotations import rotation_about
from subtomo_core.run import run
from subtomo_core.score import ParticlePoses, compare_poses
from subtomo_core.simulate import simulate, symmetric_phantom
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Wedge

BOX = 24


def volumes(seed: int, count: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 1, 8, 8, 8)).astype(np.float32)


def test_a_swap_names_the_fold_whose_references_change_most():
    one, other = volumes(1)[0], volumes(2)[0]
    before = np.stack([one, one, other, other])
    now = np.stack([other, other, one, 1.2 * one])
    assert late_folds(now, before) == [(3, 0)]


def test_what_changes_together_or_by_itself_is_no_swap():
    before = np.repeat(volumes(1), 4, 0)
    together = np.repeat(volumes(2), 4, 0)
    assert late_folds(together, before) == []
    # Each fold's references are the mean of three noisy parts: they share two with any other's.
    parts = volumes(3, 4)
    apart = before + (parts.sum(0) - parts) / 3.0
    assert late_folds(apart, before) == []
    little = np.array([1, 1, -1, -1])[:, None, None, None, None] * 0.03 * volumes(4)
    assert late_folds((before + little).astype(np.float32), before) == []


def test_halves_that_never_meet_are_looked_at_apart():
    one, other = volumes(1)[0], volumes(2)[0]
    before = np.stack([one, one] * 2 + [other, one] * 2)  # even folds are the first half
    now = np.stack([other, one] * 2 + [one, one] * 2)
    assert [(fold % 2, k) for fold, k in late_folds(now, before, 2)] == [(0, 0)]


def in_the_larger_frame(group: str, axis: list[float], degrees: float, *, late: bool) -> float:
    """Share of the particles that end in one frame, of folds that begin in two."""
    made = simulate(
        [symmetric_phantom(group, 0.6 * BOX * 6.0)],
        [32],
        BOX,
        6.0,
        snr=0.3,
        missing=Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0),
        seed=1,
    )
    truth = made.truth
    rotations, second = truth.rotations.copy(), np.arange(32) % 4 >= 2
    rotations[second] = rotations[second] @ rotation_about(axis, degrees)
    poses = in_classes(rotations, truth.shifts, np.zeros(32, np.int64), 1)
    job = {"dataset": "d", "algorithm": "faml", "iterations": 8, "start": {"kind": "poses"}}
    with pytest.MonkeyPatch.context() as patch:
        if not late:
            patch.setattr(next_model, "late_folds", lambda *_: [])
        result = run(made.particles, job_spec_adapter.validate_python(job), poses=poses, threads=2)
    found = ParticlePoses(truth.classes, result.poses.best_rotation, result.poses.best_shift)
    known = ParticlePoses(truth.classes, truth.rotations, truth.shifts)
    return float(compare_poses(found, known, [group]).errors[0].consensus(20))


@pytest.mark.parametrize(
    ("group", "axis", "degrees"),
    [("C2", [0.0, 0.0, 1.0], 90.0), ("C3", [0.0, 0.0, 1.0], 60.0), ("C3", [1.0, 2.0, 0.5], 107.0)],
)
def test_folds_in_two_frames_end_in_one_and_would_not_by_themselves(group, axis, degrees):
    assert in_the_larger_frame(group, axis, degrees, late=False) < 0.6
    assert in_the_larger_frame(group, axis, degrees, late=True) == 1.0
