from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from subtomo_core.data.initial_poses import in_classes
from subtomo_core.errors import InputError
from subtomo_core.fourier.gridding import fsc
from subtomo_core.fourier.shells import shell_sums
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.maximise.next_model import reference_noise
from subtomo_core.maximise.noise import noise_variance
from subtomo_core.orientation.rotations import random_rotations
from support.core_steps import STEP_BOX as BOX
from support.core_steps import STEP_COUNT as COUNT
from support.core_steps import Step
from support.small_jobs import (
    batch_of,
    blobs,
    job,
    knowing,
    method_of,
    noise_particles,
    surveyed,
    volumes_of,
)
from support.strategies import seeds

SHELLS = BOX // 2 + 1


@pytest.fixture(scope="module")
def faml():
    return Step()


def noise_sums(step, per_shell, seen):
    count = np.where(np.arange(SHELLS) <= seen, 10.0 * np.arange(SHELLS), 0.0)
    return replace(step.statistics, noise_sum=count * per_shell, noise_count=count)


def test_white_noise_is_one_number_and_coloured_noise_one_for_each_shell(faml):
    colour = 5.0 - 0.5 * np.arange(SHELLS)
    sums = noise_sums(faml, colour, 5)
    white = noise_variance(faml.settings, faml.model, sums)
    assert np.allclose(white, sums.noise_sum.sum() / sums.noise_count.sum())
    shells = Step(parameters={"noise": "shells"})
    found = noise_variance(shells.settings, shells.model, sums)
    assert np.allclose(found[1:6], colour[1:6])
    assert np.allclose(found[6:], shells.model.noise[6:])  # not looked at: as they were
    assert found[0] > 0


def test_particles_of_which_nothing_was_seen_are_told():
    shells = Step(parameters={"noise": "shells"})
    nothing = replace(shells.model, noise=np.zeros(SHELLS))
    for sums in (noise_sums(shells, 0.0, 5), noise_sums(shells, 1.0, -1)):
        with pytest.raises(InputError, match="check the weights"):
            noise_variance(shells.settings, nothing, sums)


def test_distances_to_maps_of_another_scale_say_nothing_of_the_noise(faml):
    strange = replace(faml.model, scaled=False)
    result = faml.method.maximise(strange, faml.statistics)
    assert np.array_equal(result.noise, faml.model.noise)
    assert result.scaled


def test_the_noise_found_is_what_the_references_do_not_explain():
    # Against the truth what is left is the noise which was added, in the particles' scale.
    made = blobs(COUNT, BOX)
    method = method_of(made.particles, job())
    support = method.settings.observer.band(BOX / 2 - 1.0)
    scales = []
    for i, v in enumerate(volumes_of(made.particles)):
        values = method.settings.observer.read(made.particles, i, support)[0].values
        scales.append(np.linalg.norm(values) / np.linalg.norm(support.take(to_fourier(v))))
    added = np.mean(np.square(scales)) / made.snr
    model = knowing(method, made.truth.maps * np.float32(np.mean(scales)), added)
    result = method.maximise(model, method.expect(batch_of(made.particles), model).statistics)
    assert result.noise[3] == pytest.approx(added, rel=0.1)
    nothing = knowing(method, 0.001 * made.truth.maps, added)
    blind = method.expect(batch_of(made.particles), nothing).statistics
    assert method.maximise(nothing, blind).noise[3] > 1.3 * added


@pytest.mark.parametrize("steep", [1.0, 100.0])
def test_averages_do_not_depend_on_how_noise_goes_from_shell_to_shell(steep):
    # Weights which jump between shells ring in sums made by the exact transpose.
    made = blobs(COUNT, BOX, snr=100.0)
    method = method_of(made.particles, job())
    support = method.settings.observer.band(BOX / 2 - 1.0)
    seen = method.settings.observer.read(made.particles, 0, support)[0].values
    own = support.take(to_fourier(made.particles.volume(0)))
    scale = np.float32(np.linalg.norm(seen) / np.linalg.norm(own))
    model = knowing(method, made.truth.maps * scale, 1.0)
    jumps = np.where(np.arange(SHELLS) % 2, steep, 1.0)
    uneven = replace(model, noise=jumps)
    result = method.maximise(uneven, method.expect(batch_of(made.particles), uneven).statistics)
    agreed = fsc(to_fourier(result.half_maps.mean(0)[0]), to_fourier(made.truth.maps[0]))
    assert agreed[1 : int(model.shell_in_use)].min() > 0.95


@hypothesis_settings(max_examples=20, deadline=None)
@given(seeds())
def test_the_reference_noise_is_what_the_filter_and_the_mask_leave_of_white_noise(seed):
    settings = method_of(blobs(8).particles, job()).settings
    rng = np.random.default_rng(seed)
    power, gains = rng.uniform(0.1, 9.0, (2, SHELLS)), rng.uniform(0.0, 1.0, (2, SHELLS))
    found = reference_noise(settings, power, gains.astype(np.float32), 4.0)
    inside = float(np.mean(settings.mask.astype(np.float64) ** 2))
    assert np.allclose(found[:, :4], (power * gains**2)[:, :4] * inside, rtol=1e-4)
    assert not found[:, 6:].any()
    assert not reference_noise(settings, np.zeros_like(power), np.ones_like(found), 4.0).any()


@pytest.mark.parametrize("classes", [1, 2])
def test_the_reference_noise_of_pure_noise_is_the_references_own_power(classes):
    box, found, true = 20, [], []
    each = shell_sums(np.ones((box, box, box // 2 + 1), np.float32), box)
    for seed in range(4):
        volumes = np.random.default_rng(seed).normal(size=(24 * classes, box, box, box))
        particles = noise_particles(volumes.astype(np.float32))
        method = method_of(particles, job(classes=classes, seed=seed))
        model, _ = surveyed(method, particles)
        inside = slice(2, int(method.settings.start_shell) - 1)
        for k in range(classes):
            powers = [
                shell_sums(np.abs(to_fourier(m)) ** 2, box) / each for m in model.fold_maps[:, k]
            ]
            true.append(np.mean(powers, 0)[inside].mean())
            found.append(model.reference_noise[:, k, inside].mean())
    assert np.mean(found) == pytest.approx(np.mean(true), rel=0.2)


def test_the_reference_noise_falls_with_the_number_of_particles():
    volumes = np.random.default_rng(1).normal(size=(64, BOX, BOX, BOX)).astype(np.float32)
    found = []
    for count in (16, 64):
        particles = noise_particles(volumes[:count])
        model, _ = surveyed(method_of(particles, job()), particles)
        found.append(model.reference_noise[:, 0, 2:6].mean())
    assert found[0] / found[1] == pytest.approx(4.0, rel=0.4)


def test_each_folds_references_have_the_noise_of_their_own_particles():
    # Twelve particles a fold; the second class has nine of the first fold and three of the others.
    box, count = 20, 48
    volumes = np.random.default_rng(3).normal(size=(count, box, box, box)).astype(np.float32)
    particles = noise_particles(volumes)
    method = method_of(particles, job(classes=2, start={"kind": "poses"}))
    rounds = np.arange(count) // 4
    members = (rounds < np.where(np.arange(count) % 4 == 0, 9, 3)).astype(np.int64)
    turned = random_rotations(np.random.default_rng(4), count)
    poses = in_classes(turned, np.zeros((count, 3)), members, 2)
    start = method.start()
    seen = method.expect(batch_of(particles, poses), start)
    model = method.maximise(start, seen.statistics)
    inside = slice(3, int(method.settings.start_shell) - 1)
    each = shell_sums(np.ones((box, box, box // 2 + 1), np.float32), box)
    found = model.reference_noise[:, 1, inside].mean(1)
    true = [
        (shell_sums(np.abs(to_fourier(m)) ** 2, box) / each)[inside].mean()
        for m in model.fold_maps[:, 1]
    ]
    assert found[0] / found[1:].mean() == pytest.approx(15 / 9, rel=0.2)
    assert np.allclose(found, true, rtol=0.25)


def test_the_reference_of_a_fold_which_holds_all_of_a_class_has_no_noise():
    # The class's only particles are met by the other folds alone.
    step = Step(classes=2, parameters={"regularisation": 0.0})
    statistics = step.statistics
    mass = statistics.mass.copy()
    numerator, denominator = statistics.numerator.copy(), statistics.denominator.copy()
    for sums in (mass, numerator, denominator):
        sums[1:, 0] = 0.0
    emptied = replace(statistics, mass=mass, numerator=numerator, denominator=denominator)
    # In shell 1, whose gain no correlation of halves takes away.
    noise = step.method.maximise(step.model, emptied).reference_noise[:, 0, 1]
    assert noise[0] == 0.0
    assert (noise[1:] > 0).all()
