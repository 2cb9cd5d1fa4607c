"""Poses as the start of a job: what is refused, and what the survey makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from subtomo_core.data.initial_poses import check_start, in_classes, own_poses
from subtomo_core.errors import InputError
from subtomo_core.fourier.gridding import fsc
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.orientation.rotations import angular_distance, random_rotations
from subtomo_core.run import run
from subtomo_core.simulate import asymmetric_blob, four_gaussians
from subtomo_core.spec.checks import check
from subtomo_core.spec.defaults import resolve
from support.small_jobs import VOXEL, batch_of, blobs, job, method_of

POSES = {"kind": "poses"}


def pointer_of(error):
    (problem,) = error.value.problems
    return problem.pointer


def true_poses(made, classes=1):
    truth = made.truth
    members = truth.classes if classes > 1 else np.zeros(len(truth.rotations), int)
    return in_classes(truth.rotations, truth.shifts, members, classes)


@pytest.fixture(scope="module")
def clear():
    return blobs(12, 24, snr=50.0)


def test_the_survey_averages_the_particles_in_their_poses(clear):
    poses = true_poses(clear)
    method = method_of(clear.particles, job(start=POSES))
    seen = method.expect(batch_of(clear.particles, poses), method.start())
    model = method.maximise(method.start(), seen.statistics)
    truth = method.settings.shape(clear.truth.maps[0], method.settings.start_shell)
    curve = fsc(to_fourier(model.maps[0]), to_fourier(truth))
    assert curve[1 : int(method.settings.start_shell)].min() > 0.95
    assert model.scaled
    assert np.array_equal(seen.poses.rotations, poses.rotations)
    assert np.array_equal(seen.poses.shifts, poses.shifts)
    assert seen.statistics.turned_deg == 0.0


def test_true_poses_stay_true(clear):
    result = run(
        clear.particles, job(start=POSES, iterations=2), poses=true_poses(clear), threads=2
    )
    away = angular_distance(result.poses.best_rotation, clear.truth.rotations)
    assert np.median(away) < 3.0  # in their own frame: nothing has turned it


def test_given_classes_stay_apart():
    shapes = [asymmetric_blob(12 * VOXEL), four_gaussians(12 * VOXEL)]
    made = blobs(box=24, structures=shapes, counts=[8, 8], snr=5.0)
    poses = true_poses(made, 2)
    spec = job(start=POSES, classes=2, iterations=2)
    result = run(made.particles, spec, poses=poses, threads=2)
    assert np.array_equal(result.poses.best_class, made.truth.classes)


def test_the_table_gives_poses_and_classes():
    rotations = random_rotations(np.random.default_rng(0), 4)
    shifts = np.arange(12.0).reshape(4, 3)
    poses = own_poses(job(classes=2), rotations, shifts, np.array([2, 1, 1, 2]))
    assert np.array_equal(poses.best_class, [1, 0, 0, 1])
    assert np.array_equal(poses.best_rotation, rotations)
    assert np.array_equal(poses.best_shift, shifts)
    # One class does not ask which.
    for classes in (None, np.array([3, 3, 9, 0])):
        assert not own_poses(job(), rotations, shifts, classes).best_class.any()


@pytest.mark.parametrize(
    ("rotations", "classes", "pointer", "words"),
    [
        (None, [1, 2], "/start", "_rlnAngleRot, _rlnAngleTilt and _rlnAnglePsi"),
        (np.eye(3), None, "/classes", "_rlnClassNumber"),
        (np.eye(3), [1, 3], "/classes", "_rlnClassNumber of particle 2 is 3"),
        (np.eye(3), [0, 1], "/classes", "_rlnClassNumber of particle 1 is 0"),
    ],
)
def test_what_the_table_lacks_is_named(rotations, classes, pointer, words):
    given = None if rotations is None else np.stack([rotations] * 2)
    chosen = None if classes is None else np.array(classes)
    with pytest.raises(InputError, match=words) as caught:
        own_poses(job(classes=2), given, np.zeros((2, 3)), chosen)
    assert pointer_of(caught) == pointer


def poses_of(count, classes, shift=0.0):
    shifts = np.zeros((count, 3))
    shifts[-1, 0] = shift
    return in_classes(np.stack([np.eye(3)] * count), shifts, np.arange(count) % classes, classes)


@pytest.mark.parametrize(
    ("start", "poses", "pointer"),
    [
        (POSES, None, "/start/kind"),
        ({"kind": "random"}, poses_of(12, 2), "/start/kind"),
        (POSES, poses_of(11, 2), "/start"),
        (POSES, poses_of(12, 1), "/start"),
        (POSES, poses_of(12, 2, shift=20.0), "/parameters/shift_range_angstrom"),
    ],
)
def test_poses_which_do_not_fit_are_refused(clear, start, poses, pointer):
    spec = resolve(job(start=start, classes=2), clear.particles.summary)
    with pytest.raises(InputError) as caught:
        check_start(spec, poses, clear.particles.summary)
    assert pointer_of(caught) == pointer


def test_a_class_without_particles_is_refused(clear):
    spec = resolve(job(start=POSES, classes=2), clear.particles.summary)
    poses = in_classes(np.stack([np.eye(3)] * 12), np.zeros((12, 3)), np.zeros(12, int), 2)
    with pytest.raises(InputError, match="no particle starts in class 2"):
        check_start(spec, poses, clear.particles.summary)


@pytest.mark.parametrize("field", ["search_range_deg", "search_range_angstrom"])
def test_a_limited_search_needs_poses_to_start_from(clear, field):
    data = clear.particles.summary
    for kind in ({"kind": "random"}, {"kind": "maps", "maps": ["m"]}, {"kind": "job", "job": "j"}):
        problems = check(job(start=kind, parameters={field: 20.0}), data)
        assert [p.pointer for p in problems] == [f"/parameters/{field}"]
        assert "start from 'poses'" in problems[0].detail
    assert check(job(start={"kind": "poses"}, parameters={field: 20.0}), data) == []


def test_an_iteration_of_poses_is_one_of_a_job():
    job(start={"kind": "poses", "job": "job_1", "iteration": 3})
    with pytest.raises(ValidationError, match="give 'job' as well"):
        job(start={"kind": "poses", "iteration": 3})
