"""The kernels' small tools, held against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.fourier.band import band
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.kernels.reading import moments, take
from subtomo_core.kernels.summits import solve, turn_by
from subtomo_core.kernels.waves import wave
from subtomo_core.orientation.rotations import from_rotation_vectors
from support.strategies import rotations, seeds


@settings(max_examples=200, deadline=None)
@given(st.floats(-40.0, 40.0, width=32))
def test_waves_are_cosine_and_sine(turns):
    expected = np.exp(2j * np.pi * turns)
    assert np.allclose(wave(np.float32(turns)), [expected.real, expected.imag], atol=1e-6)


@pytest.mark.parametrize("turns", [0.0, 0.25, -0.25, 0.5, -0.5, 0.75, 1.0])
def test_waves_are_right_where_the_series_meet(turns):
    expected = np.exp(2j * np.pi * turns)
    assert np.allclose(wave(np.float32(turns)), [expected.real, expected.imag], atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seeds(), st.integers(1, 6))
def test_cholesky_solves_what_is_positive_definite(seed, size):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    matrix, right, out = root @ root.T + np.eye(size), rng.normal(size=size), np.empty(size)
    assert solve(matrix, right, out)
    assert np.allclose(matrix @ out, right, atol=1e-9)
    assert not solve(matrix - 2.0 * np.trace(matrix) * np.eye(size), right, out)


@settings(max_examples=20, deadline=None)
@given(rotations(), seeds(), st.sampled_from([0.0, 1e-12, 1e-3, 0.1, 3.0]))
def test_a_turn_is_the_exponential_of_its_vector(R, seed, size):
    vector, out = size * np.random.default_rng(seed).normal(size=3), np.empty((3, 3))
    turn_by(vector, R, out)
    assert np.allclose(out, from_rotation_vectors(vector) @ R, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(seeds(), st.integers(1, 3000))
def test_moments_are_the_plain_sums(seed, size):
    rng = np.random.default_rng(seed)
    volume = rng.normal(3.0, 2.0, size).astype(np.float32)
    outside = (rng.random(size) < 0.4).astype(np.float32)
    out = np.empty(5)
    moments(volume, outside, out)
    v = volume.astype(np.float64)
    expected = [v.sum(), (v**2).sum(), (v * outside).sum(), (v**2 * outside).sum(), outside.sum()]
    assert np.allclose(out, expected, rtol=1e-12)


def test_one_bad_voxel_spoils_the_moments():
    for bad in (np.nan, np.inf):
        volume, out = np.ones(2000, np.float32), np.empty(5)
        volume[1500] = bad
        moments(volume, np.ones_like(volume), out)
        assert not np.isfinite(out).all()


def test_samples_are_centred_components_where_there_is_weight():
    box = 10
    rng = np.random.default_rng(0)
    volume = rng.normal(size=(box,) * 3).astype(np.float32)
    support = band(box, 4.0)
    weights = rng.uniform(-0.5, 1.0, (box, box, box // 2 + 1)).astype(np.float32)
    transform = np.fft.rfftn(volume, norm="ortho").astype(np.complex64)
    values = np.empty(len(support.index), np.complex64)
    taken = np.empty(len(support.index), np.float32)
    take(
        transform.view(np.float32).reshape(-1),
        support.index,
        support.points,
        weights.reshape(-1),
        2.0,
        values.view(np.float32).reshape(-1, 2),
        taken,
    )
    assert np.array_equal(taken, support.take(weights))
    expected = np.where(taken > 0, 2.0 * support.take(to_fourier(volume)), 0.0)
    assert np.allclose(values, expected, atol=1e-6)
