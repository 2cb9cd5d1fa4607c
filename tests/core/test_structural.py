from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.structural import Moments, no_moments
from support.strategies import seeds

SHELLS, COUNT = 6, 20_000


def weights(rng):
    """Multiplicities as back-projection makes them: most components few images, some many."""
    return rng.pareto(2.5, (SHELLS, COUNT)) + 0.5


def moments(W, q, rng, steepness=2.0):
    """Of components of variance ``sigma^2 W (1 + q W)``, sigma another in each shell."""
    sigma = np.exp(-steepness * np.arange(SHELLS))[:, None]
    power = sigma**2 * W * (1.0 + q * W) * rng.exponential(size=W.shape)
    return Moments(
        (power / W).sum(1), power.sum(1), np.full(SHELLS, float(COUNT)), W.sum(1), (W**2).sum(1)
    )


@settings(max_examples=20, deadline=None)
@given(seeds(), st.floats(0.02, 0.2))
def test_what_grows_as_the_square_of_weights_is_found_whatever_the_colour(seed, q):
    rng = np.random.default_rng(seed)
    W = np.minimum(weights(rng), 30.0)
    found = moments(W, q, rng).structural_noise(SHELLS)
    # The mean of |S|^2 over a level has the scatter of W under exponential power: five of it.
    used = W[1:]
    spread = np.sqrt(np.mean((used * (1 + q * used)) ** 2) / used.size)
    slope = np.mean(used**2) - np.mean(used) ** 2
    assert abs(found - q) < 5.0 * (1 + q * used.mean()) ** 2 * spread / slope


@settings(max_examples=20, deadline=None)
@given(seeds())
def test_noise_of_images_alone_is_none(seed):
    rng = np.random.default_rng(seed)
    W = np.minimum(weights(rng), 30.0)
    error = np.sqrt(np.mean(W[1:] ** 2) / W[1:].size) / np.var(W[1:])
    assert moments(W, 0.0, rng).structural_noise(SHELLS) < 5.0 * error


def test_equal_weights_say_nothing():
    rng = np.random.default_rng(0)
    assert moments(np.full((SHELLS, COUNT), 3.0), 0.1, rng).structural_noise(SHELLS) == 0.0


def test_power_which_is_all_structure_counts_for_half_of_the_mean():
    rng = np.random.default_rng(0)
    W = np.minimum(weights(rng), 30.0)
    found = moments(W, 1e6, rng).structural_noise(SHELLS)
    assert found == pytest.approx(0.5 / W[1:].mean())


def test_shells_beyond_the_last_and_the_mean_have_no_say():
    rng = np.random.default_rng(1)
    W = np.minimum(weights(rng), 30.0)
    clean = moments(W, 0.1, rng)
    spoilt = Moments(*(m.copy() for m in clean))
    for shell in (0, SHELLS - 1):
        spoilt.power[shell] *= 100.0
    last = SHELLS - 2
    assert spoilt.structural_noise(last) == clean.structural_noise(last) > 0


def test_nothing_seen_says_nothing():
    assert Moments(*no_moments()).structural_noise(5) == 0.0
    assert Moments(*np.zeros((5, SHELLS))).structural_noise(5) == 0.0
