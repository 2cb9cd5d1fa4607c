from __future__ import annotations

import io
import json
from dataclasses import fields, replace
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.data.statistics import Metrics, Model, Poses, Statistics
from support.small_jobs import batch_of, blobs, job, knowing, method_of
from support.strategies import seeds

BOX, FOLDS = 8, 4


def statistics(seed, classes=2):
    rng = np.random.default_rng(seed)
    shape = (FOLDS, classes, BOX, BOX, BOX // 2 + 1)
    values = rng.normal(size=(2, *shape))
    return Statistics(
        numerator=(values[0] + 1j * values[1]).astype(np.complex64),
        denominator=rng.random(shape).astype(np.float32),
        mass=rng.random((FOLDS, classes)),
        hard=rng.integers(0, 9, classes).astype(np.float64),
        shift_square=float(rng.random()),
        noise_sum=rng.random(BOX // 2 + 1),
        noise_count=rng.integers(0, 99, BOX // 2 + 1).astype(np.float64),
        log_likelihood=float(rng.normal()),
        turned_deg=float(rng.random()),
        particles=float(rng.integers(1, 9)),
        class_changes=float(rng.integers(0, 9)),
        misfit=rng.normal(size=classes),
    )


def model(seed, classes=2):
    rng = np.random.default_rng(seed)

    def maps(*shape):
        return rng.normal(size=(*shape, BOX, BOX, BOX)).astype(np.float32)

    return Model(
        iteration=int(rng.integers(-1, 30)),
        maps=maps(classes),
        fold_maps=maps(FOLDS, classes),
        half_maps=maps(2, classes),
        fsc=rng.random((classes, BOX // 2 + 1)).astype(np.float32),
        fsc_parts=rng.random((3, classes, BOX // 2 + 1)).astype(np.float32),
        half_order=rng.permutation(classes),
        half_motions=rng.random((classes, 3, 4)),
        shares=rng.dirichlet(np.ones(classes)),
        noise=rng.random(BOX // 2 + 1),
        reference_noise=rng.random((FOLDS, classes, BOX // 2 + 1)).astype(np.float32),
        xi=float(rng.random()),
        scaled=bool(rng.integers(2)),
        shell_in_use=float(rng.random()),
        on_axes=rng.random(classes) < 0.5,
        frames=rng.normal(size=(classes, 3, 4)),
        symmetry_correlation=rng.random(classes),
    )


def poses(seed, count=7, classes=3):
    rng = np.random.default_rng(seed)
    return Poses(
        rng.normal(size=(count, classes, 3, 3)),
        rng.normal(size=(count, classes, 3)),
        rng.dirichlet(np.ones(classes), count),
        rng.normal(size=(count, classes)),
    )


def same(one, other):
    """Bit for bit."""
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), field.name
        else:
            assert type(a) is type(b), field.name
            assert a == b, field.name


def saved(arrays):
    """Written to a file and read back."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        return dict(loaded)


@pytest.mark.parametrize(
    ("kind", "make"), [(Model, model), (Statistics, statistics), (Poses, poses)]
)
@settings(max_examples=5, deadline=None)
@given(seeds())
def test_a_round_trip_through_a_file_changes_no_bit(kind, make, seed):
    before = make(seed)
    same(kind.from_arrays(saved(before.to_arrays())), before)


def test_arrays_of_other_names_are_not_looked_at():
    before = poses(0)
    same(Poses.from_arrays(before.to_arrays() | {"format": np.array(3)}), before)


def test_metrics_stand_beside_the_model_not_in_its_arrays():
    one = replace(model(1), metrics=Metrics(sigma=3.0))
    assert "metrics" not in one.to_arrays()
    assert Model.from_arrays(one.to_arrays()).metrics == Metrics()


@settings(max_examples=10, deadline=None)
@given(seeds(), seeds())
def test_statistics_add_in_either_order(first, second):
    a, b = statistics(first), statistics(second)
    same(a + b, b + a)
    for field in fields(a):
        total = np.asarray(getattr(a + b, field.name))
        assert np.array_equal(total, getattr(a, field.name) + getattr(b, field.name))


@settings(max_examples=10, deadline=None)
@given(seeds(), st.integers(1, 6), st.integers(1, 6))
def test_slices_of_poses_concatenate_to_the_whole(seed, first, second):
    whole, cuts = poses(seed), sorted({0, first, second, 7})
    parts = [whole[a:b] for a, b in pairwise(cuts)]
    assert [len(p) for p in parts] == [b - a for a, b in pairwise(cuts)]
    same(Poses.concatenate(parts), whole)
    order = np.random.default_rng(seed).permutation(7)
    same(whole[order][np.argsort(order)], whole)


def test_the_best_pose_is_that_of_the_most_probable_class():
    some = poses(4)
    for i, row in enumerate(some.probability):
        k = int(row.argmax())
        assert some.best_class[i] == k
        assert np.array_equal(some.best_rotation[i], some.rotations[i, k])
        assert np.array_equal(some.best_shift[i], some.shifts[i, k])
        assert some.best_probability[i] == row.max()
        assert some.best_score[i] == some.score[i, k]


def test_metrics_are_plain_json():
    full = Metrics(
        class_shares=(0.25, 0.75), resolution_05_angstrom=(40.0, 20.0), alarms=("class 1 is empty",)
    )
    values = json.loads(json.dumps(full.as_dict(), allow_nan=False))
    assert values["class_shares"] == [0.25, 0.75]
    assert values["resolution_05_angstrom"] == [40.0, 20.0]
    assert values["fsc_kind"] == "shared reference"
    assert set(values) == {field.name for field in fields(Metrics)}


@pytest.fixture(scope="module", params=["survey", "faml", "fa"])
def work(request):
    """A batch of eleven particles, and what one thread makes of it."""
    two = blobs(11)
    method = method_of(two.particles, job("fa" if request.param == "fa" else "faml", classes=2))
    maps = np.concatenate([two.truth.maps, two.truth.maps[:, ::-1]])
    now = method.start() if request.param == "survey" else knowing(method, maps, 3.0)
    return method, two.particles, now, method.expect(batch_of(two.particles), now)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_result_does_not_depend_on_threads(work, threads):
    method, particles, now, whole = work
    again = method.expect(batch_of(particles), now, threads=threads)
    same(again.statistics, whole.statistics)
    same(again.poses, whole.poses)


@pytest.mark.parametrize("cuts", [[5], [1, 6, 8], list(range(1, 11))])
def test_parts_add_up_to_the_whole_and_poses_do_not_see_the_cut(work, cuts):
    method, particles, now, whole = work
    rows = np.split(np.arange(11), cuts)
    parts = [method.expect(batch_of(particles, rows=r), now) for r in rows]
    same(Poses.concatenate([p.poses for p in parts]), whole.poses)
    total = reduce(add, [p.statistics for p in parts])
    for field in fields(total):
        a = np.asarray(getattr(total, field.name))
        b = np.asarray(getattr(whole.statistics, field.name))
        rounding = 3e-6 if a.dtype in (np.float32, np.complex64) else 1e-10
        scale = max(1e-3, np.abs(b).max(initial=0.0))
        assert np.abs(a - b).max(initial=0.0) <= rounding * scale, field.name


def test_sums_do_not_depend_on_how_many_particles_are_held_at_once():
    # 70 particles: more than one chunk of a pass.
    many = blobs(70)
    method = method_of(many.particles, job(classes=2))
    now = method.start()
    whole = method.expect(batch_of(many.particles), now, threads=2)
    parts = [
        method.expect(batch_of(many.particles, rows=r), now).statistics
        for r in np.split(np.arange(70), [35])
    ]
    total = parts[0] + parts[1]
    scale = np.abs(total.numerator).max()
    assert whole.statistics.particles == total.particles == 70
    assert np.abs(whole.statistics.numerator - total.numerator).max() < 1e-5 * scale
    assert np.array_equal(whole.statistics.mass, total.mass)


def test_a_row_counts_once(work):
    _, _, _, whole = work
    assert whole.statistics.particles == 11
    assert whole.statistics.hard.sum() == 11
    assert np.allclose(whole.poses.probability.sum(1), 1.0)
    assert whole.statistics.mass.sum() == pytest.approx(11.0, rel=0.05)
    turns = whole.poses.rotations @ np.swapaxes(whole.poses.rotations, -1, -2)
    assert np.allclose(turns, np.eye(3), atol=1e-6)
