from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from subtomo_core.errors import InputError
from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.fourier.shells import shell_sums
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.orientation.point_group_rotations import (
    asymmetric_unit,
    distance_modulo,
    invariant_share,
    symmetry_group,
)
from subtomo_core.orientation.rotations import (
    angular_distance,
    from_euler,
    random_rotations,
    rotation_about,
)
from subtomo_core.orientation.symmetry_average import symmetrised_map
from support.strategies import rotations

SIZES = {"C1": 1, "C2": 2, "C7": 7, "D2": 4, "D7": 14, "T": 12, "O": 24, "I": 60, "I1": 60}
names = st.one_of(
    st.sampled_from(sorted(SIZES)),
    st.integers(1, 64).map(lambda n: f"c{n}"),
    st.integers(2, 64).map(lambda n: f"D{n}"),
)


@hypothesis_settings(max_examples=30, deadline=None)
@given(names)
def test_a_group_is_closed_and_holds_the_identity_and_all_inverses(name):
    group = symmetry_group(name)
    assert np.array_equal(group[0], np.eye(3))
    assert np.allclose(np.linalg.det(group), 1.0)
    some = group[:: max(1, len(group) // 8)]
    for element in some:
        assert angular_distance(element.T, group).min() < 1e-4
        products = element @ some
        assert angular_distance(products[:, None], group).min(1).max() < 1e-4
    gaps = angular_distance(group[:, None], group)
    assert gaps[~np.eye(len(group), dtype=bool)].min(initial=360.0) > 5.0


@pytest.mark.parametrize("name", SIZES)
def test_the_order_of_a_group(name):
    assert len(symmetry_group(name)) == SIZES[name]


@pytest.mark.parametrize(
    ("name", "axis", "folds"),
    [
        ("C5", (0, 0, 1), 5),
        ("D5", (0, 0, 1), 5),
        ("D5", (1, 0, 0), 2),
        ("T", (0, 0, 1), 3),
        ("T", (0.0, 0.816496, 0.577350), 2),
        ("O", (0, 0, 1), 4),
        ("O", (1, 0, 0), 4),
        ("O", (1, 1, 1), 3),
        ("I", (0, 0, 1), 2),
        ("I", (1, 0, 0), 2),
        ("I2", (0.525731114, 0.0, 0.850650807), 5),
        ("I2", (0.0, 0.356822076, 0.934172364), 3),
        ("I1", (0.0, 0.525731114, 0.850650807), 5),
        ("I1", (0.356822076, 0.0, 0.934172364), 3),
    ],
)
def test_axes_lie_where_relion_has_them(name, axis, folds):
    element = rotation_about(axis, 360.0 / folds)
    assert angular_distance(symmetry_group(name), element).min() < 1e-3


@pytest.mark.parametrize("name", ["", "C0", "D", "X3", "C7x", "C65"])
def test_an_unknown_group_is_told(name):
    with pytest.raises(InputError, match="use C1"):
        symmetry_group(name)


@hypothesis_settings(max_examples=20, deadline=None)
@given(rotations(), st.sampled_from(["C7", "D7", "T", "O", "I"]), st.integers(0, 59))
def test_poses_which_look_alike_have_no_distance(R, name, element):
    group = symmetry_group(name)
    other = R @ group[element % len(group)]
    assert distance_modulo(R[None], other[None], group)[0] < 1e-4


@pytest.mark.parametrize("name", ["C1", "C7", "D7", "T", "O", "I"])
def test_an_asymmetric_unit_holds_each_view_once(name):
    group, bandwidth = symmetry_group(name), 24
    unit = asymmetric_unit(group, bandwidth)
    area = np.sin(np.pi / bandwidth * np.arange(bandwidth + 1))[:, None, None]
    # Cells on the border belong to two units: they are counted by half a step too many.
    assert (unit * area).sum() / (area.sum() * (2 * bandwidth) ** 2) == pytest.approx(
        1 / len(group), rel=0.35
    )
    angles = 180.0 / bandwidth * np.argwhere(unit > 0)
    kept = from_euler(angles[:, [1, 0, 2]])
    for R in random_rotations(np.random.default_rng(1), 8):
        assert angular_distance(kept[:, None], R @ group).min() < 8.0


@pytest.mark.parametrize("name", ["C2", "C7", "D7", "O"])
def test_the_noise_which_averaging_leaves_is_what_the_characters_say(name):
    box, group = 24, symmetry_group(name)
    mask = soft_sphere(box, 8.0, 3.0)
    before, after = np.zeros(box // 2 + 1), np.zeros(box // 2 + 1)
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(size=(box,) * 3).astype(np.float32)
        average = symmetrised_map(noise, group)
        before += shell_sums(np.abs(to_fourier(noise * mask)) ** 2, box)
        after += shell_sums(np.abs(to_fourier(average * mask)) ** 2, box)
    degrees = 2.0 * np.pi / box * np.sqrt(0.6) * 8.0 * np.arange(box // 2 + 1)
    found, said = (after / before)[3:9].mean(), invariant_share(group, degrees)[3:9].mean()
    assert found == pytest.approx(said, rel=0.3)
