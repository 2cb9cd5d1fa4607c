"""Several random starts side by side."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from subtomo_core.data.statistics import Model, Poses, Statistics
from subtomo_core.errors import InputError
from subtomo_core.run import run
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.restart_schedule import starts_in
from support.small_jobs import batch_of, blobs, job, method_of, surveyed

FADING = {"snr": 0.1}
RESULTS = ("maps", "fold_maps", "half_maps", "fsc", "noise", "reference_noise", "shares")


@pytest.fixture(scope="module")
def few():
    """Twelve noisy particles behind a wedge."""
    return blobs(12, 16, **FADING)


@pytest.fixture(scope="module", params=[("faml", 1), ("faml", 2), ("fa", 1)])
def trial(request, few):
    """A method with three starts after the survey, what it saw, and the next expectation."""
    algorithm, classes = request.param
    spec = job(algorithm, classes=classes, starts=3, iterations=4, trial_iterations=2)
    method = method_of(few.particles, spec)
    model, seen = surveyed(method, few.particles)
    return method, model, seen, method.expect(batch_of(few.particles, seen.poses), model)


def same_results(one, other):
    for name in RESULTS:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


def test_the_first_of_several_starts_is_the_start_of_a_job_with_one(trial, few):
    method, model, _seen, after = trial
    alone = method_of(few.particles, method.settings.spec.model_copy(update={"starts": 1}))
    single, saw = surveyed(alone, few.particles)
    same_results(model.contenders[0], single)
    next_alone = alone.expect(batch_of(few.particles, saw.poses), single)
    first = after.statistics.apart(3)[0]
    for field in fields(Statistics):
        one, other = getattr(first, field.name), getattr(next_alone.statistics, field.name)
        # A start by itself has nothing in common with others.
        assert field.name == "in_common" or np.array_equal(one, other), field.name


def test_starts_differ_in_their_poses_and_share_noise_and_resolution(trial):
    method, model, _seen, after = trial
    next_model = method.maximise(model, after.statistics)
    assert [m.start for m in next_model.contenders] == [0, 1, 2]
    maps = [m.fold_maps for m in next_model.contenders]
    assert not np.allclose(maps[0], maps[1], atol=1e-3 * maps[0].std())
    assert not np.allclose(maps[1], maps[2], atol=1e-3 * maps[0].std())
    for rival in next_model.rivals:
        assert np.array_equal(rival.noise, next_model.noise)
        assert (rival.xi, rival.shell_in_use) == (next_model.xi, next_model.shell_in_use)


def test_the_likeliest_start_leads_and_is_kept_at_the_end_of_the_trial(trial, few):
    method, model, _seen, after = trial
    for best in range(3):
        likelihoods = np.full(3, 7.0)
        likelihoods[best] = 8.0
        told = replace(after.statistics, log_likelihood=likelihoods)
        lead = method.maximise(model, told)
        assert (lead.start, lead.metrics.start, len(lead.rivals)) == (best, best + 1, 2)
        assert lead.metrics.start_log_likelihoods == tuple(likelihoods)
        assert lead.metrics.log_likelihood == 8.0
        again = method.expect(batch_of(few.particles, after.poses), lead)
        kept = method.maximise(lead, replace(again.statistics, log_likelihood=likelihoods))
        assert (kept.start, kept.rivals) == (best, ())
        assert kept.metrics.notes == (
            f"start {best + 1} of 3 goes on alone: the log-likelihoods were "
            + ", ".join(f"{value:.0f}" for value in likelihoods),
        )
        alone = method.expect(batch_of(few.particles, again.poses), kept)
        by_itself = method.expect(batch_of(few.particles, kept.own(again.poses)), kept)
        assert np.array_equal(alone.poses.shifts, by_itself.poses.shifts)
        assert alone.statistics.turned_deg == by_itself.statistics.turned_deg
        assert alone.poses.score.shape[1] == method.settings.spec.classes


def test_posteriors_are_normalised_within_each_start(trial):
    method, model, _seen, after = trial
    classes = method.settings.spec.classes
    assert after.poses.probability.shape == (12, 3 * classes)
    for start in model.contenders:
        own = start.own(after.poses)
        assert np.allclose(own.probability.sum(1), 1.0)
    masses = [part.mass.sum() for part in after.statistics.apart(3)]
    assert np.allclose(masses, 12.0, atol=0.2)  # but for negligible posteriors


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_and_batches_change_no_pose_and_no_sum(trial, few, threads):
    method, model, seen, after = trial
    rows = [np.arange(5), np.arange(5, 12)]
    parts = [
        method.expect(batch_of(few.particles, seen.poses, r), model, threads=threads) for r in rows
    ]
    poses = Poses.concatenate([part.poses for part in parts])
    for field in fields(Poses):
        assert np.array_equal(getattr(poses, field.name), getattr(after.poses, field.name))
    total = parts[0].statistics + parts[1].statistics
    assert np.array_equal(total.hard, after.statistics.hard)
    assert np.allclose(total.log_likelihood, after.statistics.log_likelihood)


def test_a_model_with_rivals_survives_its_file(trial):
    _method, model, _seen, _after = trial
    back = Model.from_arrays(model.to_arrays())
    assert [m.start for m in back.contenders] == [0, 1, 2]
    for one, other in zip(back.contenders, model.contenders, strict=True):
        same_results(one, other)
        assert (one.xi, one.iteration, one.scaled) == (other.xi, other.iteration, other.scaled)


def test_a_start_which_always_leads_is_not_disturbed_by_its_rivals(few):
    spec = job(iterations=4, seed=2, trial_iterations=3, starts=2)
    several = run(few.particles, spec)
    assert [m.start for m in several.history] == [1] * 5
    alone = run(few.particles, job(iterations=4, seed=2))
    same_results(several.model, alone.model)
    for field in fields(Poses):
        one, other = getattr(several.poses, field.name), getattr(alone.poses, field.name)
        assert np.array_equal(one, other), field.name


def test_a_run_shows_the_best_start_and_ends_with_one(few):
    shown = []
    spec = job(iterations=4, starts=3, trial_iterations=2, classes=2, stop_when_converged=False)
    result = run(few.particles, spec, on_iteration=lambda m, p: shown.append((m, p)))
    assert [len(m.start_log_likelihoods) for m in result.history] == [0, 3, 3, 0, 0]
    for metrics in result.history[1:3]:
        assert metrics.log_likelihood == max(metrics.start_log_likelihoods)
        assert metrics.start == 1 + int(np.argmax(metrics.start_log_likelihoods))
    assert [bool(m.notes) for m in result.history] == [False, False, True, False, False]
    assert len({m.start for m in result.history[2:]}) == 1
    for model, poses in shown:
        assert model.maps.shape[0] == poses.score.shape[1] == 2
        assert np.allclose(poses.probability.sum(1), 1.0)


def test_starts_are_random_starts():
    given = job(start={"kind": "maps", "maps": ["map_1"]}, starts=2)
    with pytest.raises(InputError, match="2 starts were asked for, but the first references are"):
        resolve(given, blobs(4).particles.summary)
    with pytest.raises(InputError, match="compared for 9 iterations in a job of 8: choose at most"):
        resolve(job(iterations=8, starts=2, trial_iterations=9), blobs(4).particles.summary)


@pytest.mark.parametrize(
    ("fields_given", "starts", "trial"),
    [
        ({}, 3, 8),
        ({"iterations": 50}, 3, 20),
        ({"iterations": 5}, 3, 4),
        ({"iterations": 1}, 3, 1),
        ({"iterations": 20, "classes": 2}, 3, 13),
        ({"iterations": 10, "classes": 2}, 3, 9),
        ({"iterations": 20, "classes": 2, "algorithm": "fa"}, 3, 8),
        ({"starts": 1}, 1, None),
        ({"starts": 5, "trial_iterations": 3}, 5, 3),
        ({"start": {"kind": "maps", "maps": ["map_1"]}}, 1, None),
        ({"start": {"kind": "job", "job": "job_1"}, "trial_iterations": 3}, 1, None),
    ],
)
def test_open_fields_of_a_trial_get_their_defaults(fields_given, starts, trial):
    spec = resolve(job(**{"starts": None, **fields_given}), blobs(4).particles.summary)
    assert (spec.starts, spec.trial_iterations) == (starts, trial)
    side_by_side = [starts_in(spec, number) for number in range(spec.iterations + 1)]
    until = 0 if trial is None else trial + 1
    assert side_by_side == [starts] * until + [1] * (spec.iterations + 1 - until)
