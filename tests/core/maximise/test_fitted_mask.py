from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.fourier.masks import radii, soft_sphere
from subtomo_core.fourier.reference_mask import mask_within
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.maximise.averages import Averages
from subtomo_core.maximise.fitted_mask import (
    Agreement,
    fitted,
    half_transforms,
    holding,
    last_radius,
    shaped,
)
from subtomo_core.maximise.next_model import next_shell
from subtomo_core.simulate import GaussianStructure, asymmetric_blob
from support.small_jobs import VOXEL, batch_of, blobs, job, knowing, method_of

BOX, COUNT = 40, 16
SMALL = [asymmetric_blob(0.3 * BOX * VOXEL)]


@pytest.fixture(scope="module")
def made():
    return blobs(COUNT, BOX, structures=SMALL)


def seen(made, maps=None, **fields):
    """Settings, model and averages of particles against maps, the true ones if none are given."""
    method = method_of(made.particles, job(**fields))
    model = knowing(method, made.truth.maps if maps is None else maps, 3.0)
    sums = method.expect(batch_of(made.particles), model).statistics
    return method.settings, model, Averages.of(method.settings, sums, model.shell_in_use)


def radius_of_truth(made):
    """Radius which holds all but a hundredth of the structure's squared density."""
    distance = np.rint(radii(BOX)).astype(int).ravel()
    within = np.cumsum(np.bincount(distance, made.truth.maps[0].ravel().astype(float) ** 2))
    return float(np.searchsorted(within, 0.99 * within[-1]))


@pytest.fixture(scope="module")
def step(made):
    return seen(made)


def test_the_sphere_holds_the_molecule_and_little_else(made, step):
    settings, model, averages = step
    drawn_in = fitted(settings, averages, model)
    true = radius_of_truth(made)
    found = Agreement.of(settings, half_transforms(averages, model), model, 0).radius
    assert abs(found - true) <= 2.0  # of 20 to the edge
    assert drawn_in.mask_radius < 0.8 * settings.mask_radius
    lost = made.truth.maps[0] * (1.0 - drawn_in.mask)
    assert np.linalg.norm(lost) < 0.05 * np.linalg.norm(made.truth.maps[0])
    assert (drawn_in.mask <= settings.mask + 1e-6).all()


def test_a_sphere_which_was_too_small_grows_again(made, step):
    cut = made.truth.maps * soft_sphere(BOX, 0.6 * radius_of_truth(made))
    settings, model, averages = seen(made, cut)
    assert fitted(settings, averages, model).mask_radius >= radius_of_truth(made)


@pytest.mark.parametrize("level", [0.05, 0.1])
def test_noise_which_halves_took_from_their_references_is_no_molecule(made, step, level):
    settings, model, averages = step
    true = radius_of_truth(made)
    last = true + 6.0
    mask = mask_within(BOX, last)
    references = replace(model, maps=made.truth.maps * mask + 1e-6 * mask)
    assert last_radius(settings, references) == pytest.approx(last, abs=0.5)
    inside = radii(BOX) <= true
    grain = np.random.default_rng(2).standard_normal((BOX,) * 3, np.float32)
    strength = np.sqrt(level * np.mean(made.truth.maps[0][inside] ** 2))
    both = to_fourier(made.truth.maps[0] + np.float32(strength) * grain * mask)
    sums = np.broadcast_to(both, averages.numerators.shape) * averages.denominators
    shared = replace(averages, numerators=sums)
    found = Agreement.of(settings, half_transforms(shared, references), references, 0)
    assert abs(found.radius - true) <= 2.0


def test_where_halves_agree_everywhere_the_sphere_stays(step):
    settings, model, averages = step
    noise = 30.0 * np.random.default_rng(1).standard_normal((BOX,) * 3, np.float32)
    full = np.broadcast_to(to_fourier(noise), averages.numerators.shape) * averages.denominators
    assert fitted(settings, replace(averages, numerators=full), model) is settings


def test_before_references_are_of_the_particles_the_sphere_stays(step):
    settings, model, averages = step
    assert fitted(settings, averages, replace(model, iteration=-1)) is settings
    assert fitted(settings, averages, replace(model, scaled=False)) is settings


@pytest.mark.parametrize(
    ("mask", "drawn_in"),
    [
        ({}, True),
        ({"fit": False}, False),
        ({"diameter_angstrom": 160.0}, False),
        ({"diameter_angstrom": 160.0, "fit": True}, True),
    ],
)
def test_a_diameter_is_kept_unless_fitting_is_asked_for(made, step, mask, drawn_in):
    _, model, averages = step
    settings = method_of(made.particles, job(mask=mask)).settings
    assert (fitted(settings, averages, model).mask_radius < settings.mask_radius) is drawn_in


def test_averages_are_cut_by_the_fitted_sphere(made):
    maps = {}
    for fit in (False, True):
        method = method_of(made.particles, job(mask={"fit": fit}))
        model = knowing(method, made.truth.maps, 3.0)
        sums = method.expect(batch_of(made.particles), model).statistics
        maps[fit] = method.maximise(model, sums).maps[0]
    outside = radii(BOX) > radius_of_truth(made) + 10.0
    assert not maps[True][outside].any()
    assert maps[False][outside].any()


ROD = GaussianStructure(
    np.array([[0.0, 0.0, z] for z in (-45.0, -25.0, 0.0, 25.0, 45.0)]),
    np.full(5, 9.0),
    np.array([1.0, 1.2, 1.0, 0.8, 1.0]),
)


@pytest.fixture(scope="module")
def rod():
    """Particles of a rod, and a later iteration's settings, model and averages of them."""
    made = blobs(COUNT, BOX, structures=[ROD])
    settings, model, averages = seen(made)
    return made, settings, replace(model, iteration=3), averages


def test_the_mask_follows_the_shape_of_a_long_molecule(rod):
    made, settings, model, averages = rod
    sphere = fitted(settings, averages, model)
    mask = shaped(sphere, averages, model).mask
    assert mask.sum() < 0.7 * sphere.mask.sum()
    lost = made.truth.maps[0] * (1.0 - mask)
    assert np.linalg.norm(lost) < 0.05 * np.linalg.norm(made.truth.maps[0])
    assert (mask <= sphere.mask + 1e-6).all()


def test_a_shape_which_was_too_small_grows_again(rod):
    made, _, _, _ = rod
    half = made.truth.maps * (np.arange(BOX) > BOX // 2)[:, None, None]
    settings, model, averages = seen(made, half)
    again = shaped(settings, averages, replace(model, iteration=3)).mask
    whole = made.truth.maps[0]
    assert np.linalg.norm(whole * (1.0 - again)) < 0.1 * np.linalg.norm(whole)


def test_the_largest_of_the_classes_shapes_is_the_mask_of_all(rod, made):
    both = blobs(0, BOX, structures=[ROD, *SMALL], counts=[COUNT, COUNT])
    settings, model, averages = seen(both, classes=2)
    model = replace(model, iteration=3)
    halves = half_transforms(averages, model)
    shapes = [Agreement.of(settings, halves, model, k).shape for k in range(2)]
    mask = shaped(settings, averages, model).mask
    assert np.allclose(mask, np.maximum(*shapes) * settings.mask)


def test_noise_has_no_shape(rod):
    _, settings, model, averages = rod
    noise = 30.0 * np.random.default_rng(1).standard_normal((BOX,) * 3, np.float32)
    full = np.broadcast_to(to_fourier(noise), averages.numerators.shape) * averages.denominators
    assert shaped(settings, replace(averages, numerators=full), model) is settings


def test_there_is_no_shape_in_the_first_iterations_nor_under_a_given_mask(rod):
    made, settings, model, averages = rod
    assert shaped(settings, averages, replace(model, iteration=0)) is settings
    fixed = method_of(made.particles, job(mask={"fit": False})).settings
    assert shaped(fixed, averages, model) is fixed


@pytest.mark.parametrize("growth", [0.3, 1.0, 3.5])
def test_the_resolution_in_use_grows_no_faster_than_asked(made, growth):
    method = method_of(made.particles, job(resolution={"growth_shells": growth}))
    model = method.start(None)
    agreed = np.ones_like(model.fsc)
    assert next_shell(method.settings, model, agreed) == pytest.approx(
        min(model.shell_in_use + growth, method.settings.limit_shell)
    )


@pytest.mark.parametrize(
    ("within", "radius"),
    [
        ([1.0, 5.0, 9.0, 10.0, 10.0], 3),
        ([1.0, 12.0, 9.8, 10.0, 10.0], 3),  # what is held once may be lost again
        ([1.0, 2.0, 0.5, 0.0], None),  # nothing in the end
        ([3.0, 2.0, 1.5, 1.0], None),  # more was taken off than there was: no molecule
    ],
)
def test_a_molecule_ends_where_the_sums_have_settled(within, radius):
    assert holding(np.array(within)) == radius
