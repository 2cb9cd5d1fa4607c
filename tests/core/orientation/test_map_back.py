from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.fourier.nufft import rotate
from subtomo_core.orientation.map_back import Stamp
from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.simulate import asymmetric_blob, simulate

BOX = 32


@pytest.fixture(scope="module")
def average():
    body = simulate([asymmetric_blob(80.0)], [1], BOX, 5.0)
    return body.truth.maps[0]


def error(found, expected):
    return np.sqrt(((found - expected) ** 2).mean() / (expected**2).mean())


def test_a_copy_is_the_average_rotated_and_shifted(average):
    rotation = random_rotations(np.random.default_rng(0), 1)[0]
    shift = np.array([1.3, -0.6, 2.2])
    volume = np.zeros((BOX,) * 3, np.float32)
    Stamp(average, 1.0).add(volume, rotation, BOX // 2 + shift)
    assert error(volume, rotate(average, rotation, shift)) < 0.03


def test_in_slabs_it_is_the_same_to_the_bit(average):
    rotation = random_rotations(np.random.default_rng(1), 1)[0]
    centre, stamp = np.array([20.2, 31.7, 25.4]), Stamp(average, 1.0)
    whole = np.zeros((48, 48, 48), np.float32)
    stamp.add(whole, rotation, centre)
    for first in range(0, 48, 7):
        slab = np.zeros((min(7, 48 - first), 48, 48), np.float32)
        stamp.add(slab, rotation, centre - [0, 0, first])
        assert np.allclose(slab, whole[first : first + 7], atol=1e-5)


def test_copies_add_and_what_leaves_the_volume_is_cut_off(average):
    stamp, eye = Stamp(average, 1.0), np.eye(3)
    volume = np.zeros((BOX,) * 3, np.float32)
    stamp.add(volume, eye, np.full(3, BOX / 2))
    once = volume.copy()
    stamp.add(volume, eye, np.full(3, BOX / 2))
    assert np.allclose(volume, 2 * once)
    stamp.add(volume, eye, np.array([200.0, 0.0, 0.0]))
    stamp.add(volume, eye, np.full(3, -100.0))
    stamp.add(volume, eye, np.array([0.0, 0.0, 1e300]))
    assert np.allclose(volume, 2 * once)
    corner = np.zeros((BOX,) * 3, np.float32)
    stamp.add(corner, eye, np.zeros(3))
    assert np.allclose(corner[: BOX // 2, : BOX // 2, : BOX // 2], once[16:, 16:, 16:], atol=1e-6)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_another_voxel_size_keeps_places_and_densities(average, scale):
    """A voxel of the tomogram shows what lies at the same place of the average."""
    side = int(BOX * scale)
    volume = np.zeros((side,) * 3, np.float32)
    Stamp(average, scale).add(volume, np.eye(3), np.full(3, side // 2))
    if scale > 1:
        assert error(volume[::2, ::2, ::2], average) < 0.02
    else:
        assert error(volume, average[::2, ::2, ::2]) < 0.3  # what is finer is cut off
        assert np.unravel_index(volume.argmax(), volume.shape) == pytest.approx(
            np.array(np.unravel_index(average.argmax(), average.shape)) / 2, abs=1
        )
