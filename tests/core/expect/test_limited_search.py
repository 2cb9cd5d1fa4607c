"""Limited search: no pose leaves the neighbourhood of the one before."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import kstest

from subtomo_core.data.initial_poses import in_classes
from subtomo_core.expect.limited_search import Centre, about, points_within, pulled_back
from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.orientation.rotation_matching import Neighbourhood
from subtomo_core.orientation.rotations import (
    angular_distance,
    from_rotation_vectors,
    random_rotations,
)
from subtomo_core.run import run
from support.small_jobs import blobs, job

COUNT = 16


@pytest.fixture(scope="module")
def made():
    return blobs(COUNT, 24, snr=1.0)


def turned(rotations, degrees, seed=0):
    """Rotations turned by an angle about random axes."""
    axes = np.random.default_rng(seed).normal(size=(len(rotations), 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return from_rotation_vectors(np.radians(degrees) * axes) @ rotations


def refined(made, rotations, algorithm="faml", iterations=3, **limits):
    poses = []
    shifts = made.truth.shifts
    start = in_classes(rotations, shifts, np.zeros(len(rotations), int), 1)
    spec = job(algorithm, start={"kind": "poses"}, iterations=iterations, parameters={**limits})
    run(
        made.particles,
        spec,
        poses=start,
        threads=2,
        on_iteration=lambda _, now: poses.append(now),
    )
    return poses


@pytest.mark.parametrize("algorithm", ["faml", "fa"])
@pytest.mark.parametrize("within", [4.0, 15.0])
def test_nothing_turns_or_moves_further_than_the_range(made, algorithm, within):
    wrong = random_rotations(np.random.default_rng(3), COUNT)  # the search wants to leave them
    poses = refined(made, wrong, algorithm, search_range_deg=within, search_range_angstrom=2.5)
    for before, after in pairwise(poses):
        away = angular_distance(after.best_rotation, before.best_rotation)
        assert away.max() <= within + 1e-4
        moved = np.linalg.norm(after.best_shift - before.best_shift, axis=1)
        assert moved.max() <= 2.5 / 5.0 + 1e-3
    assert away.max() > 0.0


def test_poses_nearby_are_brought_home(made):
    near = turned(made.truth.rotations, 8.0)
    last = refined(made, near, search_range_deg=20.0, search_range_angstrom=15.0)[-1]
    # A common turn is free: what is left once the median is looked at must be well below 8.
    motions = np.swapaxes(made.truth.rotations, 1, 2) @ last.best_rotation
    among = angular_distance(motions[:, None], motions[None])
    assert np.median(among.min(0, where=~np.eye(COUNT, dtype=bool), initial=180.0)) < 4.0


def test_far_poses_are_out_of_reach(made):
    far = turned(made.truth.rotations, 90.0)
    last = refined(made, far, search_range_deg=5.0, iterations=2)[-1]
    assert angular_distance(last.best_rotation, far).max() <= 10.0 + 1e-3


def test_points_are_uniform_within_the_angle():
    within = math.radians(40.0)
    points = points_within(np.random.default_rng(0), 4000, 40.0).points.T
    rotations = points[:, :9].reshape(-1, 3, 3).astype(np.float64)
    angle = np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert angle.max() <= within + 1e-3
    whole = within - np.sin(within)
    assert kstest(angle, lambda a: (a - np.sin(a)) / whole).pvalue > 1e-3
    axis = rotations[:, 2, 1] - rotations[:, 1, 2]
    assert kstest(axis / (2 * np.sin(angle)), "uniform", (-1, 2)).pvalue > 1e-3
    assert (points[:, 9:] >= 0).all()
    assert (points[:, 9:] < 1).all()


def test_weights_do_not_depend_on_where_the_neighbourhood_lies():
    rng = np.random.default_rng(5)
    inside = turned(np.stack([np.eye(3)] * 6), 15.0, seed=1)
    shifts = rng.normal(size=(6, 3))
    points = points_within(rng, 2000, 20.0)
    for centre in random_rotations(rng, 3):
        candidates = Candidates(centre @ inside, shifts, np.zeros(6), np.zeros(6))
        near = Centre(Neighbourhood(centre, 20.0), centre, np.zeros(3), np.zeros(3))
        (seen,) = about([candidates], [near])
        assert np.allclose(seen.rotations, inside, atol=1e-12)
        expected = points.shares(inside, shifts)
        assert np.abs(points.shares(seen.rotations, shifts) - expected).max() < 2e-3


def test_what_left_the_neighbourhood_returns_to_its_edge():
    rng = np.random.default_rng(2)
    near = Neighbourhood(random_rotations(rng, 1)[0], 12.0)
    for degrees in (12.5, 30.0, 170.0):
        out = turned(np.stack([near.rotation] * 20), degrees)
        assert not near.holds(out).any()
        edge = pulled_back(out, near)
        assert np.allclose(angular_distance(edge, near.rotation), 12.0, atol=1e-6)
        assert np.allclose(angular_distance(edge, out), degrees - 12.0, atol=1e-6)
        assert near.holds(edge).all()
