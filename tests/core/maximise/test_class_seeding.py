"""A class which emptied gets another chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.maximise import class_similarity
from subtomo_core.maximise.averages import Averages
from subtomo_core.maximise.class_regrouping import Found, disowned, regrouped
from subtomo_core.maximise.class_seeding import (
    WHOLE,
    Groups,
    History,
    comparing,
    reseeded,
    united,
)
from subtomo_core.run import run
from subtomo_core.score.classes import class_agreement
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
    assert alarms[0] == ("class 2 was empty: it begins again with half of class 1",)
    assert not any(alarms[1:])
    right = (poses.best_class == made.truth.classes).mean()
    assert max(right, 1.0 - right) >= 0.9
    assert min(model.metrics.class_shares) > 0.4


@pytest.fixture(scope="module")
def seen(mixed, lopsided):
    made, method = mixed
    return method.expect(batch_of(made.particles), lopsided).statistics


@pytest.fixture(scope="module")
def groups(mixed, lopsided, seen):
    """The lopsided model, and the sums of the iteration which follows."""
    averages = Averages.of(mixed[1].settings, seen, lopsided.shell_in_use)
    return Groups(lopsided, averages, ())


NO_MISFIT = np.zeros(2)
NOTHING = Found(NO_MISFIT, 0.0, np.full(2, 9.0))


def test_the_full_class_is_divided_and_nothing_is_lost(mixed, lopsided, groups):
    settings = mixed[1].settings
    assert groups.averages.mass.sum(0)[1] < 1.0
    model, divided, told = reseeded(settings, groups, NO_MISFIT)
    assert len(told) == 1
    for name in ("numerators", "denominators", "mass"):
        before, after = getattr(groups.averages, name), getattr(divided, name)
        for fold in range(4):
            new, old = (1, 0) if fold < 2 else (0, 1)
            assert np.array_equal(after[fold, new], before[fold, 0])
            assert new == 0 or not np.any(after[fold, old])
    halves = divided.mass[0::2], divided.mass[1::2]
    assert min(half.sum(0).min() for half in halves) > 1.0  # each half map has particles
    assert np.array_equal(model.fold_maps[:, 1], lopsided.fold_maps[:, 0])
    assert model.seeded == 7
    assert model.divided_from.tolist() == [-1, 0]
    assert comparing(settings, replace(model, iteration=12))
    assert not comparing(settings, replace(model, iteration=13))


def test_the_shares_which_are_told_are_those_which_were_found(mixed, lopsided, seen):
    metrics = mixed[1].maximise(lopsided, seen).metrics
    assert metrics.class_shares[0] == pytest.approx(1.0, abs=0.01)
    assert metrics.class_shares[1] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("iteration", [-1, 5, 32, 39])
def test_in_the_first_and_the_last_iterations_classes_stay_as_they_are(mixed, groups, iteration):
    model = replace(groups.model, iteration=iteration)
    same = regrouped(mixed[1].settings, model, groups.averages, NOTHING)
    assert same.averages is groups.averages
    assert same.told == ()


def test_an_empty_class_begins_with_what_shows_nothing(mixed, groups):
    settings, found = mixed[1].settings, NOTHING._replace(junk=12.0)
    model, averages, told = regrouped(settings, groups.model, groups.averages, found)
    assert (model.adopting, model.adoptions, model.seeded) == (1, 1, 7)
    assert model.adopted.tolist() == [-1, 7]
    assert averages is groups.averages  # nothing is divided besides
    assert told == ("class 2 was empty: it begins again with the particles that show nothing",)
    after, *_ = regrouped(settings, replace(model, iteration=7), groups.averages, NOTHING)
    assert after.adopting == -1


@pytest.mark.parametrize(
    ("found", "adoptions"),
    [
        (NOTHING._replace(junk=11.9), 0),
        (NOTHING._replace(junk=40.0, borne_out=np.full(2, np.nan)), 0),
        (NOTHING._replace(junk=40.0), 2),
    ],
)
def test_a_few_or_what_was_tried_in_vain_stays_junk(mixed, groups, found, adoptions):
    model = replace(groups.model, adoptions=adoptions)
    changed, *_ = regrouped(mixed[1].settings, model, groups.averages, found)
    assert changed.adopting == -1
    assert changed.divided_from.tolist() == [-1, 0]  # the empty class begins as half of the other


@pytest.mark.parametrize(("iteration", "borne_out", "stays"), [(9, -1, 0), (9, 1, 1), (8, -1, 1)])
def test_a_class_of_what_shows_nothing_is_given_up(groups, iteration, borne_out, stays):
    full = replace(groups.averages, mass=np.full((4, 2), 6.0))
    model = replace(groups.model, iteration=iteration, adopted=np.array([-1, 7]))
    found = NOTHING._replace(borne_out=np.array([-1.0, borne_out]))
    after = disowned(Groups(model, full, ()), found)
    assert after.averages.mass.sum(0).tolist() == [24.0, 24.0 * stays]
    assert after.model.adopted[1] == (7 if stays else -1)
    assert len(after.told) == 1 - stays


def test_full_classes_stay_as_they_are(mixed, groups):
    averages = replace(groups.averages, mass=np.full((4, 2), 6.0))
    full = groups._replace(averages=averages)
    assert reseeded(mixed[1].settings, full, NO_MISFIT) == full


def test_a_class_of_a_few_particles_is_not_divided(mixed, groups):
    averages = replace(groups.averages, mass=np.array([[2.5, 0.0]] * 4))
    few = groups._replace(averages=averages)
    _model, same, told = reseeded(mixed[1].settings, few, NO_MISFIT)
    assert same is averages
    assert told == ()


def three(groups, mass, **history):
    """Three classes of which the third is empty, after what is known of them."""
    averages = groups.averages
    first = np.array([0, 0, 0])
    wide = replace(
        averages,
        numerators=averages.numerators[:, first],
        denominators=averages.denominators[:, first],
        mass=np.tile(np.asarray(mass, np.float64) / 4.0, (4, 1)),
    )
    model = replace(
        groups.model,
        fold_maps=groups.model.fold_maps[:, first],
        shares=np.full(3, 1 / 3),
        vain=np.zeros(3, np.int64),
        divided_from=np.full(3, -1),
    )
    return Groups(replace(model, **history), wide, ())


def test_what_departs_most_from_its_reference_is_divided_first(mixed, groups):
    settings = mixed[1].settings
    for misfit, donor in (([100.0, 90.0, 0.0], 1), ([100.0, 10.0, 0.0], 0)):
        model, _, _ = reseeded(settings, three(groups, [40, 20, 0]), np.array(misfit))
        assert model.divided_from[2] == donor


def test_what_was_divided_in_vain_is_divided_otherwise_and_then_not_at_all(mixed, groups):
    settings, misfit = mixed[1].settings, np.array([100.0, 0.0, 0.0])
    mass = [40, 20, 0]
    emptied = three(groups, mass, divided_from=np.array([-1, -1, 0]))
    model, averages, _ = reseeded(settings, emptied, misfit)
    assert model.vain.tolist() == [1, 0, 0]
    assert model.divided_from[2] == 0
    assert averages.mass[:, 2].nonzero()[0].tolist() == [0, 3]
    again = three(groups, mass, vain=np.array([WHOLE, 0, 0]))
    model, _, _ = reseeded(settings, again, misfit)
    assert model.divided_from[2] == 1
    whole = three(groups, mass, vain=np.array([WHOLE, WHOLE, 0]))
    same = reseeded(settings, whole, misfit)
    assert same.told == ()
    assert same.averages is whole.averages


def test_what_outgrew_the_class_it_was_divided_from_is_whole_when_they_are_found_alike(
    mixed, groups
):
    # The third class was divided from the first, took most of its particles, and both are one.
    before = three(groups, [0, 20, 40], divided_from=np.array([-1, -1, 0]))
    history = History.of(before.model)
    history.finds(larger=2, smaller=0)
    found = before._replace(model=replace(before.model, **history._asdict()))
    model, _, _ = reseeded(mixed[1].settings, found, np.array([0.0, 0.0, 100.0]))
    assert History.of(model).whole.tolist() == [False, False, True]
    assert model.divided_from[0] == 1  # the other class, though it departs less


def test_models_which_were_stored_before_have_no_history(groups):
    old = replace(groups.model, vain=np.zeros(0, np.int64), divided_from=np.zeros(0, np.int64))
    history = History.of(old)
    assert not history.whole.any()
    assert (history.divided_from == -1).all()


@pytest.mark.parametrize(("vain", "remedy"), [(WHOLE, "fewer classes would do"), (0, "ask for")])
def test_an_empty_class_is_told_with_what_to_do(mixed, lopsided, seen, vain, remedy):
    late = replace(lopsided, iteration=35, vain=np.array([vain, 0]), divided_from=np.full(2, -1))
    alarms = mixed[1].maximise(late, seen).metrics.alarms
    assert len(alarms) == 1
    assert remedy in alarms[0]


def test_two_classes_of_one_structure_become_one(mixed, groups, monkeypatch):
    monkeypatch.setattr(class_similarity, "_LOUD", 50.0)  # what particles gain in a box of 16
    settings, twice = mixed[1].settings, [0, 0]
    pair = replace(
        groups.averages,
        numerators=groups.averages.numerators[:, twice],
        denominators=groups.averages.denominators[:, twice],
        mass=groups.averages.mass[:, twice],
    )
    model = replace(groups.model, fold_maps=groups.model.fold_maps[:, twice])
    for iteration, emptied in ((5, False), (6, True), (30, False)):
        now = Groups(replace(model, iteration=iteration), pair, ())
        after = united(settings, now, NO_MISFIT)
        assert after.averages.mass[:, 1].any() == (not emptied)
        assert History.of(after.model).whole.tolist() == [emptied, False]


@pytest.mark.slow
def test_a_class_too_many_ends_empty(mixed):
    made, _ = mixed
    spec = job(classes=4, iterations=20, seed=2)
    result = run(made.particles, spec, threads=2)
    counts = class_agreement(result.poses.best_class, made.truth.classes, 4)
    assert counts.purity == 1.0
    assert (np.asarray(result.history[-1].class_shares_hard) > 0).sum() == 2
    assert counts.mean_f1 == 1.0
