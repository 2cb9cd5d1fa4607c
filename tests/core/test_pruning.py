"""Candidates which are dropped after the coarse look could not have mattered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.coarse import Coarse
from subtomo_core.expectation import Search
from subtomo_core.fourier import band, to_fourier
from subtomo_core.matching import Matcher
from subtomo_core.missing import observed
from subtomo_core.observation import Samples
from subtomo_core.rotations import random_rotations
from subtomo_core.spec import Wedge
from support.numerics import blob, posed

BOX, R_MAX, REACH = 48, 18.0, 4.0
SUPPORT = band(BOX, R_MAX, observed(Wedge(tilt_min_deg=-60, tilt_max_deg=60), BOX) > 0)
MATCHER = Matcher.at(R_MAX, 20)
VOLUME = blob(BOX)
TEMPLATE = MATCHER.template(VOLUME)
ONES = np.ones(len(SUPPORT.index), np.float32)


def searches(sigma):
    """The engine's search, and one which looks at every candidate with all components."""
    noise = np.full(len(SUPPORT.index), sigma**-2, np.float32)
    engine = Search(SUPPORT, noise, MATCHER, Coarse.of(SUPPORT, REACH), 50, "both")
    return engine, replace(engine, coarse=Coarse.of(SUPPORT, REACH, whole=True))


# Log-likelihoods at the true pose of about 400, 60, 25 and 6.
@pytest.mark.parametrize("snr", [0.1, 0.015, 0.006, 0.0015])
def test_no_candidate_of_any_weight_is_dropped(snr):
    sigma = float(VOLUME.std() / np.sqrt(snr))
    engine, thorough = searches(sigma)
    ones = engine.harmonics(ONES * engine.inverse_noise)
    scale = MATCHER.scale(ones, TEMPLATE)
    dropped = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        R, t = random_rotations(rng, 1)[0], rng.uniform(-2.0, 2.0, 3)
        noise = SUPPORT.take(to_fourier(rng.normal(0.0, sigma, (BOX,) * 3).astype(np.float32)))
        values = (posed(VOLUME, SUPPORT, R, t) + noise).astype(np.complex64)
        weighed = engine.weigh(Samples(values, ONES))
        magnitude = engine.harmonics(np.abs(weighed.values))
        evidence = engine.find(weighed, magnitude, scale, TEMPLATE, t)
        lost = ~np.isfinite(evidence.gain)
        dropped += lost.sum()
        if lost.any():
            whole = thorough.survey(weighed, evidence.rotations[lost], TEMPLATE)
            best = evidence.log_likelihood.max()
            assert whole.log_likelihood.max() < best + np.log(1e-4)
    if snr >= 0.015:
        assert dropped > 100  # it does save work


def test_the_coarse_part_is_whole_shells_of_the_band():
    coarse = Coarse.of(SUPPORT, REACH)
    inside = SUPPORT.shell <= coarse.shells
    assert np.array_equal(np.nonzero(inside)[0], coarse.chosen)
    assert np.array_equal(coarse.support.points, SUPPORT.points[:, inside])
    assert np.array_equal(coarse.support.index, SUPPORT.index[inside])
    assert np.array_equal(coarse.support.count, SUPPORT.count[inside])
    small = band(BOX, 8.0)
    assert len(Coarse.of(small, REACH).chosen) == len(small.index)
