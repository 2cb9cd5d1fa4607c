from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from subtomo_core.data.particles import ArrayParticles
from subtomo_core.errors import InputError
from subtomo_core.fourier.gridding import fsc
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.nufft import frequencies
from subtomo_core.fourier.shells import multiplicity, on_components, radius_of, shell_sums
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.spec.missing_region import Complete, Weights
from support.small_jobs import (
    WEDGE,
    Unchecked,
    batch_of,
    blobs,
    job,
    method_of,
    noise_particles,
    surveyed,
    volumes_of,
)

BOX, COMPLETE = 16, Complete()


def noise(count, box=BOX, seed=0, missing=COMPLETE, colour=None):
    """Noise behind a region, ``colour`` its variance in each shell (default: 9 in all)."""
    rng = np.random.default_rng(seed)
    amplitude = np.sqrt(np.full(box // 2 + 1, 9.0) if colour is None else colour)
    window = observed(missing, box) * on_components(amplitude, box)
    return noise_particles(
        np.stack([to_real(to_fourier(rng.normal(size=(box,) * 3)) * window) for _ in range(count)]),
        missing,
    )


def survey(particles, **fields):
    method = method_of(particles, job(**fields))
    return method.expect(batch_of(particles), method.start())


@pytest.fixture(scope="module")
def many():
    return survey(noise(500, 8)).poses


def test_orientations_are_uniform(many):
    R = many.best_rotation
    # Entries of a uniform rotation have mean 0 and variance 1/3: five standard errors.
    assert np.abs(R.mean(0)).max() < 5 * np.sqrt(1 / 3 / len(R))
    angle = np.arccos(np.clip((np.trace(R, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert kstest(angle, lambda a: (a - np.sin(a)) / np.pi).pvalue > 1e-3
    for axis in range(3):  # the third column's are those which uniform Euler angles spoil
        for row in range(3):
            assert kstest(R[:, row, axis], "uniform", (-1, 2)).pvalue > 1e-4


def test_no_particle_is_shifted(many):
    assert not many.shifts.any()


def test_an_orientation_depends_on_seed_and_particle_alone():
    particles = noise(9)
    here = survey(particles, seed=3).poses
    others = survey(noise(9, seed=8, missing=WEDGE), seed=3, classes=2).poses
    assert np.array_equal(here.best_rotation, others.best_rotation)
    method = method_of(particles, job(seed=3))
    rows = [7, 0, 4]
    some = method.expect(batch_of(particles, rows=rows), method.start()).poses
    assert np.array_equal(some.best_rotation, here.best_rotation[rows])
    another = survey(particles, seed=4).poses
    turned = np.abs(another.best_rotation - here.best_rotation).reshape(9, -1).max(1)
    assert turned.min() > 1e-3


@pytest.mark.parametrize(("count", "classes"), [(12, 3), (13, 4), (5, 5), (9, 2)])
def test_classes_are_equal_random_subsets(count, classes):
    particles = noise(count, 8)
    first = survey(particles, classes=classes)
    sizes = np.bincount(first.poses.best_class, minlength=classes)
    assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(first.statistics.mass.sum(0), sizes)
    assert np.array_equal(first.statistics.hard, sizes)
    assert np.array_equal(first.poses.probability.max(1), np.ones(count))


def test_another_seed_divides_the_particles_otherwise():
    particles = noise(40, 8)
    draws = [survey(particles, classes=2, seed=s).poses.best_class for s in range(4)]
    assert len({d.tobytes() for d in draws}) == 4
    orders = [np.arange(40) % 2, np.arange(40) // 20]
    assert all((d != o).any() and (d != 1 - o).any() for d in draws for o in orders)


def test_each_fold_holds_every_fourth_particle():
    mass = survey(noise(10, 8)).statistics.mass[:, 0]
    assert np.array_equal(mass, np.bincount(np.arange(10) % 4))


def test_the_first_references_are_no_picture_of_the_wedge():
    # Particles which share one wedge leave it empty when they are averaged as they lie.
    particles = noise(24, missing=WEDGE)
    method = method_of(particles, job())
    model, _ = surveyed(method, particles)
    radius = radius_of(BOX)
    region, inside = observed(WEDGE, BOX), (radius >= 2) & (radius <= method.settings.start_shell)

    def emptiness(volume):
        power = np.abs(to_fourier(volume)) ** 2 * multiplicity(BOX)
        counts = np.broadcast_to(multiplicity(BOX), power.shape)
        lost, seen = inside & (region == 0), inside & (region > 0)
        return (power[lost].sum() / counts[lost].sum()) / (power[seen].sum() / counts[seen].sum())

    assert emptiness(volumes_of(particles).mean(0)) < 0.02
    for fold_map in model.fold_maps[:, 0]:
        assert 0.5 < emptiness(fold_map) < 2.0


def test_the_survey_weighs_every_direction():
    statistics = survey(noise(24, missing=WEDGE)).statistics
    radius = radius_of(BOX)
    weight = statistics.denominator.sum((0, 1))[(radius > 2) & (radius < 6)]
    assert weight.min() > 0.2 * weight.mean()


@pytest.mark.parametrize("missing", [COMPLETE, WEDGE], ids=["complete", "wedge"])
@pytest.mark.parametrize("box", [16, 20])
def test_the_noise_of_pure_noise_is_right_in_each_shell_and_white(missing, box):
    particles = noise(20, box, missing=missing)
    # Voxels outside the mask are scaled to variance 1, whatever share of components is left.
    window = observed(missing, box)
    share = (window * on_components(np.ones(box // 2 + 1), box) * multiplicity(box)).sum() / box**3
    sums = survey(particles).statistics
    shells = np.arange(1, box // 2)
    found = (sums.noise_sum / np.maximum(sums.noise_count, 1))[shells]
    error = np.sqrt(2.0 / sums.noise_count[shells])
    assert np.all(np.abs(found * share - 1.0) < 5.0 * error + 0.03)
    method = method_of(particles, job())
    model, _ = surveyed(method, particles)
    assert len(set(model.noise.tolist())) == 1
    assert model.noise[0] == pytest.approx(1.0 / share, rel=0.03)


def test_coloured_noise_is_told_per_shell_when_asked():
    colour = 1.0 + 8.0 * np.exp(-np.arange(BOX // 2 + 1) / 2.0)
    particles = noise(40, missing=WEDGE, colour=colour)
    method = method_of(particles, job(parameters={"noise": "shells"}))
    model, seen = surveyed(method, particles)
    shells = np.arange(1, BOX // 2)
    ratio = model.noise[shells] / colour[shells]
    error = np.sqrt(2.0 / seen.statistics.noise_count[shells])
    assert np.all(np.abs(ratio / ratio.mean() - 1.0) < 5.0 * error + 0.05)


def test_noise_is_counted_over_observed_components_alone():
    sums = survey(noise(6, missing=WEDGE)).statistics
    region = observed(WEDGE, BOX) * (radius_of(BOX) <= BOX / 2 - 1)
    assert np.allclose(sums.noise_count, 6 * shell_sums(region, BOX))


def crowded(q, count=12):
    """Noise whose variance is ``9 W (1 + q W)``, W many images near z and few elsewhere."""
    rng = np.random.default_rng(2)
    weight = 1.0 + 20.0 / (1.0 + (frequencies(BOX)[..., :2] ** 2).sum(-1))
    amplitude = 3.0 * np.sqrt(weight * (1.0 + q * weight))
    volumes = [to_real(to_fourier(rng.normal(size=(BOX,) * 3)) * amplitude) for _ in range(count)]
    whole = noise_particles(np.stack(volumes), COMPLETE)
    summary = whole.summary.model_copy(update={"missing": Weights()})
    return ArrayParticles(np.stack(volumes), summary, np.repeat(weight[None], count, 0))


@pytest.mark.parametrize("masked", [True, False], ids=["under the mask", "whole"])
def test_structural_noise_is_found_under_the_mask_and_taken_out_of_the_noise(masked):
    particles = crowded(0.1)
    method = method_of(particles, job(mask={"particles": masked}))
    model, _ = surveyed(method, particles)
    # A mask mixes neighbouring components, of which those with many images are few.
    assert 0.01 < model.structural_noise < 0.2
    shells = slice(3, 7)
    assert np.all(np.abs(model.noise[shells] / 9.0 - 1.0) < 0.35)


@pytest.mark.parametrize("asked", [None, False, True])
def test_crowded_particles_are_searched_under_the_mask_unless_told_otherwise(asked):
    for q, crowd in ((0.1, True), (0.0, False)):
        particles = crowded(q)
        method = method_of(particles, job(mask={"particles": asked}))
        model, _ = surveyed(method, particles)
        assert model.under_mask == (crowd if asked is None else asked)
        window = method.settings.knowing(model).observer.window
        assert (window is not None) == model.under_mask


def test_without_structure_or_without_weights_there_is_no_structural_noise():
    # As much as chance makes of twelve particles, where 0.1 is found as 0.06.
    assert noise_of(crowded(0.0)).structural_noise < 0.012
    assert noise_of(noise(6, missing=WEDGE)).structural_noise == 0.0


def noise_of(particles):
    return surveyed(method_of(particles, job()), particles)[0]


def test_given_references_outlive_the_survey():
    some = blobs(8)
    method = method_of(some.particles, job())
    start = method.start(some.truth.maps)
    model, seen = surveyed(method, some.particles, some.truth.maps)
    assert np.array_equal(model.maps, start.maps)
    assert start.maps.any()
    curve = fsc(to_fourier(model.fold_maps[0, 0]), to_fourier(start.maps[0]))
    assert curve[1 : int(model.shell_in_use)].min() > 0.95  # shell by shell the same, but for scale
    assert not model.scaled
    assert model.noise.min() > 0
    assert np.array_equal(seen.poses.best_rotation, survey(some.particles).poses.best_rotation)


def test_without_references_the_first_averages_are_in_the_particles_scale():
    some = blobs(8)
    model, _ = surveyed(method_of(some.particles, job(classes=2)), some.particles)
    assert model.scaled
    assert model.iteration == 0
    assert model.fold_maps.reshape(-1, BOX**3).std(1).min() > 0
    assert np.array_equal(model.shares, [0.5, 0.5])


def test_references_of_another_shape_are_refused():
    some = blobs(8)
    method = method_of(some.particles, job(classes=2))
    for shape in ((3, BOX, BOX, BOX), (1, 8, 8, 8), (BOX, BOX, BOX)):
        with pytest.raises(InputError, match="do not fit 2 classes in a box of 16") as caught:
            method.start(np.ones(shape, np.float32))
        assert caught.value.problems[0].pointer == "/start"


def test_a_particle_which_is_not_finite_is_named():
    some = blobs(8)
    volumes = volumes_of(some.particles)
    volumes[5, 8, 8, 8] = np.nan
    with pytest.raises(InputError, match="particle 6 holds values which are not finite"):
        survey(Unchecked(some.particles, volumes))
