from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.data.noise_law import NoiseLaw, PowerByWeight, noise_floor, structural_noise
from support.strategies import seeds

SHELLS, COUNT = 6, 20_000


def weights(rng):
    """Multiplicities as back-projection makes them: most components few images, some many."""
    return np.minimum(rng.pareto(2.5, (SHELLS, COUNT)) + 0.02, 30.0)


def power(W, floor, q, rng, steepness=2.0):
    """Of components of variance ``sigma^2 (floor + W + q W^2)``, sigma another in each shell."""
    sigma = np.exp(-steepness * np.arange(SHELLS))[:, None]
    variance = sigma**2 * (floor * W.mean(1, keepdims=True) + W + q * W**2)
    values = np.sqrt(variance * rng.exponential(size=W.shape)).astype(np.complex64)
    shell = np.repeat(np.arange(SHELLS, dtype=np.int32), COUNT)
    flat = W.astype(np.float32).reshape(-1)
    return PowerByWeight.of(values.reshape(-1), flat, np.ones_like(flat), shell)


def fitted(seen, around, last):
    structural = structural_noise(around, last)
    return NoiseLaw(noise_floor(seen, structural, last), structural)


@settings(max_examples=15, deadline=None)
@given(seeds(), st.floats(0.01, 0.3), st.floats(0.03, 0.3))
def test_the_variance_is_found_at_every_weight_whatever_the_colour(seed, floor, q):
    rng = np.random.default_rng(seed)
    W = weights(rng)
    seen = power(W, floor, q, rng)
    found = fitted(seen, seen, SHELLS - 1)
    level = found.noise(seen)
    for shell in range(1, SHELLS):
        at = np.quantile(W[shell], [0.05, 0.25, 0.5, 0.75, 0.95])
        own = np.exp(-4.0 * shell) * (floor * W[shell].mean() + at + q * at**2)
        told = level[shell] * (found.floor[shell] + at + found.structural * at**2)
        # Floor and q lie on grids whose steps are a half and a third.
        assert told == pytest.approx(own, rel=0.15)


@settings(max_examples=15, deadline=None)
@given(seeds())
def test_noise_of_images_alone_has_neither(seed):
    rng = np.random.default_rng(seed)
    W = weights(rng)
    seen = power(W, 0.0, 0.0, rng)
    found = fitted(seen, seen, SHELLS - 1)
    assert np.all(found.floor <= 0.01 * W.mean(1))
    assert found.structural * W.mean() < 0.02


def test_components_of_next_to_no_weight_do_not_raise_the_noise():
    # The mean of |S|^2 / W is ten times the noise of those which say something.
    rng = np.random.default_rng(0)
    W = np.where(rng.uniform(size=(SHELLS, COUNT)) < 0.5, 1e-4, 1.0)
    seen = power(W, 0.01, 0.0, rng, steepness=0.0)
    naive = power(W, 0.01, 0.0, rng, steepness=0.0)
    mean = (naive.power / np.maximum(naive.weights / np.maximum(naive.counts, 1), 1e-30)).sum()
    assert mean / naive.counts.sum() > 10.0
    assert fitted(seen, seen, SHELLS - 1).noise(seen)[1:] == pytest.approx(1.0, rel=0.1)


def test_equal_weights_say_nothing():
    rng = np.random.default_rng(0)
    W = np.full((SHELLS, COUNT), 3.0)
    seen = power(W, 0.1, 0.1, rng)
    found = fitted(seen, seen, SHELLS - 1)
    assert found.structural == 0.0
    assert not found.floor.any()


def test_the_square_is_at_most_twice_the_mean():
    rng = np.random.default_rng(0)
    W = weights(rng)
    seen = power(W, 0.0, 1e6, rng)
    found = fitted(seen, seen, SHELLS - 1)
    assert found.structural == pytest.approx(2.0 / W[1:].mean(), rel=1e-3)


def test_shells_beyond_the_last_and_the_mean_have_no_say():
    rng = np.random.default_rng(1)
    W = weights(rng)
    clean = power(W, 0.0, 0.1, rng)
    spoilt = PowerByWeight(*(part.copy() for part in clean))
    for shell in (0, SHELLS - 1):
        spoilt.power[:, shell] *= np.geomspace(1.0, 1e6, len(spoilt.power))
    last = SHELLS - 2
    found, expected = fitted(spoilt, spoilt, last), fitted(clean, clean, last)
    assert found.structural == expected.structural > 0
    assert np.array_equal(found.floor, expected.floor)


@settings(max_examples=20, deadline=None)
@given(seeds(), st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_the_gain_leaves_noise_which_goes_with_the_weights(seed, floor, q):
    box = 8
    rng = np.random.default_rng(seed)
    W = rng.uniform(0.0, 4.0, (box, box, box // 2 + 1)).astype(np.float32)
    gain = NoiseLaw(np.full(box // 2 + 1, floor), q).gain(W)
    variance = floor + W + q * W**2
    inside = np.rint(np.sqrt(sum(f**2 for f in _frequencies(box)))) <= box // 2
    left = (gain**2 * variance)[inside]
    assert np.allclose(left, (gain * W)[inside], rtol=1e-4, atol=1e-6)


def _frequencies(box):
    k = np.fft.fftfreq(box, 1.0 / box)
    return np.meshgrid(k, k, np.arange(box // 2 + 1), indexing="ij")


def test_nothing_seen_says_nothing():
    empty = PowerByWeight(*np.zeros((3, 128, SHELLS)))
    found = fitted(empty, empty, SHELLS - 1)
    assert found.structural == 0.0
    assert not found.floor.any()
    assert not found.noise(empty).any()


def test_sums_of_two_halves_are_those_of_all():
    rng = np.random.default_rng(3)
    W = weights(rng)
    shell = np.repeat(np.arange(SHELLS, dtype=np.int32), COUNT)
    flat = W.astype(np.float32).reshape(-1)
    values, ones = rng.normal(size=flat.shape).astype(np.complex64), np.ones_like(flat)
    both = np.stack(PowerByWeight.of(values, flat, ones, shell))
    half = len(flat) // 2
    parts = [
        PowerByWeight.of(values[s], flat[s], ones[s], shell[s]).padded(SHELLS)
        for s in (slice(0, half), slice(half, None))
    ]
    assert np.allclose(sum(parts), both)
