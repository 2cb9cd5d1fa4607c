from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.data.statistics import Model, Poses
from subtomo_core.fourier.nufft import rotate
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.maximise.averages import Averages
from subtomo_core.maximise.half_alignment import Motions, follow, found, in_one_frame, turned
from subtomo_core.orientation.rotations import angular_distance, random_rotations, rotation_about
from subtomo_core.simulate import asymmetric_blob, four_gaussians
from support.core_steps import Step
from support.numerics import error
from support.small_jobs import batch_of, blobs, job, knowing, method_of

ROTATION = rotation_about([1.0, 2.0, -1.0], 70.0)
SHIFT = np.array([0.8, -0.5, 0.3])
RESOLUTION = {"start_angstrom": 14.0, "limit_angstrom": 12.0, "shared_angstrom": 16.0}


class Pair:
    """Sums of two structures, both halves in one frame, against their known maps."""

    def __init__(self):
        bodies = [asymmetric_blob(40.0), four_gaussians(48.0)]
        self.made = blobs(structures=bodies, counts=[16, 16], snr=1.0)
        calm = {"regularisation": 0.0}
        spec = job(classes=2, half_sets=True, resolution=RESOLUTION, parameters=calm)
        self.method = method_of(self.made.particles, spec)
        self.settings = self.method.settings
        self.model = knowing(self.method, self.made.truth.maps, 1.0)
        self.statistics = self.method.expect(batch_of(self.made.particles), self.model).statistics


@pytest.fixture(scope="module")
def pair():
    return Pair()


def apart(step, order, rotation, shift):
    """The step's sums and model with the second half in another frame and order."""
    sums = {f: getattr(step.statistics, f).copy() for f in ("numerator", "denominator", "mass")}
    maps = step.model.fold_maps.copy()
    for fold in range(1, 8, 2):
        for k, old in enumerate(order):
            numerator = step.statistics.numerator[fold, old]
            weight = step.statistics.denominator[fold, old].astype(np.complex64)
            sums["numerator"][fold, k] = turned(numerator, rotation, shift)
            sums["denominator"][fold, k] = turned(weight, rotation, np.zeros(3)).real
            sums["mass"][fold, k] = step.statistics.mass[fold, old]
            maps[fold, k] = rotate(step.model.fold_maps[fold, old], rotation, shift)
    return replace(step.model, fold_maps=maps), replace(step.statistics, **sums)


def agreement(step, model, statistics):
    averages = Averages.of(step.settings, statistics, model.shell_in_use)
    return averages.half_maps()[1].masked[:, 1:5].mean(1)


def test_turning_sums_turns_their_average():
    rng = np.random.default_rng(0)
    low = np.zeros((16, 16, 9), np.complex64)
    low[:4, :4, :4] = to_fourier(rng.normal(size=(16, 16, 16)).astype(np.float32))[:4, :4, :4]
    volume = to_real(low)
    expected = rotate(volume, ROTATION, SHIFT)
    assert error(to_real(turned(to_fourier(volume), ROTATION, SHIFT)), expected) < 1e-5


def test_halves_in_one_frame_are_left_alone_to_the_bit(pair):
    model, statistics, motions = in_one_frame(pair.settings, pair.model, pair.statistics)
    assert not motions.any
    assert model is pair.model
    assert statistics is pair.statistics
    made = pair.method.maximise(pair.model, pair.statistics)
    poses = Poses(np.zeros((3, 2, 3, 3)), np.zeros((3, 2, 3)), np.zeros((3, 2)), np.zeros((3, 2)))
    assert follow(made, poses) is poses


def test_a_half_in_another_frame_is_brought_back(pair):
    model, statistics = apart(pair, [0, 1], ROTATION, SHIFT)
    before, wanted = (
        agreement(pair, model, statistics),
        agreement(pair, pair.model, pair.statistics),
    )
    now, sums, motions = in_one_frame(pair.settings, model, statistics)
    assert motions.order.tolist() == [0, 1]
    for k in range(2):
        assert angular_distance(motions.rotations[k], ROTATION.T) < 6.0
        assert np.linalg.norm(motions.shifts[k] + ROTATION.T @ SHIFT) < 0.5
    after = agreement(pair, now, sums)
    assert (after > wanted - 0.05).all()
    assert (after > before + 0.1).all()
    assert error(now.fold_maps[1], pair.model.fold_maps[1]) < 0.4
    assert now.fold_maps[::2].tobytes() == model.fold_maps[::2].tobytes()
    assert sums.numerator[::2].tobytes() == statistics.numerator[::2].tobytes()


def test_classes_in_another_order_are_matched(pair):
    model, statistics = apart(pair, [1, 0], np.eye(3), np.zeros(3))
    _, sums, motions = in_one_frame(pair.settings, model, statistics)
    assert motions.order.tolist() == [1, 0]
    assert np.array_equal(sums.mass, pair.statistics.mass)


def test_an_empty_class_is_not_moved(pair):
    model, statistics = apart(pair, [0, 1], ROTATION, SHIFT)
    mass = statistics.mass.copy()
    mass[1::2, 1] = 0.0
    motions = found(pair.settings, model, replace(statistics, mass=mass))
    assert motions.moves(0)
    assert not motions.moves(1)


def test_nothing_is_moved_without_half_sets_or_before_the_first_iteration(pair):
    alone = Step(classes=2, parameters={"regularisation": 0.0})
    assert not in_one_frame(alone.settings, alone.model, alone.statistics)[2].any
    survey = replace(pair.model, iteration=-1)
    model, statistics = apart(pair, [0, 1], ROTATION, SHIFT)
    assert not in_one_frame(pair.settings, survey, statistics)[2].any
    assert in_one_frame(pair.settings, model, statistics)[2].any


def test_poses_follow_their_reference(pair):
    rng = np.random.default_rng(3)
    poses = Poses(
        random_rotations(rng, 8).reshape(4, 2, 3, 3),
        rng.normal(size=(4, 2, 3)),
        rng.dirichlet(np.ones(2), 4),
        rng.normal(size=(4, 2)),
    )
    order = np.array([1, 0])
    rotations, shifts = np.stack([ROTATION, np.eye(3)]), np.stack([SHIFT, -SHIFT])
    motions = Motions(order, rotations, shifts)
    model: Model = replace(pair.model, half_order=order, half_motions=motions.packed)
    after = follow(model, poses)
    assert np.array_equal(after.rotations[::2], poses.rotations[::2])
    # Rotations lose what leaves the transform's cube: a smooth body has nothing there.
    reference = pair.settings.shape(pair.made.truth.maps[0], 5.0)
    for k in range(2):
        moved = rotate(reference, rotations[k], shifts[k])
        for i in (1, 3):
            particle = rotate(reference, poses.rotations[i, order[k]], poses.shifts[i, order[k]])
            again = rotate(moved, after.rotations[i, k], after.shifts[i, k])
            assert error(again, particle) < 0.02
            assert after.probability[i, k] == poses.probability[i, order[k]]
            assert after.score[i, k] == poses.score[i, order[k]]


def test_the_model_tells_how_it_was_made(pair):
    assert not Motions.of(pair.method.maximise(pair.model, pair.statistics)).any
    model, statistics = apart(pair, [0, 1], ROTATION, SHIFT)
    made = pair.method.maximise(model, statistics)
    motions = Motions.of(Model.from_arrays(made.to_arrays()))
    assert motions.moves(0)
    assert angular_distance(motions.rotations[0], ROTATION.T) < 6.0
