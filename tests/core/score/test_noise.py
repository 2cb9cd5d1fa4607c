"""The SNR of particles from pairs of them, held against the SNR with which they were made."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.data.particles import ArrayParticles
from subtomo_core.errors import InputError
from subtomo_core.fourier.nufft import pose_transform
from subtomo_core.fourier.shells import multiplicity, radius_of, shell_means
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.score import pair_snr
from subtomo_core.score.noise import _drawn
from subtomo_core.simulate import Crowd, TiltSeries, asymmetric_blob, simulate, simulate_series
from support.small_jobs import WEDGE, volumes_of

BOX, VOXEL, COUNT = 24, 6.0, 60
BODY = asymmetric_blob(0.5 * BOX * VOXEL, seed=1)
# The standard error tells what sampling pairs and particles does (four of them: once in 16,000).
ERRORS = 4.0


def made(snr, missing=None, count=COUNT, seed=2):
    return simulate(
        [BODY], [count], BOX, VOXEL, snr=snr, missing=missing, shift_range=2.0, seed=seed
    )


def snr_of(simulation, particles=None, **how):
    truth, particles = simulation.truth, particles or simulation.particles
    own = np.arange(len(truth.classes))
    return pair_snr(particles, own, truth.rotations, truth.shifts, **how)


@pytest.mark.parametrize("snr", [0.03, 0.3, 3.0])
@pytest.mark.parametrize("missing", [None, WEDGE])
def test_the_snr_of_volumes_is_the_one_put_in(snr, missing):
    found = snr_of(made(snr, missing), pairs=200)
    # Beside a wedge components are interpolated from continued ones: some per cent of the power.
    allowed = ERRORS * found.error + (0.01 if missing is None else 0.03) * snr
    assert abs(found.snr - snr) < allowed
    assert allowed < 0.35 * snr  # or the test would say nothing
    assert found.pairs == 200


def test_every_shell_has_the_power_of_its_signal_over_that_of_the_noise():
    simulation = made(0.1)
    found = snr_of(simulation, pairs=400)
    power = shell_means(np.abs(to_fourier(simulation.truth.maps[0])) ** 2, BOX)
    expected = 0.1 * power  # the noise's variance is 1 / SNR, in each component
    # Products of two noises: 1 / sqrt(pairs x components of a shell), and signal times noise.
    counts = 4.0 * np.pi * np.arange(BOX // 2 + 1) ** 2
    deviation = (1.0 + expected) / np.sqrt(400.0 * np.maximum(counts, 1.0))
    shells = slice(2, 9)
    assert np.all(
        np.abs(found.shells - expected)[shells] < (5.0 * deviation + 0.1 * expected)[shells]
    )
    c = found.correlation[shells]
    assert np.allclose(c / (1.0 - c), found.shells[shells], rtol=0.02, atol=0.01)


@pytest.mark.parametrize("snr", [0.05, 0.5])
def test_the_snr_of_sums_with_weights_and_of_their_images(snr):
    box, body = 32, asymmetric_blob(0.5 * 32 * VOXEL, seed=3)
    tilts = TiltSeries()
    simulation = simulate_series(
        [body], [COUNT], box, VOXEL, snr=snr, tilts=tilts, crowd=Crowd(shift_range=1.0), seed=1
    )
    particles, truth = simulation.weighted, simulation.truth
    found = snr_of(simulation, particles, pairs=200)
    seen = multiplicity(box) * (radius_of(box) > 0)
    law = []
    for i in range(COUNT):
        A = pose_transform(truth.maps[0], truth.rotations[i], truth.shifts[i])
        signal = (seen * particles.weight(i) * np.abs(A) ** 2).sum(dtype=np.float64)
        law.append(signal / (simulation.noise / box) / box**3)
    # S = W A holds as far as W is smooth over the few pixels which the box smears.
    assert found.snr == pytest.approx(np.mean(law), abs=ERRORS * found.error + 0.05 * np.mean(law))
    value, error = found.of_images(box, len(tilts.angles_deg))
    # The simulator's SNR is the mean of a few views: their scatter is about 5 %.
    assert value == pytest.approx(snr, abs=ERRORS * error + 0.1 * snr)
    assert error < 0.08 * snr


def test_noise_alone_has_no_snr_and_wrong_poses_take_it_away():
    noise = snr_of(made(1e-9, WEDGE), pairs=200)
    assert noise.snr < ERRORS * noise.error
    simulation = made(0.3)
    truth = simulation.truth
    wrong = random_rotations(np.random.default_rng(9), COUNT)
    lost = pair_snr(simulation.particles, np.arange(COUNT), wrong, truth.shifts, pairs=200)
    assert lost.snr < 0.7 * snr_of(simulation, pairs=200).snr


def test_the_scale_of_a_volume_does_not_count():
    simulation = made(0.3, WEDGE, count=12)
    scales = np.random.default_rng(1).uniform(0.1, 10.0, 12).astype(np.float32)
    scaled = volumes_of(simulation.particles) * scales[:, None, None, None]
    particles = ArrayParticles(scaled, simulation.particles.summary)
    plain, other = snr_of(simulation), snr_of(simulation, particles)
    assert other.snr == pytest.approx(plain.snr, rel=1e-3)


def test_pairs_are_bounded_drawn_once_and_the_same_for_a_seed():
    for count in (2, 3, 7, 50):
        every = {tuple(pair) for pair in _drawn(count, 10**6, 0).tolist()}
        assert every == {(i, j) for i in range(count) for j in range(i)}
    some = _drawn(10_000, 500, 3)
    assert len({tuple(pair) for pair in some.tolist()}) == 500
    assert some[:, 0].max() < 10_000
    assert np.all(some[:, 1] < some[:, 0])
    simulation = made(0.3, count=6)
    first, again = snr_of(simulation, pairs=8, seed=4), snr_of(simulation, pairs=8, seed=4)
    assert (first.snr, first.error) == (again.snr, again.error)
    assert snr_of(simulation, pairs=1000).pairs == 15


def test_a_single_particle_has_no_pair():
    with pytest.raises(InputError, match="at least two particles"):
        snr_of(made(0.3, count=1))
