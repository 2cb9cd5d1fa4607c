import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.fourier.missing import Turned
from subtomo_core.orientation.rotations import angular_distance, from_euler, from_rotation_vectors
from subtomo_core.refiners import (
    FrmRefiner,
    GradientRefiner,
    RotationalMatch,
    SagRefiner,
    about_axis,
    candidates,
    everywhere,
)
from subtomo_core.refiners.averaged_gradient import Averager
from subtomo_core.refiners.climbing import Climber
from subtomo_core.refiners.starting_poses import to_z
from support.pairs import COMPLETE, WEDGE, known_pair

TURN = from_euler([40.0, 70.0, -20.0])
REFINERS = {
    "rcs": GradientRefiner(),
    "fcs": GradientRefiner(score="fcs"),
    "literal": GradientRefiner(weighed=False),
    "sag": SagRefiner(),
    "basic sag": SagRefiner(batch=0.0),
}


@pytest.mark.parametrize("name", REFINERS)
@pytest.mark.parametrize(
    ("seen_f", "seen_g", "degrees", "voxels"),
    [
        # Interpolation leaves 1 % of an amplitude, more beside the edge of a wedge; the phantom's
        # radius is about 6 voxels.
        (COMPLETE, COMPLETE, 0.7, 0.05),
        (WEDGE, COMPLETE, 0.7, 0.05),
        (WEDGE, WEDGE, 1.0, 0.1),
        (Turned(WEDGE, TURN), Turned(WEDGE, TURN.T), 1.0, 0.1),
    ],
)
def test_a_motion_without_noise_is_found_from_all_over(name, seen_f, seen_g, degrees, voxels):
    known = known_pair(11, seen_f=seen_f, seen_g=seen_g)
    best = REFINERS[name].refine(known.pair, everywhere(known.pair, 60.0))[0]
    angle, distance = known.errors(best.rotation, best.shift)
    assert angle < degrees
    assert distance < voxels


@pytest.mark.parametrize("name", REFINERS)
def test_a_search_about_an_axis_keeps_it(name):
    known = known_pair(12, seen_f=WEDGE, seen_g=WEDGE, snr=0.5)
    starts = about_axis(known.pair, *known.normals, 60.0)
    assert len(starts) == 6
    best = REFINERS[name].refine(known.pair, starts)[0]
    assert np.allclose(best.rotation @ known.normals[1], known.normals[0], atol=1e-6)
    angle, distance = known.errors(best.rotation, best.shift)
    assert angle < 5.0
    assert distance < 0.5


@pytest.mark.parametrize("name", [*REFINERS, "frm"])
def test_the_same_seed_gives_the_same_bits(name):
    known = known_pair(13, seen_f=WEDGE, seen_g=WEDGE, snr=1.0)
    refiner = REFINERS.get(name, FrmRefiner())
    first, again = (refiner.refine(known.pair, everywhere(known.pair, 60.0))[0] for _ in range(2))
    assert np.array_equal(first.rotation, again.rotation)
    assert np.array_equal(first.shift, again.shift)


def test_rotational_matching_finds_a_motion_to_its_grid():
    known = known_pair(14, seen_f=WEDGE)
    match = RotationalMatch.of(known.pair, 8.0, 24)
    starts = candidates(match, 30)
    best = FrmRefiner(bandwidth=24).refine(known.pair, starts)[0]
    angle, distance = known.errors(best.rotation, best.shift)
    assert angle < 180.0 / 24 / 2
    assert distance < 0.5


def test_rotational_matching_refuses_an_axis():
    known = known_pair(14)
    with pytest.raises(InputError, match="one axis"):
        FrmRefiner().refine(known.pair, about_axis(known.pair, *known.normals, 60.0))


@pytest.mark.parametrize("batch", [0.0, 0.25, 1.0])
def test_the_averaged_gradient_ends_where_levenberg_and_marquardt_do(batch):
    known = known_pair(15, seen_f=WEDGE, snr=0.3)
    rotation = from_rotation_vectors([0.1, -0.1, 0.05]) @ known.rotation
    climber = Climber.at(known.pair, "rcs", rotation, known.shift + 0.5)
    climber.least = 1e-6
    climber.descend()
    walker = Averager(known.pair, rotation, known.shift + 0.5, np.eye(6), batch, 0, 1e-6)
    walker.descend()
    there = Climber.at(known.pair, "rcs", walker.rotation, walker.shift)
    # The slope of an interpolated transform jumps from cell to cell, and the overlap with it:
    # the valley's floor is rough by a part in a thousand of d, which is a degree across.
    assert there.here.value < climber.here.value * (1.0 + 2e-3)
    assert angular_distance(walker.rotation, climber.rotation) < 1.5
    assert np.linalg.norm(walker.shift - climber.shift) < 0.1


def test_damped_steps_descend_and_end():
    known = known_pair(16, seen_f=WEDGE, seen_g=WEDGE, snr=0.2)
    climber = Climber.at(known.pair, "fcs", np.eye(3), np.zeros(3))
    values = [climber.here.value]
    while not climber.still:
        climber.step()
        values.append(climber.here.value)
        assert climber.steps <= 100
    assert (np.diff(values) <= 0).all()
    assert values[-1] < values[0]


def test_shifts_stay_within_reach():
    known = known_pair(17, snr=0.1)
    for found in GradientRefiner().refine(known.pair, everywhere(known.pair, 60.0)):
        assert np.linalg.norm(found.shift) <= known.pair.reach


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0.3, -0.5, 0.2)])
def test_a_normal_is_brought_to_z(normal):
    R = to_z(normal)
    assert np.allclose(R @ normal / np.linalg.norm(normal), [0, 0, 1])
    assert np.linalg.det(R) == pytest.approx(1.0)
