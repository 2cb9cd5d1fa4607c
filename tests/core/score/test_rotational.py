"""The n-fold symmetry of maps whose symmetry is known."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.fourier.nufft import rotate
from subtomo_core.fourier.shells import low_pass
from subtomo_core.orientation.rotations import rotation_about
from subtomo_core.score import correlation, rotational_symmetry
from subtomo_core.score.compare import mask_about
from subtomo_core.simulate import GaussianStructure, helix, symmetric_phantom

BOX, VOXEL = 40, 4.5


def phantom(group):
    return symmetric_phantom(group, 0.75 * BOX * VOXEL).density(BOX, VOXEL)


def noisy(volume, times=1.0, seed=1):
    noise = np.random.default_rng(seed).normal(size=volume.shape)
    return (volume + times * volume.std() * noise).astype(np.float32)


def at(found, order):
    """Strength of an order."""
    return found.strength[order - 2]


@pytest.mark.parametrize(("group", "order"), [("C2", 2), ("C3", 3), ("C6", 6), ("D7", 7), ("O", 4)])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_the_order_of_a_complex_stands_out(group, order, noise):
    found = rotational_symmetry(noisy(phantom(group), noise), highest=16)
    assert found.order == order
    if noise == 0.0:
        # Interpolation is off by about a hundredth of the power.
        assert at(found, order) > 0.98
        assert found.pairwise[order - 2] > 0.99
        assert all(at(found, n) > 0.98 for n in range(2, order) if order % n == 0)
    else:
        assert at(found, order) > found.chance[order - 2]
        assert at(found, order) < 0.9


@pytest.mark.parametrize("order", [5, 17])
def test_a_helix_whose_subunits_lie_over_one_another_has_their_order(order):
    turn = helix(
        rise_angstrom=2.0, twist_deg=360.0 / order, diameter_angstrom=130.0, length_angstrom=120.0
    )
    assert rotational_symmetry(noisy(turn.density(BOX, VOXEL)), highest=24).order == order


@pytest.mark.parametrize("times", [0.0, 1.0])
def test_a_helix_and_a_body_without_symmetry_have_none(times):
    loose = helix(rise_angstrom=22.0, twist_deg=50.0)
    for body in (loose.density(BOX, VOXEL), phantom("C1")):
        found = rotational_symmetry(noisy(body, times), highest=16)
        assert found.order == 1
        assert found.strength.max() < 0.3


def rod(box, voxel):
    """A body which looks the same from all round."""
    heights = np.linspace(-0.25, 0.25, 11) * box * voxel
    centres = np.stack([0 * heights, 0 * heights, heights], 1)
    widths = np.full(len(heights), 0.1 * box * voxel)
    return GaussianStructure(centres, widths, np.ones(len(heights))).density(box, voxel)


def test_a_rod_varies_too_little_for_any_order():
    found = rotational_symmetry(rod(BOX, VOXEL), highest=12)
    assert (found.order, found.strength.max()) == (1, 0.0)
    assert found.axial > 0.9999
    assert np.allclose(found.pairwise, 1.0, atol=1e-3)


def test_a_rod_in_noise_seldom_shows_an_order():
    # One in twenty by chance: of 12 maps more than 4 once in five thousand times.
    maps = [noisy(rod(20, VOXEL), 2.0, seed) for seed in range(12)]
    orders = [rotational_symmetry(m, highest=10, seed=i).order for i, m in enumerate(maps)]
    assert sum(order > 1 for order in orders) <= 4


@pytest.mark.parametrize("order", [2, 3, 5])
def test_pairwise_is_the_mean_correlation_of_turned_copies(order):
    # Near Nyquist noise is interpolated badly, by rings and by turning alike.
    smooth = low_pass(noisy(phantom("C3")), VOXEL, 3.0 * VOXEL)
    found = rotational_symmetry(smooth, highest=8)
    mask = mask_about(smooth)
    copies = [rotate(smooth, rotation_about([0, 0, 1], 360.0 * k / order)) for k in range(1, order)]
    plainly = np.mean([correlation(smooth, copy, mask) for copy in copies])
    assert found.pairwise[order - 2] == pytest.approx(plainly, abs=0.01)


def test_any_axis_may_be_asked_for():
    axis = np.array([1.0, 2.0, -0.5])
    across = np.cross([0.0, 0.0, 1.0], axis)
    angle = np.degrees(np.arccos(axis[2] / np.linalg.norm(axis)))
    turned = rotate(phantom("C5"), rotation_about(across, angle))
    assert rotational_symmetry(turned, axis=axis, highest=12).order == 5
    assert rotational_symmetry(turned, highest=12).order != 5


def test_noise_seldom_shows_an_order():
    # One in twenty by chance: of 40 maps 2, and more than 7 once in two thousand times.
    rng = np.random.default_rng(5)
    maps = rng.normal(size=(40, 16, 16, 16)).astype(np.float32)
    orders = [rotational_symmetry(m, highest=10, seed=i).order for i, m in enumerate(maps)]
    assert sum(order > 1 for order in orders) <= 7


def test_the_same_seed_gives_the_same_bits():
    first, again = (rotational_symmetry(noisy(phantom("C4")), highest=8) for _ in range(2))
    assert np.array_equal(first.chance, again.chance)
    assert np.array_equal(first.strength, again.strength)


def test_axes_and_orders_which_cannot_be_are_refused():
    volume = phantom("C4")
    with pytest.raises(InputError, match="an axis is a direction"):
        rotational_symmetry(volume, axis=(0, 0, 0))
    with pytest.raises(InputError, match=r"a box of 40 voxels tells orders from 2 to \d+ apart"):
        rotational_symmetry(volume, highest=90)
