from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.fourier.band import band
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.kernels import ascent, summits
from subtomo_core.likelihood.observation import Samples
from subtomo_core.likelihood.pose_search import Search
from subtomo_core.likelihood.rings import Rings, ShiftGrid
from subtomo_core.orientation.rotation_matching import Matcher
from subtomo_core.orientation.rotations import angular_distance, even_rotations, random_rotations
from subtomo_core.spec.missing_region import Wedge
from support.numerics import blob, gathered, phases, posed
from support.strategies import seeds

BOX, R_MAX, REACH = 16, 5.0, 2.0
SEEN = observed(Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0, axis="y"), BOX)
SUPPORT = band(BOX, R_MAX, SEEN > 0)
MATCHER = Matcher.at(R_MAX, 16)
VOLUME = blob(BOX)
TEMPLATE = MATCHER.template(VOLUME)
ONES = np.ones(len(SUPPORT.index), np.float32)


def search(generators="both", variance=1.0):
    noise = np.full(len(SUPPORT.index), 1.0 / variance, np.float32)
    return Search(Rings.of(SUPPORT, REACH), noise, MATCHER, 50, generators)


def find(engine, samples, start=(0.0, 0.0, 0.0)):
    weighed = engine.weigh(samples)
    scale = MATCHER.scale(engine.harmonics(weighed.weights), TEMPLATE)
    magnitude = None
    if engine.generators != "phase":
        magnitude = engine.harmonics(np.abs(weighed.values))
    return engine.find(weighed, magnitude, scale, TEMPLATE, np.array(start))


def particle(seed, sigma):
    """Samples of a particle at a random pose within reach, with noise."""
    rng = np.random.default_rng(seed)
    R, t = random_rotations(rng, 1)[0], rng.uniform(-1.0, 1.0, 3)
    noise = SUPPORT.take(to_fourier(rng.normal(0.0, sigma, (BOX,) * 3)))
    return R, t, Samples((posed(VOLUME, SUPPORT, R, t) + noise).astype(np.complex64), ONES)


def log_likelihoods(samples, rotations, shifts, variance):
    """``(Re sum S conj(A_Rt) - sum W |A_R|^2 / 2) / sigma^2`` of every pair of poses."""
    models = np.stack([gathered(TEMPLATE.grid, SUPPORT, R) for R in rotations])
    waves = np.stack([phases(SUPPORT, t) for t in shifts], 1).astype(np.complex64)
    gain = ((SUPPORT.count * samples.values * models.conj()) @ waves).real
    power = (SUPPORT.count * samples.weights * np.abs(models) ** 2).sum(1)
    return (gain - 0.5 * power[:, None]) / variance


@pytest.fixture(scope="module")
def every_pose():
    """Rotations 8 degrees apart (28 966) and all shifts half a voxel apart within reach."""
    axis = np.arange(-2.0, 2.01, 0.5)
    shifts = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)
    return even_rotations(8.0), shifts[np.linalg.norm(shifts, axis=1) <= REACH]


@pytest.mark.parametrize(("seed", "sigma"), [(0, 0.02), (1, 0.1), (2, 0.2)])
def test_no_pose_of_an_exhaustive_search_is_better(every_pose, seed, sigma):
    _, _, samples = particle(seed, sigma)
    candidates = find(search(variance=sigma**2), samples)
    exhaustive = log_likelihoods(samples, *every_pose, sigma**2)
    assert candidates.log_likelihood.max() >= exhaustive.max()


@pytest.mark.parametrize("generators", ["magnitude", "phase", "both"])
def test_every_generator_finds_a_clear_particle(generators):
    R, t, samples = particle(3, 0.02)
    candidates = find(search(generators, 0.02**2), samples)
    best = int(np.argmax(candidates.log_likelihood))
    assert angular_distance(candidates.rotations[best], R) < 2.0
    assert np.linalg.norm(candidates.shifts[best] - t) < 0.1
    assert len(candidates.rotations) <= 51


@settings(max_examples=8, deadline=None)
@given(seeds())
def test_the_likelihood_of_a_candidate_is_the_direct_sum(seed):
    _, _, samples = particle(seed, 0.1)
    candidates = find(search(variance=0.01), samples)
    likelihood = candidates.log_likelihood
    for i in range(0, len(likelihood), 5):
        direct = log_likelihoods(
            samples, candidates.rotations[i : i + 1], candidates.shifts[i : i + 1], 0.01
        )[0, 0]
        # The last step of a climb may be taken unseen: wrong by what it promised at the most.
        unseen = max(summits._NEAR, 0.1 * math.sqrt(ascent._NEAR * candidates.gain[i]))
        rounding = 1e-3 + 2e-5 * candidates.power.max()
        assert likelihood[i] == pytest.approx(float(direct), abs=rounding + unseen)
        assert np.linalg.norm(candidates.shifts[i]) <= REACH + 1e-6


@settings(max_examples=8, deadline=None)
@given(seeds())
def test_residuals_and_likelihood_say_the_same(seed):
    R, t, samples = particle(seed, 0.1)
    engine = search(variance=0.01)
    out = np.zeros(BOX // 2 + 1)
    poses, shifts = np.stack([R, R, np.eye(3)]), np.stack([t, t, t])
    shares = np.array([0.3, 0.2, 0.0])
    weighed = engine.weigh(samples)
    engine.residuals(weighed, TEMPLATE, poses, shifts, probabilities=shares, out=out)
    direct = log_likelihoods(samples, R[None], t[None], 0.01)[0, 0]
    assert out.sum() == pytest.approx(float(-direct), rel=1e-4, abs=1e-2)


def test_a_shift_grid_covers_its_reach():
    for reach in (0.3, 2.0, 5.0):
        grid = ShiftGrid.covering(SUPPORT, reach)
        assert grid.shifts.max() >= reach
        assert np.array_equal(grid.shifts, -grid.shifts[::-1])
        assert np.diff(grid.shifts).max() <= BOX / (2.7 * SUPPORT.reach) + 1e-6
        k = np.arange(-SUPPORT.reach, SUPPORT.reach + 1)
        wave = np.exp(2j * np.pi / BOX * k[:, None] * grid.shifts[len(grid.shifts) // 2 :])
        assert np.allclose(grid.waves[0][:, ::2] + 1j * grid.waves[0][:, 1::2], wave, atol=1e-5)


def test_runs_are_all_of_a_band_each_of_one_column_without_a_gap():
    keep = np.random.default_rng(3).random((BOX, BOX, BOX // 2 + 1)) < 0.6
    support = band(BOX, SUPPORT.reach, keep)
    grid = ShiftGrid.covering(support, 2.0)
    starts, heights, layers = grid.runs
    x, y, z = support.points.astype(int)
    assert starts[0] == 0
    assert starts[-1] == len(z)
    assert layers[-1] == len(heights)
    for q, (first, last) in enumerate(pairwise(starts)):
        assert (np.diff(z[first:last]) == 1).all()
        assert len(set(x[first:last])) == len(set(y[first:last])) == 1
        assert heights[q] == z[first] + support.reach
        assert layers[x[first]] <= q < layers[x[first] + 1]
        wave = np.exp(2j * np.pi / BOX * y[first] * grid.shifts[len(grid.shifts) // 2 :])
        over_runs = grid.waves[1][..., q]
        assert np.allclose(over_runs[:, 0] + 1j * over_runs[:, 1], wave, atol=1e-5)
