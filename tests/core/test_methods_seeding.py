"""A class which emptied gets another chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.methods.seeding import reseeded
from subtomo_core.simulate import MapStructure, asymmetric_blob
from support.small_jobs import VOXEL, batch_of, blobs, job, knowing, method_of

BOX, COUNT = 16, 24


@pytest.fixture(scope="module")
def mixed():
    """A body and its mirror image, as many of each, and a method which looks for both."""
    body = asymmetric_blob(0.5 * BOX * VOXEL)
    mirrored = MapStructure(body.density(BOX, VOXEL)[:, ::-1].copy(), VOXEL)
    made = blobs(structures=[body, mirrored], counts=[COUNT, COUNT], box=BOX)
    return made, method_of(made.particles, job(classes=2, iterations=40))


@pytest.fixture(scope="module")
def lopsided(mixed):
    """A model whose first class holds both bodies, and whose second is empty."""
    made, method = mixed
    mean = made.truth.maps.mean(0)
    variance = float(np.var(made.particles.volume(0)))
    model = knowing(method, np.stack([mean, np.zeros_like(mean)]), variance)
    start = method.settings.start_shell
    shaped = np.stack([method.settings.shape(m, start) for m in model.maps])
    folds = np.repeat(shaped[None], method.settings.folds, 0)
    return replace(model, iteration=6, fold_maps=folds, shell_in_use=start)


def test_an_emptied_class_comes_back_and_finds_its_particles(mixed, lopsided):
    made, method = mixed
    model, poses, alarms = lopsided, None, []
    for _ in range(8):
        seen = method.expect(batch_of(made.particles, poses), model, threads=2)
        model, poses = method.maximise(model, seen.statistics), seen.poses
        alarms.append(model.metrics.alarms)
    assert alarms[0] == ("class 2 had emptied: it begins again with half of class 1",)
    assert not any(alarms[1:])
    right = (poses.best_class == made.truth.classes).mean()
    assert max(right, 1.0 - right) >= 0.9
    assert min(model.metrics.class_shares) > 0.4


@pytest.fixture(scope="module")
def seen(mixed, lopsided):
    made, method = mixed
    return method.expect(batch_of(made.particles), lopsided).statistics


def test_the_largest_class_is_divided_and_nothing_is_lost(mixed, lopsided, seen):
    settings = mixed[1].settings
    assert seen.mass.sum(0)[1] < 1.0
    model, divided, told = reseeded(settings, lopsided, seen)
    assert len(told) == 1
    for name in ("numerator", "denominator", "mass"):
        before, after = getattr(seen, name), getattr(divided, name)
        for fold in range(4):
            new, old = (1, 0) if fold < 2 else (0, 1)
            assert np.array_equal(after[fold, new], before[fold, 0])
            assert new == 0 or not np.any(after[fold, old])
    halves = divided.mass[0::2], divided.mass[1::2]
    assert min(half.sum(0).min() for half in halves) > 1.0  # each half map has particles
    assert np.array_equal(model.fold_maps[:, 1], lopsided.fold_maps[:, 0])
    assert model.seeded == 7
    assert settings.balancing(replace(model, iteration=7))
    assert not settings.balancing(replace(model, iteration=12))


def test_the_shares_which_are_told_are_those_which_were_found(mixed, lopsided, seen):
    metrics = mixed[1].maximise(lopsided, seen).metrics
    assert metrics.class_shares[0] == pytest.approx(1.0, abs=0.01)
    assert metrics.class_shares[1] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("iteration", [-1, 20, 39])
def test_the_survey_and_the_second_half_of_a_job_leave_classes_as_they_are(
    mixed, lopsided, seen, iteration
):
    model = replace(lopsided, iteration=iteration)
    assert reseeded(mixed[1].settings, model, seen) == (model, seen, ())


def test_full_classes_stay_as_they_are(mixed, lopsided, seen):
    full = replace(seen, mass=np.full((4, 2), 6.0))
    assert reseeded(mixed[1].settings, lopsided, full) == (lopsided, full, ())


def test_a_class_of_a_few_particles_is_not_divided(mixed, lopsided, seen):
    few = replace(seen, mass=np.array([[3.0, 0.0]] * 4))
    _model, statistics, told = reseeded(mixed[1].settings, lopsided, few)
    assert statistics is few
    assert told == ()
