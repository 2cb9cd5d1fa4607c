from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.data.particles import ArrayParticles
from subtomo_core.errors import InputError
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import Complete, Weights


def summary(missing=None):
    return DatasetSummary(
        particles=2, box=8, voxel_size_angstrom=4.0, missing=missing or Complete()
    )


def test_particles_come_one_at_a_time():
    volumes = np.arange(2 * 512, dtype=np.float64).reshape(2, 8, 8, 8)
    particles = ArrayParticles(volumes, summary())
    assert particles.volume(1).dtype == np.float32
    assert np.array_equal(particles.volume(1), volumes[1])
    assert particles.weight(0) is None


def test_weights_come_with_the_region_mask():
    weights = np.ones((2, 8, 8, 5))
    particles = ArrayParticles(np.zeros((2, 8, 8, 8)), summary(Weights()), weights)
    assert particles.weight(1).shape == (8, 8, 5)
    for wrong in (
        lambda: ArrayParticles(np.zeros((2, 8, 8, 8)), summary(), weights),
        lambda: ArrayParticles(np.zeros((2, 8, 8, 8)), summary(Weights())),
    ):
        with pytest.raises(InputError, match="give both or neither"):
            wrong()


def test_wrong_shapes_and_values_are_refused():
    with pytest.raises(InputError, match="shape"):
        ArrayParticles(np.zeros((3, 8, 8, 8)), summary())
    spoiled = np.zeros((2, 8, 8, 8))
    spoiled[1, 2, 3, 4] = np.nan
    with pytest.raises(InputError, match="not finite"):
        ArrayParticles(spoiled, summary())
