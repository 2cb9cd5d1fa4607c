from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.fourier.band import band
from subtomo_core.fourier.missing import observed
from subtomo_core.orientation.rotation_matching import Matcher
from subtomo_core.orientation.rotations import angular_distance, from_euler, random_rotations
from subtomo_core.simulate import four_gaussians
from subtomo_core.spec.missing_region import Complete, Wedge
from support.numerics import gathered, on_euler_grid, posed
from support.strategies import seeds

BOX, R_MAX, L = 32, 12.0, 24
STEP_DEG = 180.0 / L
WEDGE = Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0, axis="y")
MATCHER = Matcher.at(R_MAX, L)
VOLUME = four_gaussians(BOX / 2).density(BOX, 1.0)
TEMPLATE = MATCHER.template(VOLUME)


def prepared(region):
    seen = observed(region, BOX)
    support = band(BOX, R_MAX, seen > 0)
    ones = np.ones(len(support.index), np.complex64)
    return support, MATCHER.scale(MATCHER.analyse(support, ones), TEMPLATE)


@pytest.fixture(scope="module", params=[Complete(), WEDGE], ids=["complete", "wedge"])
def search(request):
    return prepared(request.param)


def by_phase(support, scale, values, count=20):
    found = MATCHER.analyse(support, values)
    correlation = MATCHER.correlate(found, TEMPLATE.phase, even=False)
    return MATCHER.candidates(correlation, scale, count)


def by_magnitude(support, scale, values, count=20):
    found = MATCHER.analyse(support, np.abs(values).astype(np.complex64))
    correlation = MATCHER.correlate(found, TEMPLATE.magnitude, even=True)
    return MATCHER.candidates(correlation, scale, count)


@pytest.mark.parametrize("generator", [by_phase, by_magnitude])
def test_the_best_candidate_lies_at_the_true_rotation(search, generator):
    # The grid stands 7.5 degrees apart. Measured: by phase 1.3 degrees in the mean and 4.0 at
    # most, by magnitude 1.5 and 4.8: the summit is sought along each Euler angle alone.
    support, scale = search
    rotations = random_rotations(np.random.default_rng(0), 12)
    away = [
        angular_distance(generator(support, scale, posed(VOLUME, support, R))[0], R)
        for R in rotations
    ]
    assert np.mean(away) < 2.0
    assert np.max(away) < STEP_DEG


def test_magnitudes_do_not_see_the_shift(search):
    support, scale = search
    R = random_rotations(np.random.default_rng(1), 1)[0]
    still = by_magnitude(support, scale, posed(VOLUME, support, R))[0]
    moved = by_magnitude(support, scale, posed(VOLUME, support, R, (2.0, -1.5, 1.0)))[0]
    assert angular_distance(still, moved) < 0.5


def test_the_scale_is_the_direct_sum(search):
    # A shell's integral in place of the sum over its grid points: 4.5 % more power on all
    # rotations alike (measured), 1.9 % from one to another behind a wedge.
    support, scale = search[0], on_euler_grid(search[1])
    rng = np.random.default_rng(2)
    ratios = []
    for k, j, i in rng.integers(0, [2 * L, L + 1, 2 * L], (40, 3)):
        R = from_euler(np.array([k, j, i]) * STEP_DEG)
        power = (support.count * np.abs(gathered(TEMPLATE.grid, support, R)) ** 2).sum()
        ratios.append(scale[j, k, i] ** -2 / power)
    assert np.mean(ratios) == pytest.approx(1.05, abs=0.02)
    assert np.std(ratios) < 0.03


@settings(max_examples=8, deadline=None)
@given(seeds())
def test_no_two_candidates_are_closer_than_eight_degrees(seed):
    rng = np.random.default_rng(seed)
    support, scale = prepared(WEDGE)
    noise = (rng.normal(size=(len(support.index), 2)) @ [1, 1j]).astype(np.complex64)
    found = by_phase(support, scale, noise, 50)
    assert 1 <= len(found) <= 50
    apart = angular_distance(found[:, None], found[None]) + 360.0 * np.eye(len(found))
    assert apart.min() >= 8.0 - 1e-4


def test_candidates_come_best_first_and_fewer_are_the_first_of_more():
    support, scale = prepared(WEDGE)
    values = posed(VOLUME, support, random_rotations(np.random.default_rng(3), 1)[0])
    many, few = (by_phase(support, scale, values, count) for count in (20, 5))
    assert len(few) == 5
    assert np.allclose(many[:5], few)
