from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.data.particles import ArrayParticles
from subtomo_core.errors import Cancelled, InputError
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.likelihood import held_out
from subtomo_core.likelihood.observation import Observer
from subtomo_core.orientation.rotations import angular_distance
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import Complete, Weights
from support.small_jobs import (
    VOXEL,
    WEDGE,
    Unchecked,
    batch_of,
    blobs,
    job,
    knowing,
    method_of,
    surveyed,
    volumes_of,
)

BOX = 20
REGION = observed(WEDGE, BOX)


def errors(poses, truth):
    return (
        angular_distance(poses.best_rotation, truth.rotations),
        np.linalg.norm(poses.best_shift - truth.shifts, axis=1),
    )


def expect(method, particles, model, **how):
    return method.expect(batch_of(particles), model, **how)


@pytest.fixture(scope="module")
def noisy():
    """Twelve noisy particles behind a wedge, with the truth."""
    return blobs(12, BOX)


@pytest.mark.parametrize("algorithm", ["faml", "fa"])
@pytest.mark.parametrize("missing", [Complete(), WEDGE], ids=["complete", "wedge"])
def test_noise_free_particles_are_found(algorithm, missing):
    clear = blobs(12, 24, snr=np.inf, missing=missing)
    method = method_of(clear.particles, job(algorithm))
    support = method.settings.observer.band(8.0)
    for i in range(12):
        # Without noise, what a wedge spills into the background sets each particle's scale.
        read = method.settings.observer.read(clear.particles, i, support)[0].values
        raw = support.take(to_fourier(clear.particles.volume(i)))
        scale = np.float32(np.linalg.norm(read) / np.linalg.norm(raw))
        model = knowing(method, clear.truth.maps * scale, 0.01)
        poses = method.expect(batch_of(clear.particles, rows=[i]), model).poses
        assert angular_distance(poses.best_rotation[0], clear.truth.rotations[i]) < 1.0
        assert np.linalg.norm(poses.best_shift[0] - clear.truth.shifts[i]) < 0.05


@pytest.mark.parametrize("generators", ["phase", "both", "magnitude"])
def test_every_generator_finds_noisy_particles(noisy, generators):
    method = method_of(noisy.particles, job(parameters={"generators": generators}))
    model = knowing(method, noisy.truth.maps, 3.0)
    angles, distances = errors(expect(method, noisy.particles, model).poses, noisy.truth)
    assert np.median(angles) < 5.0
    assert np.median(distances) < 0.3


def test_no_shift_is_longer_than_its_range(noisy):
    far = blobs(12, BOX, shift_range=3.0)
    method = method_of(far.particles, job(parameters={"shift_range_angstrom": 1.5 * VOXEL}))
    shifts = expect(method, far.particles, knowing(method, far.truth.maps, 3.0)).poses.shifts
    lengths = np.linalg.norm(shifts, axis=-1)
    assert 1.0 < lengths.max() <= 1.5 + 1e-6


def test_particles_meet_the_references_of_their_own_fold_alone(noisy):
    method = method_of(noisy.particles, job())
    model = knowing(method, noisy.truth.maps, 3.0)
    before = expect(method, noisy.particles, model).poses
    for fold in range(method.settings.folds):
        changed = model.fold_maps.copy()
        changed[fold] = changed[fold, :, ::-1]
        after = expect(method, noisy.particles, replace(model, fold_maps=changed)).poses
        own = np.arange(12) % method.settings.folds == fold
        assert np.array_equal(after.score[~own], before.score[~own])
        assert np.array_equal(after.rotations[~own], before.rotations[~own])
        assert (after.score[own] != before.score[own]).all()


@pytest.mark.parametrize("index", [2, 5])
def test_no_particle_is_in_the_references_which_it_meets(noisy, index):
    volumes = volumes_of(noisy.particles)
    volumes[index] = np.random.default_rng(0).normal(size=(BOX,) * 3)
    others = Unchecked(noisy.particles, volumes)
    method = method_of(noisy.particles, job())
    one, _ = surveyed(method, noisy.particles)
    two, _ = surveyed(method, others)
    folds = method.settings.folds
    for fold in range(folds):
        same = np.array_equal(one.fold_maps[fold], two.fold_maps[fold])
        assert same == (fold == index % folds)
    # Later references also take one gain a shell from all particles; the sums are apart.
    model = knowing(method, noisy.truth.maps, 3.0)
    first, second = (expect(method, p, model).statistics for p in (noisy.particles, others))
    for fold in range(folds):
        same = np.array_equal(first.numerator[fold], second.numerator[fold])
        assert same == (fold != index % folds)


def test_poses_against_a_given_map_do_not_depend_on_its_scale(noisy):
    method = method_of(noisy.particles, job())
    found = []
    for scale in (1.0, 1e3, 1e-3):
        model, _ = surveyed(method, noisy.particles, noisy.truth.maps * np.float32(scale))
        found.append(expect(method, noisy.particles, model).poses)
    for other in found[1:]:
        assert angular_distance(other.best_rotation, found[0].best_rotation).max() < 0.01
        assert np.allclose(other.best_shift, found[0].best_shift, atol=1e-3)
    angles, _ = errors(found[0], noisy.truth)
    assert np.median(angles) < 15.0  # of candidates on a grid, which are not refined


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("step", ["survey", "align"])
def test_a_cancelled_batch_ends_soon(noisy, threads, step):
    method = method_of(noisy.particles, job())
    model = method.start() if step == "survey" else knowing(method, noisy.truth.maps, 3.0)
    calls = []

    def on_particle():
        calls.append(1)
        if len(calls) >= 3:
            raise Cancelled("the job was cancelled")

    with pytest.raises(Cancelled):
        expect(method, noisy.particles, model, threads=threads, on_particle=on_particle)
    if step == "align":  # a survey's particles are done before the first is looked at
        assert len(calls) < 9


@pytest.mark.parametrize("threads", [1, 3])
def test_each_particle_is_told_once(noisy, threads):
    method = method_of(noisy.particles, job())
    for model in (method.start(), knowing(method, noisy.truth.maps, 3.0)):
        calls = []
        expect(
            method,
            noisy.particles,
            model,
            threads=threads,
            on_particle=lambda: calls.append(1),  # noqa: B023
        )
        assert len(calls) == 12


def test_a_particle_which_is_not_finite_is_named(noisy):
    volumes = volumes_of(noisy.particles)
    volumes[7, 0, 0, 0] = np.nan
    method = method_of(noisy.particles, job())
    model = knowing(method, noisy.truth.maps, 3.0)
    with pytest.raises(InputError, match="particle 8 holds values which are not finite"):
        expect(method, Unchecked(noisy.particles, volumes), model)


def test_scores_which_are_not_finite_are_told_with_the_particle(noisy):
    method = method_of(noisy.particles, job())
    model = knowing(method, noisy.truth.maps, 3.0)
    maps = model.fold_maps.copy()
    maps[1] = np.nan
    with pytest.raises(InputError, match="scores of particle 2 are not finite"):
        expect(method, noisy.particles, replace(model, fold_maps=maps))


def with_weights(particles, weights, transforms):
    """Premultiplied particles S and their weights W."""
    summary = DatasetSummary(
        particles=len(transforms),
        box=BOX,
        voxel_size_angstrom=VOXEL,
        missing=Weights(),
    )
    return ArrayParticles(np.stack([to_real(t) for t in transforms]), summary, weights)


@pytest.mark.parametrize("algorithm", ["faml", "fa"])
def test_weights_which_are_a_wedge_give_what_the_wedge_gives(noisy, algorithm, monkeypatch):
    # A wedge is the same for all particles but for what each holds out.
    monkeypatch.setattr(held_out, "SHARE", 0.0)
    white = {"parameters": {"noise": "white"}} if algorithm == "faml" else {}
    method = method_of(noisy.particles, job(algorithm, **white))
    observer = Observer.of(noisy.particles.summary, method.settings.observer.summary.box * 0.4)
    support = observer.band(BOX / 2 - 0.6)
    transforms = []
    for i in range(12):
        transform = np.zeros_like(REGION, np.complex64)
        samples = observer.read(noisy.particles, i, support)[0]
        transform.reshape(-1)[support.index] = samples.values
        transforms.append(transform)
    weights = np.repeat(REGION[None], 12, 0)
    weighted = with_weights(noisy.particles, weights, transforms)
    other = method_of(weighted, job(algorithm, **white))
    model = knowing(method, noisy.truth.maps, 3.0)
    one, two = expect(method, noisy.particles, model), expect(other, weighted, model)
    assert angular_distance(one.poses.best_rotation, two.poses.best_rotation).max() < 0.05
    assert np.allclose(one.poses.best_shift, two.poses.best_shift, atol=2e-3)
    assert np.allclose(one.poses.score, two.poses.score, rtol=1e-3, atol=0.02)
    for name in ("numerator", "denominator", "noise_sum", "noise_count"):
        a, b = getattr(one.statistics, name), getattr(two.statistics, name)
        assert np.abs(a - b).max() < 5e-3 * np.abs(a).max(), name


def fractional(seed, count=12):
    """Smooth weights as of contrast transfer functions, between 0.05 and 2, and the wedge."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.linspace(0, 1, m) for m in REGION.shape], indexing="ij")
    waves = rng.uniform(2.0, 6.0, (count, 3))
    turns = np.stack(
        [np.cos(2 * np.pi * sum(w * a for w, a in zip(v, axes, strict=True))) for v in waves]
    )
    return ((1.025 + 0.975 * turns) * REGION).astype(np.float32)


@pytest.mark.parametrize("noise", [0.01, 1.0])
def test_premultiplied_particles_with_weights_of_their_own_are_found(noise):
    clear = blobs(12, BOX, snr=np.inf, missing=Complete())
    W = fractional(0)
    rng = np.random.default_rng(1)
    transforms = [
        W[i] * to_fourier(v) + np.sqrt(noise * W[i]) * to_fourier(rng.normal(size=(BOX,) * 3))
        for i, v in enumerate(volumes_of(clear.particles))
    ]
    particles = with_weights(clear.particles, W, transforms)
    method = method_of(particles, job(parameters={"noise": "white"}))
    result = expect(method, particles, knowing(method, clear.truth.maps, noise))
    angles, distances = errors(result.poses, clear.truth)
    assert np.median(angles) < (1.0 if noise < 0.1 else 5.0)
    assert np.median(distances) < (0.05 if noise < 0.1 else 0.25)
    # At the right poses, what is left per shell is the noise which was put in.
    if noise == 1.0:
        sums = result.statistics
        inner = slice(2, int(method.settings.limit_shell))
        found = sums.noise_sum[inner].sum() / sums.noise_count[inner].sum()
        assert found == pytest.approx(noise, rel=0.1)
