from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.data.particles import ArrayParticles
from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.fourier.shells import shell_sums
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.orientation.rotations import from_relion_angles, inverse_pose, random_rotations
from subtomo_core.score import correlation, fsc, mirror, oracle_average
from subtomo_core.simulate import asymmetric_blob, barrel, simulate
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import Cone, Wedge, Weights
from support.shared_data import shared_data

BOX, VOXEL = 24, 10.0
WEDGE = Wedge(tilt_min_deg=-60.0, tilt_max_deg=50.0)


def oracle(result, **options):
    truth = result.truth
    everyone = np.arange(len(truth.classes))
    return oracle_average(result.particles, everyone, truth.rotations, truth.shifts, **options)


@pytest.mark.parametrize("missing", [None, WEDGE, Cone(half_angle_deg=30.0)])
def test_the_oracle_of_noise_free_particles_is_the_truth(missing):
    result = simulate(
        [asymmetric_blob()], [20], BOX, VOXEL, missing=missing, shift_range=1.5, seed=1
    )
    average = oracle(result)
    assert correlation(average, result.truth.maps[0]) > 0.9995
    assert fsc(average, result.truth.maps[0])[1:9].min() > 0.999


def test_more_particles_make_a_better_oracle():
    few, many = (
        simulate([barrel()], [count], BOX, VOXEL, snr=0.05, missing=WEDGE, seed=2)
        for count in (5, 60)
    )
    scores = [fsc(oracle(s), s.truth.maps[0])[2:9].mean() for s in (few, many)]
    assert scores[1] > scores[0] + 0.1


def test_the_scale_is_that_of_the_particles():
    result = simulate([asymmetric_blob()], [20], BOX, VOXEL, missing=WEDGE, seed=3)
    average, truth = (v - v.mean() for v in (oracle(result, ridge=1e-4), result.truth.maps[0]))
    assert np.vdot(average, truth) / np.vdot(truth, truth) == pytest.approx(1.0, abs=0.01)


def test_weights_are_divided_out():
    """Premultiplied particles S = W X with uneven weights have the same average."""
    result = simulate([asymmetric_blob()], [16], BOX, VOXEL, seed=4)
    rng = np.random.default_rng(5)
    radius = np.sqrt((np.indices((BOX, BOX, BOX // 2 + 1)) ** 2).sum(0))
    weights, volumes = [], []
    for i in range(16):
        # Real and even about the origin along every axis: a weight of a real volume.
        even = np.abs(np.fft.fftfreq(BOX, 1 / BOX))
        W = 0.05 + np.cos(0.3 * rng.uniform(0.5, 2) * even)[:, None, None] ** 2
        W = np.broadcast_to(W, radius.shape).astype(np.float32).copy()
        W[0, 0, 0] = 0
        weights.append(W)
        volumes.append(to_real(to_fourier(result.particles.volume(i)) * W))
    summary = DatasetSummary(particles=16, box=BOX, voxel_size_angstrom=VOXEL, missing=Weights())
    particles = ArrayParticles(np.stack(volumes), summary, np.stack(weights))
    truth = result.truth
    average = oracle_average(particles, np.arange(16), truth.rotations, truth.shifts)
    assert correlation(average, truth.maps[0]) > 0.999


def test_wrong_poses_make_a_worse_average():
    result = simulate([asymmetric_blob()], [20], BOX, VOXEL, seed=6)
    random = random_rotations(np.random.default_rng(7), 20)
    wrong = oracle_average(result.particles, np.arange(20), random, np.zeros((20, 3)))
    assert correlation(wrong, result.truth.maps[0]) < 0.9
    back = inverse_pose(result.truth.rotations, result.truth.shifts)
    inverse = oracle_average(result.particles, np.arange(20), *back)
    assert correlation(inverse, result.truth.maps[0]) < 0.9


def ribosomes():
    import mrcfile

    folder = shared_data("ribosome-70S")
    lines = (folder / "poses_depositor.star").read_text().splitlines()
    rows = [line.split() for line in lines if line.startswith("particles/")]
    volumes = np.stack([mrcfile.read(folder / row[0]) for row in rows])
    full = [mrcfile.read(folder / row[0].replace("sum", "weight")) for row in rows]
    weights = np.fft.ifftshift(np.stack(full), axes=(1, 2, 3))[..., :17]
    summary = DatasetSummary(particles=40, box=32, voxel_size_angstrom=12.0, missing=Weights())
    angles = [[float(value) for value in row[1:4]] for row in rows]
    depositors = mrcfile.read(folder / "reconstruct_depositor.mrc")
    return ArrayParticles(volumes, summary, weights), from_relion_angles(angles), depositors


def noise_of(particles):
    """Mean of ``|S|^2 / W`` in each shell."""
    power, count = np.zeros(17), np.zeros(17)
    for i in range(particles.summary.particles):
        W = particles.weight(i)
        seen = W > 0.05
        S = np.abs(to_fourier(particles.volume(i))) ** 2
        power += shell_sums(np.where(seen, S / np.maximum(W, 0.05), 0.0), 32)
        count += shell_sums(seen.astype(float), 32)
    return power / np.maximum(count, 1)


def test_angles_of_real_ribosomes_give_the_depositors_average():
    """Independent of this project: angles, particles and average are the depositors'.

    Their halves agree with FSC 0.97 .79 .78 .60 .50 in shells 1 to 5; their average is the
    mirror image along z of what lies in the tomograms' frame.
    """
    particles, rotations, depositors = ribosomes()
    noise, mask = noise_of(particles), soft_sphere(32, 13.0)
    rest = {"shifts": np.zeros((20, 3)), "noise_power": noise}
    halves = [
        oracle_average(particles, np.arange(k, 40, 2), rotations[k::2], **rest) for k in (0, 1)
    ]
    agreement = fsc(halves[0] * mask, halves[1] * mask)[1:6]
    assert np.abs(agreement - [0.97, 0.79, 0.78, 0.60, 0.50]).max() < 0.06
    average = (halves[0] + halves[1]) * mask
    assert fsc(average, mirror(depositors) * mask)[1:10].min() > 0.55
    assert fsc(average, depositors * mask)[3:10].max() < 0.5
    inverse = rotations.swapaxes(1, 2)
    wrong = oracle_average(particles, np.arange(40), inverse, np.zeros((40, 3)), noise_power=noise)
    assert fsc(wrong * mask, mirror(depositors) * mask)[6:10].max() < 0.3
