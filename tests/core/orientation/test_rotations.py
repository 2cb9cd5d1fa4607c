from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from scipy.spatial.transform import Rotation

from subtomo_core.orientation.rotations import (
    angular_distance,
    dynamo_angles,
    even_rotations,
    from_dynamo_angles,
    from_euler,
    from_relion_angles,
    from_relion_origins,
    from_rotation_vectors,
    from_tom_angles,
    inverse_pose,
    mean_rotation,
    random_rotations,
    relion_angles,
    relion_origins,
    relion_tilts,
    rotation_about,
    to_euler,
    tom_angles,
)
from support.strategies import rotations, shifts


@given(rotations())
def test_angles_and_matrices_are_the_same_rotation(R):
    assert np.allclose(from_euler(to_euler(R)), R, atol=1e-7)
    assert np.allclose(from_relion_angles(relion_angles(R)), R, atol=1e-7)


def test_euler_angles_turn_about_z_then_y_then_z():
    angles = np.random.default_rng(0).uniform(-180, 180, (5, 4, 3))
    reference = Rotation.from_euler("ZYZ", angles.reshape(-1, 3), degrees=True).as_matrix()
    assert np.allclose(from_euler(angles).reshape(-1, 3, 3), reference)


@pytest.mark.parametrize("tilt", [0.0, 180.0, 1e-12])
def test_the_poles_keep_their_rotation(tilt):
    R = from_euler([20.0, tilt, 40.0])
    assert np.allclose(from_euler(to_euler(R)), R, atol=1e-8)
    assert to_euler(R)[2] == 0.0


def test_relion_angles_are_those_of_the_inverse():
    R = random_rotations(np.random.default_rng(1), 10)
    inverse = Rotation.from_matrix(R).inv().as_euler("ZYZ", degrees=True)
    assert np.allclose(relion_angles(R), inverse)


@given(rotations())
def test_tilts_turn_a_tomogram_about_fixed_axes(R):
    x, y, z = np.moveaxis(relion_tilts(R), -1, 0)
    turned = rotation_about([0, 0, 1], z) @ rotation_about([0, 1, 0], y)
    assert np.allclose(turned @ rotation_about([1, 0, 0], x), R, atol=1e-6)


@pytest.mark.parametrize("y", [90.0, -90.0])
def test_tilts_of_ninety_degrees_leave_the_x_tilt_at_0(y):
    R = rotation_about([0, 0, 1], 20.0) @ rotation_about([0, 1, 0], y)
    assert np.allclose(relion_tilts(R), [0.0, y, 20.0], atol=1e-6)


def test_tilts_are_those_which_relion_writes_of_a_projection_matrix():
    """An image of the tilt series with which RELION's Python tools are tested: it has both."""
    rows = [
        [0.0814842382114, -0.996590673923, 0.0129349948257],
        [0.984266480393, 0.0825045183301, 0.156244718125],
        [-0.156779229641, 0.0, 0.987633645535],
    ]
    assert np.allclose(relion_tilts(rows), [0.0, 9.02, 85.267461], atol=1e-5)


def test_dynamos_angles_give_dynamos_matrix():
    """What ``dynamo_euler2matrix([30, 60, 75])`` printed; it turns the particle back."""
    printed = [[-0.0173, -0.5477, 0.8365], [0.9012, -0.3709, -0.2241], [0.4330, 0.7500, 0.5000]]
    assert np.allclose(from_dynamo_angles([30, 60, 75]).T, printed, atol=5e-5)


def test_dynamo_and_relion_tell_the_same_pose():
    """A pair with which both programs made the same reconstruction."""
    dynamo = from_dynamo_angles([-47.2730, 1.1777, -132.3000])
    assert np.allclose(dynamo, from_relion_angles([137.7000, 1.1777, 42.7270]), atol=1e-6)


def test_dynamo_turns_the_reference_clockwise():
    """As its documentation says: about z, about the new x, about the new z."""
    x, y, z = np.eye(3)
    assert np.allclose(from_dynamo_angles([90, 0, 0]) @ x, -y)
    assert np.allclose(from_dynamo_angles([0, 90, 0]) @ z, y)
    assert np.allclose(from_dynamo_angles([90, 90, 0]) @ z, x)
    angles = np.random.default_rng(0).uniform(-180, 180, (2, 3, 3))
    narot = angles + np.array([0.0, 0.0, 33.0])
    assert np.allclose(from_dynamo_angles(angles) @ z, from_dynamo_angles(narot) @ z)


def test_relion_origins_bring_the_particle_back():
    t = np.array([1.5, -2.0, 0.25])
    assert np.allclose(relion_origins(t, 4.0), [-6.0, 8.0, -1.0])
    assert np.allclose(from_relion_origins(relion_origins(t, 4.0), 4.0), t)


def test_random_rotations_are_uniform():
    R = random_rotations(np.random.default_rng(2), 20_000)
    assert np.allclose(R @ R.swapaxes(1, 2), np.eye(3), atol=1e-12)
    assert np.allclose(np.linalg.det(R), 1.0)
    # Uniform rotations average to nothing, and 3 cos^2 of the tilt has mean 1.
    assert np.abs(R.mean(0)).max() < 4 * np.sqrt(1 / 3 / 20_000)
    assert abs((R[:, 2, 2] ** 2).mean() - 1 / 3) < 0.01
    # The angle's density is (1 - cos) / pi: its mean is pi/2 + 2/pi.
    assert abs(angular_distance(R, np.eye(3)).mean() - np.degrees(np.pi / 2 + 2 / np.pi)) < 1.0


@given(rotations(), rotations(), rotations())
def test_distance_is_a_metric_which_no_rotation_changes(A, B, C):
    d = angular_distance(A, B)
    assert d == pytest.approx(angular_distance(C @ A, C @ B), abs=1e-5)
    assert d <= angular_distance(A, C) + angular_distance(C, B) + 1e-5


@pytest.mark.parametrize("angle", [0.0, 1e-4, 10.0, 179.0, 180.0])
def test_distance_is_the_angle_turned(angle):
    assert angular_distance(rotation_about([1, 2, 3], angle), np.eye(3)) == pytest.approx(
        angle, abs=2e-6
    )


@pytest.mark.parametrize(("step", "count"), [(30.0, 551), (15.0, 4401)])
def test_even_rotations_leave_no_hole_and_no_crowd(step, count):
    grid = even_rotations(step)
    assert len(grid) == count
    anywhere = random_rotations(np.random.default_rng(3), 300)
    nearest = angular_distance(anywhere[:, None], grid[None]).min(1)
    assert nearest.max() < 0.9 * step
    apart = np.sort(angular_distance(grid[:: count // 50, None], grid[None]), 1)[:, 1]
    assert apart.min() > 0.5 * step


def test_mean_rotation_is_the_middle():
    R = random_rotations(np.random.default_rng(4), 1)[0]
    vectors = np.random.default_rng(5).normal(0, 0.05, (50, 3))
    around = from_rotation_vectors(np.concatenate([vectors, -vectors])) @ R
    assert angular_distance(mean_rotation(around), R) < 1e-6


@given(rotations(), shifts())
def test_inverse_pose_undoes_a_pose(R, t):
    back, moved = inverse_pose(R, t)
    x = np.array([1.0, -2.0, 3.0])
    assert np.allclose(back @ (R @ x + t) + moved, x, atol=1e-6)


# ---------------------------------------------------------------- other programs


def test_dynamo_angles_there_and_back():
    given = random_rotations(np.random.default_rng(3), 50)
    given[:2] = np.eye(3), np.diag([1.0, -1.0, -1.0])
    angles = dynamo_angles(given)
    assert angular_distance(from_dynamo_angles(angles), given).max() < 1e-5
    assert (np.abs(angles) <= 180.0).all()
    assert (angles[:, 1] >= 0.0).all()


def test_tom_angles_there_and_back():
    given = random_rotations(np.random.default_rng(4), 50)
    given[:2] = np.eye(3), np.diag([1.0, -1.0, -1.0])
    assert angular_distance(from_tom_angles(tom_angles(given)), given).max() < 1e-5


def test_tom_angles_turn_points_as_tom_pointrotate_does():
    """phi turns first about z, then theta about x, then psi about z, right-handed."""
    x, y, z = np.eye(3)
    assert np.allclose(from_tom_angles([90, 0, 0]) @ x, y)
    assert np.allclose(from_tom_angles([0, 0, 90]) @ y, z)
    assert np.allclose(from_tom_angles([0, 90, 0]) @ x, y)
    assert np.allclose(from_tom_angles([90, 0, 90]) @ x, z)  # to y, then to z
    assert np.allclose(from_tom_angles([0, 90, 90]) @ y, z)
    assert np.allclose(from_tom_angles([0, 90, 90]) @ z, x)  # to -y, then to x


def test_dynamo_turns_by_the_negative_angles_of_tom():
    angles = np.random.default_rng(5).uniform(-90, 90, (20, 3))
    tdrot, tilt, narot = angles.T
    toms = from_tom_angles(np.stack([-narot, -tdrot, -tilt], -1))
    assert angular_distance(toms, from_dynamo_angles(angles)).max() < 1e-5
