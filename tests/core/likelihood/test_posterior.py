from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.likelihood.posterior import (
    balance,
    hard_posterior,
    log_evidence,
    log_weights,
    shown,
    shown_at_some_contrast,
    soft_posterior,
)
from subtomo_core.orientation.pose_weights import PosePoints
from subtomo_core.orientation.rotations import random_rotations
from support.strategies import seeds


def evidences(rng, counts, spread=5.0):
    return [
        Candidates(
            random_rotations(rng, c),
            rng.uniform(-2, 2, (c, 3)),
            rng.normal(0, spread, c),
            rng.uniform(1.0, 3.0, c),
        )
        for c in counts
    ]


def test_evidence_adds_up():
    first, second = evidences(np.random.default_rng(0), [3, 4])
    both = first + second
    assert len(both.rotations) == 7
    assert np.array_equal(both.log_likelihood[3:], second.log_likelihood)


@settings(max_examples=20, deadline=None)
@given(
    seeds(),
    st.lists(st.integers(1, 12), min_size=1, max_size=4),
    st.floats(0.5, 20.0),
    st.sampled_from([-math.inf, -3.0, 0.0, 5.0]),
)
def test_the_posterior_is_one_softmax_over_classes_candidates_and_nothing(seed, counts, xi, empty):
    rng = np.random.default_rng(seed)
    parts, points = evidences(rng, counts), PosePoints.draw(rng, 300)
    shares = rng.dirichlet(np.ones(len(counts)))
    weights = log_weights(parts, points, xi)
    posterior, normaliser = soft_posterior(weights, np.log(shares), empty)
    densities = [
        shares[k]
        * points.shares(e.rotations, e.shifts)
        * np.exp(-(e.shifts**2).sum(1) / (2 * xi**2) + e.gain - 0.5 * e.power)
        for k, e in enumerate(parts)
    ]
    total = math.exp(empty) + sum(d.sum() for d in densities)
    assert 1.0 - sum(p.sum() for p in posterior) == pytest.approx(math.exp(empty) / total)
    for found, density in zip(posterior, densities, strict=True):
        assert np.allclose(found, density / total, atol=1e-9)
    assert normaliser == pytest.approx(float(np.log(total)), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(seeds(), st.lists(st.integers(1, 6), min_size=2, max_size=4))
def test_handicaps_decide_between_classes_alone(seed, counts):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(0, 3, c) for c in counts]
    priors, handicaps = np.log(rng.dirichlet(np.ones(len(counts)))), rng.normal(0, 2, len(counts))
    plain, likelihood = soft_posterior(weights, priors, 1.0)
    other, same = soft_posterior(weights, priors, 1.0, handicaps)
    assert same == likelihood
    before, after = (np.array([p.sum() for p in found]) for found in (plain, other))
    assert after.sum() == pytest.approx(before.sum())
    odds = after / before / np.exp(handicaps)
    assert odds == pytest.approx(np.full(len(counts), odds[0]))
    for k in range(len(counts)):
        assert other[k] / after[k] == pytest.approx(plain[k] / before[k])


@settings(max_examples=20, deadline=None)
@given(seeds(), st.lists(st.integers(1, 6), min_size=1, max_size=3), st.floats(0.0, 5.0))
def test_what_is_shown_at_some_contrast_is_told_by_the_best_of_them(seed, counts, empty):
    rng = np.random.default_rng(seed)
    parts, points = evidences(rng, counts), PosePoints.draw(rng, 300)
    priors, noise = np.log(rng.dirichlet(np.ones(len(counts)))), rng.uniform(0, 2, len(counts))
    weights = log_weights(parts, points, 3.0)
    for e in parts[1:]:
        e.gain[1:] = -math.inf  # left early, with one that was looked at to the end
    weights = log_weights(parts, points, 3.0)
    odds = []
    for a in np.linspace(0.1, 1.0, 10):
        scaled = [Candidates(e.rotations, e.shifts, a * e.gain, a * a * e.power) for e in parts]
        evidence = priors + a * a * noise + log_evidence(log_weights(scaled, points, 3.0))
        odds.append(np.logaddexp.reduce(evidence) - empty)
    found = shown_at_some_contrast(weights, parts, priors, noise, empty)
    assert found == pytest.approx(1.0 / (1.0 + math.exp(-max(odds))))


def test_a_particle_fainter_than_the_reference_shows_something():
    """Its gain is a third of the power of a reference three times as bright."""
    faint = Candidates(np.eye(3)[None], np.zeros((1, 3)), np.array([300.0]), np.array([900.0]))
    weights, even = [faint.log_likelihood], np.zeros(1)
    assert shown(weights[0], 0.0) < 1e-6
    assert shown_at_some_contrast(weights, [faint], even, even, 0.0) > 1.0 - 1e-6


def test_the_posterior_survives_huge_likelihoods_and_empty_classes():
    rng = np.random.default_rng(0)
    parts, points = evidences(rng, [5, 5], spread=1e6), PosePoints.draw(rng, 300)
    posterior, normaliser = soft_posterior(log_weights(parts, points, 3.0), np.array([0.0, -1e3]))
    assert np.isfinite(normaliser)
    assert sum(p.sum() for p in posterior) == pytest.approx(1.0)


@settings(max_examples=20, deadline=None)
@given(seeds(), st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_the_hard_posterior_picks_the_highest_constrained_correlation(seed, counts):
    parts = evidences(np.random.default_rng(seed), counts)
    posterior, score = hard_posterior(parts)
    flat = np.concatenate(posterior)
    correlations = np.concatenate([e.gain / np.sqrt(e.power) for e in parts])
    assert np.array_equal(flat, np.arange(len(flat)) == np.argmax(correlations))
    assert score == pytest.approx(float(correlations.max()))


def shares_of(evidence, offsets):
    """Share of the particles which each class has with these priors."""
    rows = [soft_posterior([np.array([x]) for x in row], offsets)[0] for row in evidence]
    return np.mean([np.concatenate(row) for row in rows], 0)


def spread_out(seed, count, spread, means):
    return np.random.default_rng(seed).normal(means, spread, (count, len(means)))


@settings(max_examples=20, deadline=None)
@given(seeds(), st.floats(0.01, 50.0), st.sampled_from([(0, 0), (0, 50, -80), (3, 0, -1, 400)]))
def test_balanced_classes_have_the_same_share_of_the_particles(seed, spread, means):
    evidence = spread_out(seed, 96, spread, means)
    offsets = balance(evidence)
    assert offsets.sum() == pytest.approx(0.0, abs=1e-9)
    assert np.abs(shares_of(evidence, offsets) - 1.0 / len(means)).max() < 0.02


def test_classes_far_apart_are_balanced():
    evidence = spread_out(0, 64, 30.0, (0.0, 50.0, -80.0))
    assert shares_of(evidence, np.zeros(3))[1] > 0.7
    assert np.abs(shares_of(evidence, balance(evidence)) - 1.0 / 3.0).max() < 0.02


@settings(max_examples=20, deadline=None)
@given(seeds(), st.lists(st.floats(-200.0, 200.0), min_size=2, max_size=4))
def test_what_all_particles_give_a_class_is_taken_from_its_offset(seed, gifts):
    evidence, given_ = spread_out(seed, 64, 5.0, np.zeros(len(gifts))), np.array(gifts)
    expected = balance(evidence) - (given_ - given_.mean())
    assert np.allclose(balance(evidence + given_), expected, atol=1e-6)


def test_a_single_class_needs_no_offset():
    assert np.array_equal(balance(spread_out(0, 10, 5.0, (7.0,))), [0.0])
