from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.orientation.rotations import (
    angular_distance,
    from_rotation_vectors,
    random_rotations,
)
from subtomo_core.score import class_agreement, pose_errors
from support.strategies import rotations, seeds, shifts

COUNT = 40
GROUPS = st.sampled_from(["C1", "C4", "D7", "T", "O", "I"])


def scene(seed, symmetry, G, s):
    """True poses, and the same seen by an average which lies at (G, s) from the structure."""
    rng = np.random.default_rng(seed)
    R, t = random_rotations(rng, COUNT), rng.uniform(-3, 3, (COUNT, 3))
    group = symmetry_group(symmetry)
    S = group[rng.integers(len(group), size=COUNT)]
    return R, t, R @ S @ G, t + np.einsum("nij,j->ni", R @ S, s)


@settings(max_examples=20, deadline=None)
@given(seeds(), GROUPS, rotations(), shifts())
def test_a_common_motion_and_symmetric_copies_are_no_error(seed, symmetry, G, s):
    R, t, R_seen, t_seen = scene(seed, symmetry, G, s)
    errors = pose_errors(R_seen, R, t_seen, t, symmetry=symmetry)
    assert errors.consensus(1.0) == 1.0
    assert errors.angles_deg.max() < 1e-3
    if symmetry == "C1":
        assert angular_distance(errors.rotation, G) < 1e-4
        assert np.allclose(errors.shift, s, atol=1e-4)
        assert errors.shift_errors.max() < 1e-4


@settings(max_examples=10, deadline=None)
@given(seeds(), rotations(), st.floats(0.1, 0.9))
def test_consensus_is_the_share_which_is_right(seed, G, share):
    R, _, R_seen, _ = scene(seed, "C1", G, np.zeros(3))
    wrong = np.arange(COUNT) >= round(share * COUNT)
    # Wrong poses 60 to 180 degrees off about scattered axes agree with nothing.
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(COUNT, 3))
    turns = axes / np.linalg.norm(axes, axis=1, keepdims=True) * rng.uniform(1.1, 3, (COUNT, 1))
    R_seen = np.where(wrong[:, None, None], R_seen @ from_rotation_vectors(turns), R_seen)
    errors = pose_errors(R_seen, R)
    if share > 0.3:
        assert errors.consensus(10.0) == pytest.approx(1 - wrong.mean())


@settings(max_examples=10, deadline=None)
@given(seeds(), GROUPS, rotations(), shifts())
def test_small_errors_are_measured_as_they_are(seed, symmetry, G, s):
    R, t, R_seen, t_seen = scene(seed, symmetry, G, s)
    rng = np.random.default_rng(seed)
    off = from_rotation_vectors(np.radians(rng.normal(0, 2.0, (COUNT, 3))))
    moved = rng.normal(0, 0.2, (COUNT, 3))
    errors = pose_errors(R_seen @ off, R, t_seen + moved, t, symmetry=symmetry)
    # A rotation vector with 2 degrees on each axis has a length of 2 x 1.6 on average.
    assert errors.angles_deg.mean() == pytest.approx(3.2, abs=0.8)
    assert errors.shift_errors.mean() == pytest.approx(0.32, abs=0.12)
    assert errors.median_deg < 5.0
    assert errors.median_shift < 0.6


def test_random_poses_have_no_consensus():
    rng = np.random.default_rng(0)
    errors = pose_errors(random_rotations(rng, 200), random_rotations(rng, 200))
    assert errors.consensus(15.0) < 0.1


def test_no_particles_no_consensus():
    errors = pose_errors(np.zeros((0, 3, 3)), np.zeros((0, 3, 3)))
    assert errors.consensus(15.0) == 0.0
    assert np.isnan(errors.median_deg)


@settings(max_examples=20, deadline=None)
@given(seeds(), st.integers(1, 5))
def test_names_of_classes_do_not_matter(seed, classes):
    rng = np.random.default_rng(seed)
    true = np.concatenate([np.arange(classes), rng.integers(classes, size=30)])
    names = rng.permutation(classes)
    found = class_agreement(names[true], true)
    assert found.partner.tolist() == names.tolist()
    assert found.f1.tolist() == [1.0] * classes
    assert found.mean_f1 == found.purity == 1.0


def test_counts_f1_and_purity_of_a_worked_example():
    true = np.array([0] * 6 + [1] * 4)
    found = class_agreement(np.array([1] * 5 + [0] + [0] * 3 + [1]), true)
    assert found.counts.tolist() == [[1, 5], [3, 1]]
    assert found.partner.tolist() == [1, 0]
    assert found.f1 == pytest.approx([10 / 12, 6 / 8])
    assert found.purity == pytest.approx(0.8)


def test_too_few_or_too_many_classes():
    true = np.array([0, 0, 0, 1, 1, 2])
    merged = class_agreement(np.zeros(6, int), true)
    assert merged.partner.tolist() == [0, -1, -1]
    assert merged.f1.tolist() == pytest.approx([6 / 9, 0, 0])
    split = class_agreement(np.arange(6), true, classes=8)
    assert (split.partner >= 0).all()
    assert split.purity == 1.0
    assert split.f1[2] == 1.0
