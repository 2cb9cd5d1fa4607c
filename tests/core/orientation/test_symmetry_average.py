from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.nufft import rotate
from subtomo_core.fourier.shells import low_pass, radius_of
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.orientation.symmetry_average import invariance, symmetrised, symmetrised_map
from subtomo_core.orientation.symmetry_axes import correlation_about_axes, find_axes
from subtomo_core.simulate import GaussianStructure, asymmetric_blob, barrel, shell
from subtomo_core.spec.missing_region import Wedge
from support.strategies import rotations, shifts

BOX, VOXEL = 32, 6.0
GROUPS = ["C2", "C7", "D7", "T", "O", "I"]


def relative(one, other):
    return np.linalg.norm(one - other) / np.linalg.norm(other)


def phantom(name, blobs=4, seed=3):
    """A body of Gaussians with a symmetry, its density exact."""
    rng = np.random.default_rng(seed)
    group = symmetry_group(name)
    unit = random_rotations(rng, blobs)[:, 0] * rng.uniform(30.0, 65.0, (blobs, 1))
    centres = np.einsum("gij,mj->gmi", group, unit).reshape(-1, 3)
    return GaussianStructure(centres, np.full(len(centres), 9.0), np.ones(len(centres)))


@pytest.mark.parametrize("name", GROUPS)
def test_an_average_over_a_group_is_invariant_and_a_projection(name):
    group = symmetry_group(name)
    once = symmetrised_map(asymmetric_blob(110.0).density(BOX, VOXEL), group)
    for g in group[:: max(1, len(group) // 4)]:
        assert relative(rotate(once, g), once) < 3e-3
    assert relative(symmetrised_map(once, group), once) < 3e-3


@pytest.mark.parametrize("name", [*GROUPS, "C1", "C4", "C8", "D3", "D6"])
@pytest.mark.parametrize("moved", [False, True])
def test_an_average_is_the_mean_of_all_elements(name, moved):
    """Against the sum over all voxels, at some components."""
    box, rng, group = 12, np.random.default_rng(4), symmetry_group(name)
    volume = rng.normal(size=(box,) * 3).astype(np.float32)
    Q = random_rotations(rng, 1)[0] if moved else np.eye(3)
    c = rng.uniform(-2.0, 2.0, 3) if moved else np.zeros(3)
    found = symmetrised(to_fourier(volume)[None], group, 4.5, *((Q, c) if moved else ()))[0]
    zyx = np.stack(np.indices((box,) * 3), -1).reshape(-1, 3) - box // 2
    for k in ((0, 1, 2), (3, -2, 1), (1, 0, 0), (0, -1, 0), (4, 1, -1)):
        points = np.einsum("ij,gjk,k->gi", Q, group, k)
        values = np.exp(-2j * np.pi / box * (points @ zyx[:, ::-1].T)) @ volume.ravel()
        mean = (values * np.exp(2j * np.pi / box * (points @ c))).mean() / box**1.5
        assert found[k[2], k[1], k[0]] == pytest.approx(mean, abs=2e-3)


@pytest.mark.parametrize("name", GROUPS)
def test_a_symmetric_body_stays_as_it_is(name):
    volume = phantom(name).density(BOX, VOXEL)
    assert relative(symmetrised_map(volume, symmetry_group(name)), volume) < 1e-3
    assert correlation_about_axes(volume, symmetry_group(name)) > 0.9999


@hypothesis_settings(max_examples=10, deadline=None)
@given(rotations(), shifts(2.0))
def test_the_pose_of_a_body_is_undone(Q, c):
    # Small enough to stay within its box where it is moved.
    whole, placed = (barrel(100.0).density(BOX, VOXEL, *pose) for pose in ((), (Q, c)))
    assert relative(symmetrised_map(placed, symmetry_group("D7"), Q, c), whole) < 1e-2


def test_each_copy_counts_by_what_was_seen_of_it():
    # Of one particle behind a wedge: sums of samples over sums of weights are its four copies'
    # average wherever any of them was seen, and that is the whole body.
    group, truth = symmetry_group("C4"), phantom("C4").density(BOX, VOXEL)
    seen = observed(Wedge(tilt_min_deg=-50.0, tilt_max_deg=50.0), BOX)
    wedged, weights = to_fourier(truth) * seen, seen.astype(np.complex64)
    samples, weight = symmetrised(np.stack([wedged, weights]), group, 9.0)
    average = samples / np.maximum(weight.real, 1e-3)
    clear = (weight.real > 0.4) & (radius_of(BOX) <= 8.0)
    assert clear.sum() > 0.6 * (radius_of(BOX) <= 8.0).sum()  # the rest lies about z: never seen
    assert relative(average[clear], to_fourier(truth)[clear]) < 0.1
    assert relative(wedged[clear], to_fourier(truth)[clear]) > 0.3


def test_halves_keep_their_noise_out_of_the_invariance():
    group, rng = symmetry_group("D7"), np.random.default_rng(5)
    found = {}
    for name, body in (("barrel", barrel()), ("blob", asymmetric_blob(110.0))):
        volume = body.density(BOX, VOXEL)
        halves = [
            to_fourier(volume + volume.std() * rng.normal(size=volume.shape).astype(np.float32))
            for _ in range(2)
        ]
        low = [symmetrised(h[None], group[:1], 8.0)[0] for h in halves]
        found[name] = invariance(low[0], low[1], symmetrised(halves[1][None], group, 8.0)[0])
        clean = correlation_about_axes(low_pass(volume, VOXEL, BOX * VOXEL / 8.0), group)
        assert found[name] == pytest.approx(clean, abs=0.05)
    assert found["barrel"] > found["blob"]
    nothing = np.zeros_like(to_fourier(np.zeros((BOX,) * 3, np.float32)))
    assert invariance(nothing, nothing, nothing) == 0.0


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_axes_of_a_body_are_found_wherever_it_lies(name, seed):
    rng, group = np.random.default_rng(seed), symmetry_group(name)
    Q, c = random_rotations(rng, 1)[0], rng.uniform(-2.0, 2.0, 3)
    volume = phantom(name).density(BOX, VOXEL, Q, c)
    volume = volume + 0.5 * volume.std() * rng.normal(size=volume.shape).astype(np.float32)
    axes = find_axes(volume, group, 10.0)
    # Every element about the axes found turns the body onto itself, to 1.5 degrees at its rim.
    clean = phantom(name).density(BOX, VOXEL, Q, c)
    upright = rotate(clean, axes.rotation.T, -axes.rotation.T @ axes.shift)
    assert correlation_about_axes(upright, group) > 0.995
    # The axis itself: directions which the group fixes are those of the body, to a degree.
    true, found = (np.einsum("ij,gjk,lk->gil", R, group, R) for R in (Q, axes.rotation))
    distances = [np.min([angle(a, b) for b in true]) for a in found]
    assert max(distances) < 1.5


def angle(one, other):
    return np.degrees(2.0 * np.arcsin(min(1.0, np.linalg.norm(one - other) / np.sqrt(8.0))))


def test_the_axes_of_a_barrel_are_found_in_noise_to_a_degree():
    rng, group = np.random.default_rng(4), symmetry_group("D7")
    for _ in range(3):
        Q, c = random_rotations(rng, 1)[0], rng.uniform(-3.0, 3.0, 3)
        volume = barrel().density(BOX, VOXEL, Q, c)
        noisy = volume + volume.std() * rng.normal(size=volume.shape).astype(np.float32)
        axes = find_axes(noisy, group, 10.0)
        # D14 holds the turns which bring the axes of D7 onto each other.
        assert min(angle(Q, axes.rotation @ g) for g in symmetry_group("D14")) < 1.0
        assert np.linalg.norm(axes.shift - c) < 0.2


@pytest.mark.parametrize("name", ["O", "T"])
def test_the_axes_of_a_shell_are_found_in_strong_noise(name):
    """Its shape alone is nearly a sphere: only its units tell the axes."""
    rng, group = np.random.default_rng(6), symmetry_group(name)
    for _ in range(3):
        Q, c = random_rotations(rng, 1)[0], rng.uniform(-2.0, 2.0, 3)
        clean = shell(name, 150.0).density(40, 6.0, Q, c)
        noisy = clean + 5.0 * clean.std() * rng.normal(size=clean.shape).astype(np.float32)
        axes = find_axes(noisy.astype(np.float32), group, 10.0)
        upright = rotate(clean, axes.rotation.T, -axes.rotation.T @ axes.shift)
        assert correlation_about_axes(upright, group) > 0.97
