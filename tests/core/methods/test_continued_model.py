"""A model of one job as the beginning of another."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core import methods
from subtomo_core.data.adding import total
from subtomo_core.maximise.half_alignment import follow
from subtomo_core.methods.continued_model import carried_on
from subtomo_core.simulate import MapStructure, asymmetric_blob
from subtomo_core.spec.defaults import resolve
from support.small_jobs import VOXEL, batch_of, blobs, job


def iterate(spec, particles, model, poses, count):
    """``count`` iterations, each through the arrays which a worker reads and writes."""
    method = methods.create(spec, particles.summary)
    for _ in range(count):
        model = type(model).from_arrays(model.to_arrays())
        summed = total([method.expect(batch_of(particles, poses), model)])
        model = method.maximise(model, summed.statistics)
        poses = follow(model, summed.poses)
    return model, poses


@pytest.fixture(scope="module")
def begun():
    """Particles, a specification of two starts, and what its first iterations came to."""
    body = asymmetric_blob(40.0)
    other = MapStructure(body.density(16, VOXEL)[:, ::-1].copy(), VOXEL)
    particles = blobs(structures=[body, other], counts=[8, 8]).particles
    wanted = job(
        classes=2,
        starts=2,
        trial_iterations=2,
        iterations=4,
        parameters={"regularisation_iterations": 1},
    )
    spec = resolve(wanted, particles.summary)
    start = methods.create(spec, particles.summary).start(None)
    return particles, spec, iterate(spec, particles, start, None, 2)


def same(one, other):
    ours, theirs = one.to_arrays(), other.to_arrays()
    return all(np.array_equal(ours[name], theirs[name], equal_nan=True) for name in ours)


def test_the_same_settings_give_the_same_bits(begun):
    particles, spec, (model, poses) = begun
    longer = spec.model_copy(update={"iterations": 5, "name": "on"})
    carried = carried_on(model, spec, longer)
    assert same(carried, model)
    straight, _ = iterate(spec, particles, model, poses, 2)
    again, _ = iterate(longer, particles, carried, poses, 2)
    assert same(straight, again)


def test_a_changed_limit_and_symmetry_go_on(begun):
    particles, spec, (model, poses) = begun
    limit = 1.5 * (spec.resolution.limit_angstrom or 0.0)
    coarse = spec.resolution.model_copy(update={"limit_angstrom": limit})
    changed = spec.model_copy(update={"symmetry": ("C2", "C1"), "resolution": coarse})
    carried = carried_on(model, spec, changed)
    assert carried.on_axes.tolist() == [False, True]
    assert all(rival.quiet == 0 for rival in carried.contenders)
    after, _ = iterate(changed, particles, carried, poses, 2)
    assert after.on_axes.all()
    assert np.isfinite(after.maps).all()
    assert after.shell_in_use <= particles.summary.box * 5.0 / limit + 1e-6


def test_axes_outlast_a_smaller_group_alone(begun):
    _, spec, (model, _) = begun
    symmetric = spec.model_copy(update={"symmetry": "D2"})
    standing = carried_on(model, spec, symmetric)
    standing.on_axes[:] = True
    for name, stands in (("C2", True), ("D4", False), ("C1", True)):
        other = spec.model_copy(update={"symmetry": name})
        assert carried_on(standing, symmetric, other).on_axes.tolist() == [stands] * 2
