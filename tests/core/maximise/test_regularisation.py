from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from subtomo_core.maximise.averages import regularised
from support.core_steps import Step
from support.numerics import error
from support.small_jobs import blobs, job, method_of
from support.strategies import seeds


@pytest.mark.parametrize(("classes", "strength", "length"), [(2, 5.0, 5), (4, 1.0, 3)])
def test_the_regularisation_falls_linearly_to_nothing(classes, strength, length):
    parameters = {"regularisation": strength, "regularisation_iterations": length}
    method = method_of(blobs(8).particles, job(classes=classes, parameters=parameters))
    theta = [method.settings.regularisation(i) for i in range(1, length + 4)]
    assert theta[0] == pytest.approx(strength / classes**2)
    assert theta[length:] == [0.0, 0.0, 0.0]
    assert np.allclose(np.diff(theta[: length + 1]), -theta[0] / length)


def test_hard_assignment_and_no_iterations_mean_no_regularisation():
    particles = blobs(8).particles
    for spec in (
        job("fa", classes=2),
        job(classes=2, parameters={"regularisation_iterations": 0}),
        job(classes=2, parameters={"regularisation": 0.0}),
    ):
        assert method_of(particles, spec).settings.regularisation(1) == 0.0


@hypothesis_settings(max_examples=20, deadline=None)
@given(seeds(), st.integers(2, 5), st.floats(0.1, 100.0))
def test_regularisation_draws_classes_together_and_keeps_their_sum(seed, classes, theta):
    rng = np.random.default_rng(seed)
    maps = [rng.normal(size=50).astype(np.complex64) for _ in range(classes)]
    mass = rng.uniform(1.0, 20.0, classes)
    drawn = regularised(maps, mass, theta)
    together = np.sum(maps, 0)
    for m, before, after in zip(mass, maps, drawn, strict=True):
        expected = (m * before + theta * together) / (m + classes * theta)
        assert np.allclose(after, expected, atol=1e-5)

    def spread(some):
        return sum(float(np.linalg.norm(a - np.mean(some, 0))) for a in some)

    equal = np.full(classes, 7.0)
    once, twice = regularised(maps, equal, theta), regularised(maps, equal, 2 * theta)
    assert spread(twice) < spread(once) < spread(maps)
    assert np.allclose(np.sum(once, 0), together, atol=1e-4)
    assert all(a is b for a, b in zip(regularised(maps, mass, 0.0), maps, strict=True))


def test_regularised_classes_of_a_job_are_nearer():
    free = Step(classes=2, parameters={"regularisation": 0.0})
    drawn = Step(classes=2, parameters={"regularisation": 5.0})
    apart, near = free.maximise().maps, drawn.maximise().maps
    assert error(near[0], near[1]) < 0.5 * error(apart[0], apart[1])
