"""Averages at the true poses of particles that lie behind regions of their own."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.data.particle_regions import ParticleRegions
from subtomo_core.data.particles import ArrayParticles
from subtomo_core.fourier.missing import observed
from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.score import oracle_average, pair_snr
from subtomo_core.spec.missing_region import Wedge, Weights
from support.small_jobs import WEDGE, blobs

BOX, COUNT = 20, 10


@pytest.fixture(scope="module")
def made():
    """Boxes that were cut out turned, of two tilt ranges."""
    turns = random_rotations(np.random.default_rng(4), COUNT)
    narrow = Wedge(tilt_min_deg=-30, tilt_max_deg=50)
    regions = ParticleRegions((WEDGE, narrow), np.arange(COUNT) % 2, turns)
    return blobs(COUNT, BOX, snr=3.0, missing=regions)


def stated(made, missing, weights=None):
    summary = made.particles.summary.model_copy(update={"missing": missing})
    return ArrayParticles(made.particles.volumes, summary, weights)


def oracle(made, particles):
    truth = made.truth
    return oracle_average(particles, np.arange(COUNT), truth.rotations, truth.shifts)


def test_the_oracle_is_that_of_weights_of_0_and_1(made):
    masks = np.stack([observed(made.particles.region(i), BOX) for i in range(COUNT)])
    as_weights = oracle(made, stated(made, Weights(), masks))
    assert np.allclose(oracle(made, made.particles), as_weights, atol=1e-4 * as_weights.max())


def test_pairs_tell_the_snr_over_what_both_observed(made):
    truth, everyone = made.truth, np.arange(COUNT)
    found = pair_snr(made.particles, everyone, truth.rotations, truth.shifts)
    assert found.snr == pytest.approx(3.0, rel=0.3)
