"""Log-likelihoods divided by a temperature."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from subtomo_core.data.statistics import Statistics
from subtomo_core.orientation.rotations import angular_distance
from support.small_jobs import batch_of, blobs, job, knowing, method_of


def searched(particles, maps, *, classes=1, **parameters):
    """Expectation against the true maps, which have not the particles' scale."""
    spec = job(classes=classes, parameters={"junk": 0.0} | parameters)
    method = method_of(particles, spec)
    return method.expect(batch_of(particles), knowing(method, maps, variance=1.0))


def test_scores_are_divided_and_the_noise_is_what_it_was():
    """Poses of clear particles leave nothing open at either temperature."""
    clear = blobs(6, 16, snr=20.0)
    one = searched(clear.particles, clear.truth.maps)
    three = searched(clear.particles, clear.truth.maps, temperature=3.0)
    turned = angular_distance(one.poses.best_rotation, three.poses.best_rotation)
    assert turned.max() < 1.0
    assert three.poses.score == pytest.approx(one.poses.score / 3.0, rel=1e-3)
    assert three.statistics.noise_sum == pytest.approx(one.statistics.noise_sum, rel=1e-2)


def test_a_higher_temperature_leaves_more_poses_open():
    faint = blobs(8, 16, snr=0.05)
    summed = [
        searched(faint.particles, faint.truth.maps, temperature=t).statistics.numerator
        for t in (1.0, 10.0)
    ]
    power = [float((np.abs(sums) ** 2).sum()) for sums in summed]
    assert power[1] < 0.8 * power[0]  # particles which are spread over poses cancel out


def test_classes_are_told_apart_less_surely():
    structures = [blobs(1, 16).truth.maps[0], blobs(1, 16, seed=9).truth.maps[0][::-1]]
    faint = blobs(8, 16, snr=0.1)
    sure = [
        searched(faint.particles, structures, classes=2, temperature=t).poses.probability.max(1)
        for t in (1.0, 20.0)
    ]
    assert sure[1].mean() < sure[0].mean()


def test_at_one_nothing_changes():
    faint = blobs(4, 16, snr=0.1)
    plain = searched(faint.particles, faint.truth.maps)
    one = searched(faint.particles, faint.truth.maps, temperature=1.0)
    for field in fields(Statistics):
        a, b = getattr(plain.statistics, field.name), getattr(one.statistics, field.name)
        assert np.array_equal(a, b), field.name
