from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.kernels.peaks import (
    alone,
    angles_at,
    find_peaks,
    insert,
    level_poles,
    parabola,
    turn_to,
)
from subtomo_core.orientation.harmonics import in_halves
from subtomo_core.orientation.rotations import angular_distance, from_euler, random_rotations
from support.strategies import seeds

SIZE, HALF = 12, 6
UNIT = 2 * np.pi / SIZE


def found(values, room, near=None, within_deg=180.0):
    heights, places = np.empty(room, np.float32), np.empty(room, np.int64)
    cosine = 1.0 + 2.0 * np.cos(np.radians(within_deg))
    near = np.eye(3) if near is None else near
    laid_out = in_halves(values)
    count = find_peaks(laid_out, near, cosine, heights, places)
    angles = np.empty((count, 3))
    for place, each in zip(places[:count], angles, strict=True):
        angles_at(laid_out, place, each)
    return heights[:count], angles


def noise(seed):
    return np.random.default_rng(seed).normal(size=(HALF + 1, SIZE, SIZE)).astype(np.float32)


def all_round(values):
    """The other half of beta added: ``(a, -b, g)`` is the rotation ``(a + pi, b, g + pi)``."""
    return np.concatenate([values, np.roll(values, (HALF, HALF), (1, 2))[HALF - 1 : 0 : -1]])


def local_maxima(values):
    """Highest among the 26 neighbours round the corner, for 0 <= beta <= pi."""
    whole = all_round(values)
    around = [np.roll(whole, step, (0, 1, 2)) for step in product((-1, 0, 1), repeat=3)]
    return np.argwhere((whole >= np.max(around, 0))[: HALF + 1])


def bump(centre):
    """Product of cosines: its one maximum lies at ``centre`` (beta, alpha, gamma) grid steps."""
    beta, alpha, gamma = [np.cos((np.arange(SIZE) - c) * UNIT) for c in centre]
    return (beta[: HALF + 1, None, None] + alpha[:, None] + gamma).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(seeds())
def test_all_local_maxima_are_found_round_the_corner_too(seed):
    values = noise(seed)
    expected = local_maxima(values)
    heights, angles = found(values, len(expected) + 5)
    assert len(heights) == len(expected)
    # Highest first, each within half a step of its grid point.
    expected = expected[np.argsort(-values[tuple(expected.T)])]
    assert np.array_equal(heights, values[tuple(expected.T)])
    assert (np.abs(angles / UNIT - expected[:, [1, 0, 2]]) <= 0.5).all()


@settings(max_examples=15, deadline=None)
@given(seeds(), st.integers(1, 20))
def test_when_room_is_short_the_highest_stay(seed, room):
    values = noise(seed)
    expected = np.sort(values[tuple(local_maxima(values).T)])[-room:]
    heights, _ = found(values, room)
    assert np.array_equal(heights, expected[::-1])


@settings(max_examples=15, deadline=None)
@given(seeds(), st.floats(5.0, 175.0))
def test_in_a_neighbourhood_the_maxima_are_those_within_its_angle(seed, within):
    rng = np.random.default_rng(seed)
    values = noise(seed)
    near = random_rotations(rng, 1)[0]
    heights, angles = found(values, 500)
    inside = angular_distance(from_euler(np.degrees(angles)), near) <= within
    some, _ = found(values, 500, near, within)
    assert np.array_equal(some, heights[inside])
    # Room is given to what lies inside alone.
    if len(some):
        assert found(values, 1, near, within)[0][0] == some.max()


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 5.5), st.floats(-0.5, 11.5), st.floats(-0.5, 11.5))
def test_a_smooth_summit_is_found_between_grid_points(beta, gamma, alpha):
    _, angles = found(bump((beta, alpha, gamma)), 1)
    difference = angles[0] / UNIT - (alpha, beta, gamma)
    # Through a cosine sampled at 30 degrees a parabola errs by at most 0.009 of a step.
    assert np.abs((difference + SIZE / 2) % SIZE - SIZE / 2).max() < 0.02


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 6))
def test_the_highest_are_kept_in_order_and_of_equals_the_first(numbers, room):
    heights, places, count = np.empty(room, np.float32), np.empty(room, np.int64), 0
    for place, height in enumerate(numbers):
        count = insert(np.float32(height), place, count, heights, places)
    expected = np.argsort(-np.array(numbers, int), kind="stable")[:room]
    assert places[:count].tolist() == expected.tolist()
    assert heights[:count].tolist() == [numbers[place] for place in expected]


def test_what_is_no_number_is_no_peak():
    values = noise(0)
    values[3, 4, 5] = np.nan
    heights, _ = found(values, 500)
    assert np.isfinite(heights).all()
    assert len(found(np.full_like(values, np.nan), 5)[0]) == 0


def test_points_which_are_one_rotation_have_one_value():
    values = in_halves(noise(2))
    level_poles(values)
    k, i = np.random.default_rng(0).integers(0, SIZE, (2, 200))
    steps = 180.0 / HALF
    for half, beta in enumerate([0.0, 180.0]):
        turns = from_euler(np.stack([k * steps, np.full(200, beta), i * steps], 1))
        found = values[k, i, half, 0]
        same = angular_distance(turns[:, None], turns[None]) < 1e-3
        assert same.sum() > 1000
        assert (same == (found[:, None] == found[None])).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.5, 0.5), st.floats(0.1, 10.0))
def test_a_parabolas_vertex_is_exact(vertex, bend):
    values = [-bend * (x - vertex) ** 2 for x in (-1.0, 0.0, 1.0)]
    assert parabola(*values) == pytest.approx(vertex, abs=1e-9)


def test_flat_and_hollow_ground_has_no_vertex():
    assert parabola(1.0, 1.0, 1.0) == 0.0
    assert parabola(2.0, 1.0, 3.0) == 0.0


@settings(max_examples=15, deadline=None)
@given(seeds(), st.floats(10.0, 80.0))
def test_a_rotation_is_alone_where_none_before_it_is_close(seed, angle):
    rotations = random_rotations(np.random.default_rng(seed), 60)
    cosine = 1.0 + 2.0 * np.cos(np.radians(angle))
    for number in range(60):
        away = angular_distance(rotations[:number], rotations[number])
        found = alone(rotations.reshape(-1, 9), number, cosine)
        assert found == bool((away >= angle).all())


@settings(max_examples=10, deadline=None)
@given(seeds())
def test_turns_are_the_rotations_of_euler_angles(seed):
    angles, out = np.random.default_rng(seed).uniform(-7.0, 7.0, 3), np.empty(9)
    turn_to(angles, out)
    assert np.allclose(out.reshape(3, 3), from_euler(np.degrees(angles)), atol=1e-12)
