from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.maximise.apparent_symmetry import apparent_symmetry
from subtomo_core.maximise.half_map_fsc import half_curves
from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.simulate import asymmetric_blob, symmetric_phantom

BOX, VOXEL, SHELL = 40, 5.0, 12.0
MASK = soft_sphere(BOX, 0.42 * BOX)


def found_in(volume, noise=0.5, seed=1):
    """What halves show that are the volume with noise of their own."""
    rng = np.random.default_rng(seed)
    own = noise * volume.std() if volume.any() else 1.0
    halves = np.stack([volume + own * rng.normal(size=volume.shape) for _ in range(2)])
    halves = halves.astype(np.float32)
    fsc = half_curves(halves[0], halves[1], MASK).cut(SHELL).corrected
    return apparent_symmetry(halves, fsc, MASK, SHELL)


def lying(structure, seed=2):
    """A body in a pose drawn at random, (n, n, n)."""
    rng = np.random.default_rng(seed)
    return structure.density(BOX, VOXEL, random_rotations(rng, 1)[0], rng.uniform(-1.5, 1.5, 3))


@pytest.mark.parametrize("name", ["C2", "C3", "C4", "C7", "D2", "D3", "D6", "D7", "T", "O", "I"])
def test_the_group_of_a_body_is_told_wherever_it_lies(name):
    found = found_in(lying(symmetric_phantom(name, 150.0)), noise=1.0)
    assert found is not None
    assert found.name == name
    assert 0.9 < found.correlation <= 1.0


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_a_body_without_symmetry_shows_none(noise, seed):
    assert found_in(lying(asymmetric_blob(150.0), seed), noise, seed) is None


def test_what_looks_alike_from_all_sides_shows_no_group_for_certain():
    z, y, x = np.indices((BOX,) * 3) - BOX // 2
    ball = np.exp(-(x**2 + y**2 + z**2) / 50.0)
    rod = np.exp(-(x**2 + y**2) / 18.0 - z**2 / 120.0)
    for body in (ball, rod):
        assert found_in(body.astype(np.float32), 0.1) is None


def test_noise_shows_none():
    for seed in range(3):
        assert found_in(np.zeros((BOX,) * 3, np.float32), seed=seed) is None
