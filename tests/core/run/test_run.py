from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.orientation.rotations import angular_distance
from subtomo_core.run import run
from subtomo_core.score import class_agreement, judge, pose_errors
from subtomo_core.simulate import asymmetric_blob, four_gaussians
from support.small_jobs import VOXEL, blobs, job

BOX = 24
CALM = {"regularisation": 0.0}


def same(one, other):
    """Bit for bit."""
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert a.tobytes() == b.tobytes(), field.name
        else:
            assert a == b, field.name


@pytest.fixture(scope="module")
def few():
    """Particles for runs of which only the bits are looked at."""
    return blobs(10, 16)


@pytest.mark.parametrize(
    ("algorithm", "snr", "seed"), [("faml", 0.3, 1), ("fa", 1.0, 1), ("fa", 1.0, 2)]
)
def test_a_common_frame_is_found_from_random_orientations(algorithm, snr, seed):
    made = blobs(24, BOX, snr=snr)
    result = run(made.particles, job(algorithm, iterations=6, seed=seed), threads=2)
    judged = judge(result.model.maps, result.poses, made.particles, made.truth).classes[0]
    assert judged.poses.consensus(15.0) >= 0.9
    assert judged.share_of_oracle >= 0.95
    assert judged.poses.median_deg < 4.0
    assert judged.poses.median_shift < 0.3
    assert result.history[-1].alarms == ()


def test_the_start_knows_nothing_of_the_truth():
    made = blobs(24, BOX)
    poses = []
    run(
        made.particles,
        job(iterations=1),
        threads=2,
        on_iteration=lambda _, now: poses.append(now),
    )
    errors = pose_errors(poses[0].best_rotation, made.truth.rotations)
    assert errors.consensus(15.0) <= 0.2


def two_structures(each, snr):
    structures = [asymmetric_blob(0.5 * BOX * VOXEL), four_gaussians(0.6 * BOX * VOXEL)]
    return blobs(box=BOX, structures=structures, counts=[each, each], snr=snr)


def test_two_structures_are_told_apart_from_a_random_start():
    made = two_structures(16, 1.0)
    result = run(made.particles, job(classes=2, iterations=10), threads=2)
    agreement = class_agreement(result.poses.best_class, made.truth.classes, 2)
    assert agreement.mean_f1 == 1.0
    assert np.allclose(result.model.shares, 0.5, atol=0.05)
    assert result.history[-1].class_changes == 0


@pytest.mark.parametrize("algorithm", ["faml", "fa"])
def test_two_structures_are_told_apart_by_given_maps(algorithm):
    made = two_structures(8, 1.0)
    spec = job(algorithm, classes=2, iterations=3, parameters={} if algorithm == "fa" else CALM)
    result = run(made.particles, spec, references=made.truth.maps, threads=2)
    assert np.array_equal(result.poses.best_class, made.truth.classes)


@pytest.mark.parametrize("algorithm", ["faml", "fa"])
def test_one_seed_gives_the_same_bits_and_another_others(few, algorithm):
    def result(seed, threads):
        spec = job(algorithm, classes=2, iterations=2, seed=seed)
        return run(few.particles, spec, threads=threads)

    one, again, other = result(7, 1), result(7, 3), result(8, 1)
    same(one.model, again.model)
    same(one.poses, again.poses)
    assert one.history == again.history
    assert one.model.maps.tobytes() != other.model.maps.tobytes()
    assert one.poses.rotations.tobytes() != other.poses.rotations.tobytes()


def test_batches_of_any_size_give_the_same_result():
    # From a map: on the way from random poses to a frame, rounding would grow.
    made = blobs(16, 20)

    def result(size):
        spec = job(iterations=3, batch_particles=size)
        return run(made.particles, spec, references=made.truth.maps, threads=2)

    whole = result(16)
    for size in (5, 15):
        cut = result(size)
        turned = angular_distance(cut.poses.best_rotation, whole.poses.best_rotation)
        assert turned.max() < 0.5
        difference = cut.model.maps - whole.model.maps
        assert difference.std() < 1e-3 * whole.model.maps.std()
        assert cut.model.xi == pytest.approx(whole.model.xi, rel=1e-3)
        assert cut.model.noise[2] == pytest.approx(whole.model.noise[2], rel=1e-3)


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e-3])
@pytest.mark.parametrize("algorithm", ["faml", "fa"])
def test_a_given_map_on_any_scale_leads_to_its_own_frame(algorithm, scale):
    made = blobs(24, BOX)
    maps = made.truth.maps * np.float32(scale)
    result = run(made.particles, job(algorithm, iterations=3), references=maps, threads=2)
    angles = angular_distance(result.poses.best_rotation, made.truth.rotations)
    assert (angles < 15.0).mean() >= 0.9  # of the true poses themselves: the map says the frame
    assert result.model.maps.std() < 2.0


def test_one_map_for_all_classes_or_one_for_each(few):
    for count in (1, 2):
        maps = np.repeat(few.truth.maps, count, 0)
        result = run(few.particles, job(classes=2, iterations=1), references=maps)
        assert result.model.maps.shape == (2, 16, 16, 16)


def test_each_iteration_is_told_in_turn(few):
    told = []
    result = run(
        few.particles,
        job(iterations=3),
        on_iteration=lambda model, poses: told.append((model.iteration, len(poses))),
    )
    assert told == [(0, 10), (1, 10), (2, 10), (3, 10)]
    assert len(result.history) == 4
    assert result.history[-1] == result.model.metrics


def test_the_resolution_in_use_never_falls_out_of_its_range(few):
    spec = job(iterations=6, resolution={"start_angstrom": 30.0, "limit_angstrom": 14.0})
    used = [m.resolution_in_use_angstrom for m in run(few.particles, spec).history]
    assert used[0] == pytest.approx(30.0)
    assert max(used) <= 30.0 + 1e-9
    assert min(used) >= 14.0 - 1e-9
    shells = 16 * VOXEL / np.array(used)
    assert np.diff(shells).max() <= 2.0 + 1e-9


def test_a_job_which_does_not_fit_is_refused_before_any_work(few):
    with pytest.raises(InputError, match="11 classes cannot be made of 10 particles"):
        run(few.particles, job(classes=11))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("algorithm", ["faml", "fa"])
def test_fewer_particles_than_folds_do_not_break_a_run(algorithm, count):
    made = blobs(count, 16)
    result = run(made.particles, job(algorithm, iterations=2))
    assert np.isfinite(result.model.maps).all()
    assert np.isfinite(result.poses.score).all()
    assert np.isfinite([m.log_likelihood for m in result.history]).all()


def test_threads_change_no_bit_of_a_larger_box():
    # Large enough for a transform of several threads to take another way.
    made = blobs(6, 24)

    def result(threads):
        return run(made.particles, job(iterations=2), threads=threads)

    one, several = result(1), result(3)
    same(one.model, several.model)
    same(one.poses, several.poses)
