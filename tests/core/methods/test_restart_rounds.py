"""Starts from single particles, and rounds which begin again at the coarsest."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from subtomo_core.data.statistics import Model, Poses, Statistics
from subtomo_core.errors import InputError
from subtomo_core.run import run
from subtomo_core.score import correlation, pose_errors
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.restart_schedule import rounds_begin
from support.small_jobs import batch_of, blobs, job, method_of, surveyed

PARTICLES = {"kind": "particles", "rounds": 2}


@pytest.fixture(scope="module")
def few():
    """Twelve noisy particles behind a wedge."""
    return blobs(12, 16, snr=0.1)


@pytest.fixture(scope="module", params=[("faml", 1), ("faml", 2), ("fa", 1)])
def begun(request, few):
    """A method with three starts from particles after its survey, and what that saw."""
    algorithm, classes = request.param
    spec = job(algorithm, classes=classes, starts=3, iterations=6, start=PARTICLES)
    method = method_of(few.particles, spec)
    return method, *surveyed(method, few.particles)


def test_each_class_of_each_start_begins_as_one_particle(begun, few):
    method, model, seen = begun
    starts = model.contenders
    assert [start.start for start in starts] == [0, 1, 2]
    volumes = [few.particles.volume(i) for i in range(12)]
    shell = method.settings.start_shell
    shaped = [method.settings.shape(volume, shell) for volume in volumes]
    found = []
    for start in starts:
        for map_ in start.maps:
            close = [correlation(map_, one) for one in shaped]
            assert max(close) > 0.95
            assert sorted(close)[-2] < 0.9
            found.append(int(np.argmax(close)))
    assert len(set(found)) == len(found)
    assert all(part.mass.sum() == len(model.maps) for part in seen.statistics.apart(3))


def test_a_round_begins_with_all_folds_alike_at_the_coarsest(begun):
    method, model, _seen = begun
    for start in model.contenders:
        assert not start.scaled
        assert start.shell_in_use == method.settings.start_shell
        assert not start.reference_noise.any()
        assert all(np.array_equal(start.fold_maps[0], other) for other in start.fold_maps)
        assert np.array_equal(start.noise, model.noise)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_and_batches_change_no_particle_start(begun, few, threads):
    method, _model, seen = begun
    before = method.start(None)
    parts = [
        method.expect(batch_of(few.particles, rows=rows), before, threads=threads)
        for rows in (np.arange(5), np.arange(5, 12))
    ]
    poses = Poses.concatenate([part.poses for part in parts])
    for field in fields(Poses):
        assert np.array_equal(getattr(poses, field.name), getattr(seen.poses, field.name))
    total = parts[0].statistics + parts[1].statistics
    for field in fields(Statistics):
        one, other = getattr(total, field.name), getattr(seen.statistics, field.name)
        assert np.allclose(one, other, rtol=1e-5), field.name


def test_a_round_which_begins_survives_its_file(begun):
    _method, model, _seen = begun
    back = Model.from_arrays(model.to_arrays())
    for one, other in zip(back.contenders, model.contenders, strict=True):
        assert (one.start, one.scaled, one.xi) == (other.start, other.scaled, other.xi)
        assert one.fold_maps.tobytes() == other.fold_maps.tobytes()


def test_rounds_begin_again_and_the_likeliest_start_goes_on(few):
    coarse, compared = [], []

    def watch(model, _poses):
        coarse.append(model.shell_in_use)
        compared.append(len(model.metrics.start_log_likelihoods))
        assert model.scaled == (model.iteration not in (0, 3))

    low = {"start_angstrom": 25.0}
    spec = job(starts=3, iterations=8, trial_iterations=6, start=PARTICLES, resolution=low)
    assert rounds_begin(resolve(spec, few.particles.summary)) == (0, 3)
    result = run(few.particles, spec, on_iteration=watch)
    assert compared == [0, *[3] * 6, 0, 0]
    assert coarse[0] == coarse[3] == min(coarse)
    assert min(coarse[2], coarse[5], coarse[8]) > coarse[3]
    assert [bool(m.notes) for m in result.history] == [False] * 6 + [True, False, False]


def test_no_job_ends_while_rounds_are_to_come():
    clear = blobs(8, 16, snr=20.0)
    spec = job(starts=1, iterations=60, trial_iterations=40, start=PARTICLES)
    result = run(clear.particles, spec)
    assert result.history[-1].converged
    assert 20 < len(result.history) - 1 < 60


@pytest.mark.parametrize("algorithm", ["faml", "fa"])
def test_a_frame_is_found_from_particles(algorithm):
    truth = blobs(24, 20, snr=0.5)
    spec = job(algorithm, starts=4, iterations=12, start=PARTICLES)
    result = run(truth.particles, spec)
    errors = pose_errors(result.poses.best_rotation, truth.truth.rotations)
    assert errors.consensus(10) >= 0.9


def test_open_fields_of_particle_starts_get_their_defaults():
    summary = blobs(12).particles.summary
    open_ = {"starts": None, "start": {"kind": "particles"}}
    spec = resolve(job(**open_, iterations=60), summary)
    assert (spec.starts, spec.trial_iterations, rounds_begin(spec)) == (12, 45, (0, 15, 30))
    many = summary.model_copy(update={"particles": 1000})
    assert resolve(job(**open_), many).starts == 16
    assert resolve(job(**open_, classes=5), summary).starts == 2
    assert rounds_begin(resolve(job(iterations=60), summary)) == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"starts": 13}, "13 starts of 1 classes begin from 13 particles, and the dataset has 12"),
        ({"iterations": 2}, "3 rounds need as many iterations"),
        ({"trial_iterations": 2}, "3 rounds need as many iterations"),
        ({"trial_iterations": 21}, "compared for 21 iterations in a job of 20"),
    ],
)
def test_particle_starts_which_do_not_fit_are_refused(given, words):
    spec = job(**{"start": {"kind": "particles"}, **given})
    with pytest.raises(InputError, match=words):
        resolve(spec, blobs(12).particles.summary)
