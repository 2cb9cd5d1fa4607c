"""Halves and folds: what belongs together is never parted, and sizes are as equal as can be."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from subtomo_core.data.folds import (
    Grouping,
    dealt,
    folds_of,
    grouping_problems,
    half_of,
    halved,
    halves_of,
)
from subtomo_core.data.initial_poses import in_classes
from subtomo_core.errors import InputError
from subtomo_core.maximise.averages import Averages
from subtomo_core.maximise.half_references import references
from subtomo_core.methods import create
from subtomo_core.run import run
from subtomo_core.spec.checks import check
from subtomo_core.spec.missing_region import Complete
from support.small_jobs import (
    Unchecked,
    batch_of,
    blobs,
    job,
    knowing,
    method_of,
    noise_particles,
    volumes_of,
)

HALVES = job(half_sets=True)
WHOLE = job(half_sets=True, whole_tomograms=True)


def parted(labels, parts):
    """Labels that stand in several parts."""
    return [label for label in np.unique(labels) if len(np.unique(parts[labels == label])) > 1]


def random_labels(seed, groups=9, largest=7):
    rng = np.random.default_rng(seed)
    return rng.permutation(np.repeat(np.arange(groups), rng.integers(1, largest, groups)))


@pytest.mark.parametrize("count", [16, 21, 1000])
def test_where_nothing_is_told_every_other_particle_is_of_one_half(count):
    index = np.arange(count)
    assert np.array_equal(folds_of(HALVES, count), index % 8)
    assert np.array_equal(folds_of(job(), count), index % 4)
    # What is told of each particle alone is nothing.
    alone = Grouping(groups=index[::-1] * 3)
    assert np.array_equal(folds_of(job(), count, alone), index % 4)


@pytest.mark.parametrize("seed", range(20))
def test_no_group_is_parted_and_halves_are_as_equal_as_groups_allow(seed):
    labels = random_labels(seed)
    halves = halves_of(HALVES, len(labels), Grouping(groups=labels))
    assert set(halves) == {0, 1}
    assert parted(labels, halves) == []
    sizes, among = np.bincount(labels), range(labels.max() + 1)
    choices = [c for n in among for c in combinations(among, n)]
    best = min(abs(len(labels) - 2 * sizes[list(c)].sum()) for c in choices)
    assert abs(int(np.diff(np.bincount(halves))[0])) == best


def test_halves_of_many_particles_are_equal():
    labels = random_labels(3, groups=20_000, largest=9)
    assert len(labels) > 80_000
    halves = halved(labels)
    assert parted(labels[:2000], halves[:2000]) == []
    assert abs(int(halves.sum()) * 2 - len(labels)) <= 1


def test_halves_of_groups_are_those_of_the_dataset_and_of_tomograms_those_of_the_seed():
    labels = random_labels(1)
    count, told = len(labels), Grouping(groups=labels, tomograms=labels // 2)

    def halves(seed, **fields):
        return halves_of(job(half_sets=True, seed=seed, **fields), count, told).tolist()

    assert halves(1) == halves(2)
    assert parted(labels // 2, np.array(halves(1))) != []
    drawn = [halves(seed, whole_tomograms=True) for seed in range(8)]
    assert halves(3, whole_tomograms=True) == drawn[3]
    assert len({tuple(each) for each in drawn}) > 1
    for each in drawn:
        assert parted(labels // 2, np.array(each)) == []


def test_given_halves_are_used_as_they_are():
    rng = np.random.default_rng(4)
    given, labels = (rng.random(50) < 0.3).astype(np.int64), rng.integers(0, 20, 50)
    folds = folds_of(HALVES, 50, Grouping(halves=given, groups=labels))
    assert np.array_equal(half_of(folds), given)
    assert set(folds) == set(range(8))


@pytest.mark.parametrize("seed", range(10))
def test_folds_hold_whole_groups_where_there_are_enough(seed):
    labels = random_labels(seed, groups=60)
    for spec, parts in ((HALVES, 8), (job(), 4)):
        folds = folds_of(spec, len(labels), Grouping(groups=labels))
        assert parted(labels, folds) == []
        sizes = np.bincount(folds, minlength=parts)
        # Single steps of the largest group: no part is further from the smallest than that.
        assert sizes[::2].max() - sizes[::2].min() <= 6


def test_no_fold_is_nearly_empty():
    three = np.repeat(np.arange(3), 20)
    assert np.bincount(dealt(three, 4)).tolist() == [15] * 4
    halves = Grouping(groups=three)
    folds = folds_of(HALVES, 60, halves)
    assert parted(three, half_of(folds)) == []
    assert np.bincount(folds).min() >= 5


def test_a_particle_meets_no_other_of_its_group():
    made, groups = blobs(32), np.arange(32)
    groups[9] = groups[20] = groups[4]
    spec = job(half_sets=True, resolution={"start_angstrom": 20.0, "limit_angstrom": 12.0})
    resolved = method_of(made.particles, spec).settings.spec
    folds = folds_of(resolved, 32, Grouping(groups=groups))
    method = create(resolved, made.particles.summary, folds=folds)
    model = knowing(method, made.truth.maps, 3.0)
    volumes = volumes_of(made.particles)
    volumes[9] = np.roll(volumes[9], 3, 0)
    pair = [made.particles, Unchecked(made.particles, volumes)]
    averages = [
        Averages.of(method.settings, method.expect(batch_of(p), model).statistics, 6.0)
        for p in pair
    ]

    def met(particle):
        fold = int(folds[particle])
        return [references(method.settings, a, model, fold, 0.0)[0].tobytes() for a in averages]

    for relative in (4, 9, 20):
        assert len(set(met(relative))) == 1
    assert len(set(met(next(i for i in range(32) if folds[i] != folds[9])))) == 2
    apart = 1 - half_of(folds[9])
    assert len({a.half_maps()[0][apart].tobytes() for a in averages}) == 1


def test_copies_of_noise_agree_only_where_the_halves_share_them():
    """24 boxes of noise, each there twice and side by side, averaged as they lie."""
    rng = np.random.default_rng(7)
    volumes = np.repeat(rng.normal(size=(24, 16, 16, 16)).astype(np.float32), 2, 0)
    particles = noise_particles(volumes, Complete())
    spec = job("fa", half_sets=True, iterations=1, start={"kind": "poses"})
    lying = in_classes(np.tile(np.eye(3), (48, 1, 1)), np.zeros((48, 3)), np.zeros(48, int), 1)

    def agreement(**told):
        seen = []
        grouping = Grouping(**told)
        watch = lambda model, _poses: seen.append(model.fsc_parts[0, 0])  # noqa: E731
        run(particles, spec, poses=lying, grouping=grouping, on_iteration=watch)
        return float(seen[0][4:7].mean())

    assert agreement() > 0.9
    # Shells 4 to 6 hold 480 independent components: five deviations of 1 / sqrt(960) are 0.16.
    assert abs(agreement(groups=np.arange(48) // 2)) < 0.16


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("spec", "told", "pointer", "words"),
    [
        (WHOLE, {}, "/whole_tomograms", "names no tomograms"),
        (WHOLE, {"tomograms": np.zeros(40)}, "/whole_tomograms", "of one tomogram"),
        (
            WHOLE,
            {"tomograms": np.arange(40) // 20, "halves": np.arange(40) % 2},
            "/whole_tomograms",
            "rlnRandomSubset",
        ),
        (WHOLE, {"tomograms": np.arange(40) // 37}, "/half_sets", "have 3 particles"),
        (HALVES, {"groups": np.zeros(40)}, "/half_sets", "have 0 particles"),
        (HALVES, {"halves": np.arange(40) // 37}, "/half_sets", "the table gives them so"),
    ],
)
def test_a_dataset_that_cannot_be_divided_so_is_refused(spec, told, pointer, words):
    grouping = Grouping(**{name: labels.astype(np.int64) for name, labels in told.items()})
    (problem,) = grouping_problems(spec, 40, grouping)
    assert problem.pointer == pointer
    assert words in problem.detail
    assert grouping_problems(job(), 40, grouping) == []


def test_given_halves_may_keep_tomograms_whole():
    tomograms = np.arange(40) // 10
    told = Grouping(halves=tomograms % 2, tomograms=tomograms)
    assert grouping_problems(WHOLE, 40, told) == []


def test_a_run_refuses_what_cannot_be_divided():
    made = blobs(16)
    with pytest.raises(InputError, match="one tomogram"):
        run(made.particles, WHOLE, grouping=Grouping(tomograms=np.zeros(16, np.int64)))


def test_whole_tomograms_belong_to_half_sets():
    (problem,) = check(job(whole_tomograms=True), blobs(16).particles.summary)
    assert problem.pointer == "/whole_tomograms"
    assert "set half_sets to true" in problem.detail
