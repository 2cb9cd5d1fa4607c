from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.orientation.pose_weights import PosePoints
from subtomo_core.orientation.rotations import random_rotations
from support.strategies import seeds


def brute_force(points, rotations, shifts):
    """Distances ``||I - R1^T R2||_F^2 + |t1 - t2|^2`` written out."""
    low, high = shifts.min(0), shifts.max(0)
    counts = np.zeros(len(rotations))
    for row in points.astype(np.float64):
        R1, t1 = row[:9].reshape(3, 3), low + (high - low) * row[9:]
        turn = np.eye(3) - np.swapaxes(R1.T @ rotations, -1, -2)
        counts[np.argmin((turn**2).sum((1, 2)) + ((t1 - shifts) ** 2).sum(1))] += 1
    floored = np.maximum(counts, 0.5)
    return floored / floored.sum()


@settings(max_examples=15, deadline=None)
@given(seeds(), st.integers(1, 20), st.sampled_from([0.0, 0.5, 4.0]))
def test_shares_are_those_of_brute_force(seed, count, spread):
    rng = np.random.default_rng(seed)
    points = PosePoints.draw(rng, 400)
    rotations = random_rotations(rng, count)
    shifts = rng.uniform(-spread, spread, (count, 3)) + rng.normal(size=3)
    found = points.shares(rotations, shifts)
    # Distances are float32: a point on a border may fall to either side.
    assert np.abs(found - brute_force(points.points.T, rotations, shifts)).max() <= 2.5 / 400
    assert found.sum() == pytest.approx(1.0)


@settings(max_examples=10, deadline=None)
@given(seeds())
def test_a_flat_box_of_shifts_leaves_the_rotations_to_decide(seed):
    rng = np.random.default_rng(seed)
    points, rotations = PosePoints.draw(rng, 500), random_rotations(rng, 8)
    same = np.tile(rng.normal(size=3), (8, 1))
    found = points.shares(rotations, same)
    assert np.isfinite(found).all()
    assert np.array_equal(found, points.shares(rotations, np.zeros((8, 3))))
    flat = same + np.outer(rng.normal(size=8), [1.0, 0.0, 0.0])
    assert (
        np.abs(points.shares(rotations, flat) - brute_force(points.points.T, rotations, flat)).max()
        <= 0.005
    )


def test_no_share_is_zero():
    rng = np.random.default_rng(0)
    rotations = np.concatenate([np.tile(np.eye(3), (5, 1, 1)), random_rotations(rng, 3)])
    found = PosePoints.draw(rng, 100).shares(rotations, np.zeros((8, 3)))
    assert (found > 0).all()
    assert found[1] == pytest.approx(0.5 / (100 + 4 * 0.5))  # twins of the first get half a point
    assert found.sum() == pytest.approx(1.0)


def test_a_lonely_candidate_stands_for_more():
    near = random_rotations(np.random.default_rng(1), 1)
    angles = np.radians([0.0, 3.0, 6.0])
    crowd = np.stack(
        [[[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]] for a in angles]
    )
    rotations = np.concatenate([crowd, near])
    found = PosePoints.draw(np.random.default_rng(2), 5000).shares(rotations, np.zeros((4, 3)))
    assert found[3] > found[:3].max()
    assert found[1] < 0.05  # between two close neighbours


def test_points_are_uniform_rotations_and_a_unit_cube():
    points = PosePoints.draw(np.random.default_rng(3), 20_000).points.T
    rotations = points[:, :9].reshape(-1, 3, 3)
    # Five standard errors: entries of a uniform rotation have mean 0 and variance 1/3.
    assert np.abs(rotations.mean(0)).max() < 5 * np.sqrt(1 / 3 / 20_000)
    # Traces of uniform rotations have mean 0 and variance 1.
    assert abs(np.trace(rotations, axis1=1, axis2=2).mean()) < 5 / np.sqrt(20_000)
    assert (points[:, 9:] >= 0).all()
    assert (points[:, 9:] <= 1).all()
    assert np.abs(points[:, 9:].mean(0) - 0.5).max() < 5 * np.sqrt(1 / 12 / 20_000)
