"""Half sets of a job: those of the dataset, from its first iteration to its last."""

from __future__ import annotations

import numpy as np

from subtomo_core.data.folds import Grouping
from subtomo_store.datasets.grouping import write_grouping
from subtomo_store.formats.star import read_particles
from subtomo_store.jobs.orders import Orders, Origin

GROUPS = np.array([0, 0, 0, 1, 2, 2, 3, 4, 4, 4, 4, 5])
GIVEN = np.array([0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1])
HALVES = {"half_sets": True, "classes": 1, "batch_particles": 3, "iterations": 2}


def tell(place, **told):
    write_grouping(place.store.files.dataset(place.dataset.id), Grouping(**told))


def half_sets(place, job, number):
    """Halves as an iteration's table tells them, 0 or 1."""
    file = place.store.files.iteration_file(job.id, number, "particles.star")
    return read_particles(file).half_sets - 1


def parted(labels, halves):
    return [label for label in set(labels) if len(set(halves[labels == label])) > 1]


def test_given_halves_are_used_and_told(place):
    tell(place, halves=GIVEN, groups=GROUPS)
    place.worker()
    job = place.submit(**HALVES)
    assert place.wait(job).status == "succeeded"
    assert all(np.array_equal(half_sets(place, job, n), GIVEN) for n in range(3))


def test_a_killed_worker_and_a_continued_job_keep_the_halves(place):
    tell(place, groups=GROUPS)
    job = place.submit(**HALVES)
    worker = place.worker(ADDING_SECONDS="0.4")
    place.wait_for_particles(job, 1, 4)
    worker.kill()
    place.worker()
    assert place.wait(job).status == "succeeded"
    first = half_sets(place, job, 0)
    assert (parted(GROUPS, first), int(first.sum())) == ([], 6)
    orders = Orders(continues=Origin(job.id, 1))
    further = place.submit(orders=orders, **HALVES | {"iterations": 3})
    assert place.wait(further).status == "succeeded"
    for told in (half_sets(place, job, 2), half_sets(place, further, 3)):
        assert np.array_equal(told, first)


def test_whole_tomograms_follow_the_seed(place):
    tomograms = np.arange(12) // 2
    tell(place, tomograms=tomograms)
    place.worker()
    halves = []
    for seed in (1, 1, 2, 3):
        job = place.submit(**HALVES | {"iterations": 1, "whole_tomograms": True, "seed": seed})
        assert place.wait(job).status == "succeeded"
        halves.append(half_sets(place, job, 1))
    assert all(parted(tomograms, each) == [] for each in halves)
    assert np.array_equal(halves[0], halves[1])
    assert len({tuple(each) for each in halves}) > 1
