from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.orientation.rotations import rotation_about
from subtomo_core.simulate import helix, membrane_patch, shell, symmetric_phantom

BOX, VOXEL = 32, 7.0
GROUPS = [f"C{n}" for n in range(1, 13)] + [f"D{n}" for n in range(2, 10)] + ["T", "O", "I1", "I2"]


def difference(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("name", GROUPS)
def test_a_phantom_has_the_rotations_of_its_group_and_no_more(name):
    phantom, group = symmetric_phantom(name, 150.0), symmetry_group(name)
    still = phantom.density(BOX, VOXEL)
    for R in group[:: max(1, len(group) // 6)]:
        assert difference(phantom.density(BOX, VOXEL, R), still) < 1e-4
    fold = 2 * sum(np.allclose(R[2], [0, 0, 1]) for R in group)
    assert difference(phantom.density(BOX, VOXEL, rotation_about([0, 0, 1], 360 / fold)), still) > (
        0.01
    )


@pytest.mark.parametrize(("name", "subunits"), [("T", 12), ("O", 24), ("I", 60)])
def test_a_shell_is_hollow_and_has_its_subunits(name, subunits):
    made = shell(name, 150.0)
    assert len(made.centres) == 4 * subunits
    volume = made.density(BOX, VOXEL)
    middle = volume[14:19, 14:19, 14:19].max()
    assert middle < 0.2 * volume.max()
    for R in symmetry_group(name)[::5]:
        assert difference(made.density(BOX, VOXEL, R), volume) < 1e-4
    assert np.linalg.norm(made.centres, axis=1).max() < 75.0


def test_a_helix_moves_onto_itself_by_rise_and_twist():
    made = helix(rise_angstrom=20.0, twist_deg=40.0, length_angstrom=200.0)
    moved = made.centres @ rotation_about([0, 0, 1], 40.0).T + [0.0, 0.0, 20.0]
    distances = np.linalg.norm(moved[:, None] - made.centres, axis=-1).min(1)
    inner = moved[:, 2] < made.centres[:, 2].max() - 20.0
    assert inner.sum() >= 20
    assert distances[inner].max() < 1e-6
    with pytest.raises(InputError, match="rise"):
        helix(rise_angstrom=0.0)


def test_a_membrane_has_two_layers_across_its_normal():
    volume = membrane_patch(180.0).density(BOX, VOXEL)
    along = volume[:, BOX // 2, BOX // 2]
    peaks = [i for i in range(1, BOX - 1) if along[i] > along[i - 1] and along[i] >= along[i + 1]]
    assert peaks == [BOX // 2 - 3, BOX // 2 + 3]  # 18 Å from the middle, to half a voxel
    assert volume[:, BOX // 2, [0, -1]].max() < 0.01 * volume.max()


def test_an_unknown_group_is_refused():
    with pytest.raises(InputError, match="unknown"):
        shell("Q7")
