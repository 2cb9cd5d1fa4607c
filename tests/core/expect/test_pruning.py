"""Candidates which are dropped on the way through the rings could not have mattered."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.fourier.band import band
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.likelihood.observation import Samples
from subtomo_core.likelihood.pose_search import Search
from subtomo_core.likelihood.rings import Rings
from subtomo_core.orientation.rotation_matching import Matcher
from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.spec.missing_region import Wedge
from support.numerics import blob, posed

BOX, R_MAX, REACH = 48, 18.0, 4.0
BAND = band(BOX, R_MAX, observed(Wedge(tilt_min_deg=-60, tilt_max_deg=60), BOX) > 0)
MATCHER = Matcher.at(R_MAX, 20)
VOLUME = blob(BOX)
TEMPLATE = MATCHER.template(VOLUME)
ONES = np.ones(len(BAND.index), np.float32)


def searches(sigma):
    """The engine's search, and one which looks at every candidate with all components."""
    noise = ONES * np.float32(sigma**-2)
    rings = Rings.of(BAND, REACH), Rings.of(BAND, REACH, whole=True)
    return [Search(part, noise, MATCHER, 50, "both") for part in rings]


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
        noise = to_fourier(rng.normal(0.0, sigma, (BOX,) * 3).astype(np.float32))

        def weighed(search, R=R, t=t, noise=noise):
            values = posed(VOLUME, search.support, R, t) + search.support.take(noise)
            return search.weigh(Samples(values.astype(np.complex64), ONES))

        seen = weighed(engine)
        magnitude = engine.harmonics(np.abs(seen.values))
        candidates = engine.find(seen, magnitude, scale, TEMPLATE, t)
        lost = ~np.isfinite(candidates.gain)
        dropped += lost.sum()
        if lost.any():
            whole = thorough.survey(weighed(thorough), candidates.rotations[lost], TEMPLATE)
            best = candidates.log_likelihood.max()
            assert whole.log_likelihood.max() < best + np.log(1e-4)
    if snr >= 0.015:
        assert dropped > 100  # it does save work


def test_what_is_kept_has_the_likelihood_of_all_components():
    engine, thorough = searches(0.05)
    R, t = random_rotations(np.random.default_rng(5), 1), np.array([[0.5, -1.0, 1.5]])
    seen = []
    for search in (engine, thorough):
        values = posed(VOLUME, search.support, R[0], t[0]).astype(np.complex64)
        weighed = search.weigh(Samples(values, ONES))
        found = search.look_closer(weighed, search.survey(weighed, R, TEMPLATE), TEMPLATE)
        seen.append(found.log_likelihood[0])
        assert np.allclose(found.shifts, t, atol=0.02)
    assert seen[0] == pytest.approx(seen[1], rel=1e-4)


def test_rings_are_whole_shells_from_the_inside_out():
    rings = Rings.of(BAND, REACH)
    assert rings.shells.tolist() == [10, 13, 16, 18]
    assert np.array_equal(rings.ends, [(BAND.shell <= s).sum() for s in rings.shells])
    inside = BAND.shell <= 10
    for name in ("index", "shell", "count"):
        whole, first = getattr(BAND, name), getattr(BAND, name)[inside]
        assert np.array_equal(getattr(rings.first, name), first)
        assert np.array_equal(getattr(rings.support, name)[: len(first)], first)
        assert np.array_equal(np.sort(getattr(rings.support, name)), np.sort(whole))
    order, before = np.argsort(rings.support.index), np.argsort(BAND.index)
    assert np.array_equal(rings.support.cells[order], BAND.cells[before])
    assert np.array_equal(rings.support.points[:, : inside.sum()], rings.first.points)
    assert (np.diff(np.searchsorted(rings.shells, rings.support.shell)) >= 0).all()


def test_a_small_band_is_one_ring():
    small = band(BOX, 8.0)
    rings = Rings.of(small, REACH)
    assert rings.ends.tolist() == [len(small.index)]
    assert np.array_equal(rings.support.index, small.index)
