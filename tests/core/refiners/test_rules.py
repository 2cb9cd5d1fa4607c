"""The rules of a search: who is drawn, who is dropped, when it ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from subtomo_core.orientation.rotations import rotation_about
from subtomo_core.refiners import Rules, everywhere, independently, search
from subtomo_core.refiners.parallel import apart, chances, is_flat
from subtomo_core.refiners.seam import pose_matrices
from support.pairs import WEDGE, known_pair

scores = st.lists(st.floats(0.01, 2.0), min_size=2, max_size=30).map(np.array)


@given(scores, st.floats(0.1, 3.0))
def test_chances_follow_rank_and_score(values, spread):
    order, shares = chances(values, spread)
    ranked = values[order]
    assert (np.diff(ranked) <= 0).all()
    assert shares.sum() == pytest.approx(1.0)
    least = 10.0 ** (spread / (len(values) - 1))
    # Each is as much likelier than the one before as equation 11 says.
    assert np.allclose(shares[1:] / shares[:-1], np.maximum(least, ranked[:-1] / ranked[1:]))
    assert shares[-1] / shares[0] >= 10.0**spread * (1 - 1e-9)


def test_a_single_pose_is_always_drawn():
    order, shares = chances(np.array([0.3]), 1.0)
    assert order.tolist() == [0]
    assert shares.tolist() == [1.0]


def places(*angles_and_shifts):
    angles, along = np.array(angles_and_shifts, float).T
    rotations = rotation_about((0, 0, 1), angles)
    shifts = np.stack([along, 0 * along, 0 * along], -1)
    return pose_matrices(rotations, shifts)


def test_the_distance_of_poses_is_that_of_equation_12():
    a, b = places((0.0, 1.0), (90.0, 3.0))
    # R^-1 [I | -a]: the rotations differ by sqrt(4), the shifts R^-1 a are (1, 0) and (0, -3).
    assert np.linalg.norm(a - b) == pytest.approx(np.sqrt(4.0 + 1.0 + 9.0))


def test_of_two_close_poses_the_worse_is_dropped():
    near = places((0.0, 0.0), (1.0, 0.05), (40.0, 0.0))
    assert apart(near, np.array([0.1, 0.2, 0.3]), 1, 0.15).tolist() == [True, False, True]
    assert apart(near, np.array([0.2, 0.1, 0.3]), 1, 0.15).tolist() == [False, True, True]


def test_poses_apart_all_stay():
    far = places((0.0, 0.0), (20.0, 0.0), (0.0, 1.0))
    assert apart(far, np.array([0.1, 0.2, 0.3]), 0, 0.15).all()


def test_a_search_is_flat_when_its_regression_line_is():
    rules = Rules(window=50, flat=1e-3)
    falling = np.linspace(1.0, 0.5, 50)
    assert not is_flat(falling, 1.0, rules)
    assert not is_flat(np.full(49, 0.5), 1.0, rules)
    assert is_flat(np.full(50, 0.5), 1.0, rules)
    # The fall is told over the score at the start.
    assert is_flat(falling, 100.0, rules)


PAIR = known_pair(4, seen_f=WEDGE, seen_g=WEDGE, snr=1.0).pair


def test_a_search_ends_after_the_most_steps():
    found = search(PAIR, "rcs", everywhere(PAIR, 60.0), Rules(most_steps=17, flat=-1.0), 0)
    assert found.steps == 17


def test_the_best_score_never_rises_and_those_left_lie_apart():
    rules = Rules()
    found = search(PAIR, "rcs", everywhere(PAIR, 60.0), rules, 0)
    assert (np.diff(found.best) <= 0).all()
    assert found.best[-1] == found.climbers[0].here.value
    moved = [c for c in found.climbers if c.steps]
    there = pose_matrices(np.stack([c.rotation for c in moved]), np.stack([c.shift for c in moved]))
    gaps = np.linalg.norm(there[:, None] - there[None], axis=2) + 9.0 * np.eye(len(moved))
    assert gaps.min() > rules.closest


def test_the_same_seed_draws_the_same_and_another_one_others():
    starts = everywhere(PAIR, 60.0)
    first, again, other = (search(PAIR, "fcs", starts, Rules(), s).best for s in (3, 3, 4))
    assert first == again
    assert first != other


def test_together_takes_fewer_steps_than_each_alone():
    known = known_pair(6, seen_f=WEDGE, seen_g=WEDGE, snr=1.0)
    starts = everywhere(known.pair, 60.0)
    together = search(known.pair, "rcs", starts, Rules(), 0)
    alone = independently(known.pair, "rcs", starts)
    assert together.steps < 0.5 * alone.steps
