from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.fourier.band import band
from subtomo_core.fourier.grids import half_grid, padded_grid, sinc_squared
from subtomo_core.fourier.nufft import pose_transform
from subtomo_core.fourier.shells import low_pass, multiplicity, radius_of, shell_sums, soft_edge
from subtomo_core.fourier.transforms import centreless, to_fourier, to_real
from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.simulate import asymmetric_blob, barrel
from support.numerics import blob, error, gathered, posed
from support.strategies import rotations, shifts, volumes


@settings(max_examples=20, deadline=None)
@given(volumes(12))
def test_sums_of_squares_agree_on_both_sides(volume):
    whole = (np.abs(to_fourier(volume)) ** 2 * multiplicity(12)).sum()
    assert whole == pytest.approx(float((volume**2).sum()), rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(volumes(12))
def test_back_and_forth_is_the_volume(volume):
    assert np.allclose(to_real(to_fourier(volume)), volume, atol=1e-5)


def test_the_origin_is_the_middle_voxel():
    volume = np.zeros((8, 8, 8), np.float32)
    volume[4, 4, 4] = 1.0
    assert np.allclose(to_fourier(volume), 8**-1.5, atol=1e-7)


def test_the_transform_is_numpys_with_the_origin_moved():
    volume = np.random.default_rng(1).normal(size=(10, 10, 10)).astype(np.float32)
    expected = np.fft.rfftn(np.fft.ifftshift(volume), norm="ortho")
    assert np.allclose(to_fourier(volume), expected, atol=1e-5)


def test_shell_sums_run_over_the_whole_transform():
    box = 12
    full = np.fft.fftfreq(box, 1 / box)
    radius = np.sqrt(full[:, None, None] ** 2 + full[:, None] ** 2 + full**2)
    expected = np.bincount(np.rint(radius).astype(int).ravel())[: box // 2 + 1]
    assert np.array_equal(shell_sums(np.ones((box, box, box // 2 + 1)), box), expected)


@pytest.mark.parametrize(("wave", "left"), [(3, 1.0), (4, 0.5), (5, 0.0)])
def test_a_low_pass_keeps_waves_below_the_cutoff_and_ends_those_above(wave, left):
    box, voxel = 16, 5.0
    x = np.arange(box) - box // 2
    volume = np.broadcast_to(np.cos(2 * np.pi * wave * x / box), (box,) * 3).astype(np.float32)
    assert np.allclose(low_pass(volume, voxel, box * voxel / 4), left * volume, atol=1e-5)


def test_a_soft_edge_falls_from_one_to_zero_within_two_shells():
    edge = soft_edge(np.linspace(0, 10, 101), 6.0)
    assert (np.diff(edge) <= 0).all()
    assert (edge[:51] == 1.0).all()
    assert (edge[70:] == 0.0).all()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([8, 10, 16]), st.floats(0.3, 0.99), st.integers(0, 99))
def test_a_band_counts_every_component_of_the_ball_once(box, part, seed):
    r_max = max(1.0, part * (box / 2))
    support = band(box, r_max)
    values = np.random.default_rng(seed).normal(size=(box,) * 3).astype(np.float32)
    full = np.fft.fftn(np.fft.ifftshift(values), norm="ortho")
    k = np.fft.fftfreq(box, 1 / box)
    radius = np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + k**2)
    inside = (radius <= r_max) & (radius > 0)
    assert support.count.sum() == inside.sum()
    power = (support.count * np.abs(support.take(to_fourier(values))) ** 2).sum()
    assert power == pytest.approx((np.abs(full[inside]) ** 2).sum(), rel=1e-5)


def test_a_band_is_complete_and_sorted():
    box, r_max = 12, 4.6
    support = band(box, r_max)
    listed = [tuple(k) for k in support.points.T.astype(int).tolist()]
    assert listed == sorted(listed)
    seen = set(listed)
    axis = range(-box // 2, box // 2)
    ball = {
        (x, y, z)
        for x in range(box // 2 + 1)
        for y in axis
        for z in axis
        if 0 < x * x + y * y + z * z <= r_max**2
    }
    assert seen == ball
    assert len(support.index) == len(ball)
    radius = np.linalg.norm(support.points, axis=0)
    assert np.array_equal(support.shell, np.rint(radius))
    assert np.allclose(radius_of(box).ravel()[support.index], radius, atol=1e-6)


def test_a_band_keeps_only_what_it_is_told_to():
    keep = np.random.default_rng(0).random((12, 12, 7)) < 0.5
    some = band(12, 5.0, keep)
    assert keep.ravel()[some.index].all()
    assert set(some.index) == set(band(12, 5.0).index) & set(np.nonzero(keep.ravel())[0])


@pytest.mark.parametrize("r_max", [0.0, 8.0, 9.0])
def test_a_band_reaches_neither_nothing_nor_nyquist(r_max):
    with pytest.raises(ValueError, match="r_max must lie between"):
        band(16, r_max)


def test_a_half_grid_holds_the_transform_and_zeros_beyond_it():
    box = 8
    transform = to_fourier(np.random.default_rng(0).normal(size=(box,) * 3))
    grid = half_grid(transform, 6).view(np.complex64)[..., 0]
    assert grid.shape == (15, 15, 8)
    for z, y, x in np.ndindex(15, 15, 8):
        inside = max(abs(z - 7), abs(y - 7), x) < box // 2
        expected = transform[z - 7, y - 7, x] if inside else 0.0
        assert grid[z, y, x] == expected


@settings(max_examples=20, deadline=None)
@given(shifts(3.0))
def test_a_shift_is_undone_in_a_band(shift):
    volume, support = blob(16), band(16, 7.0)
    moved = support.take(pose_transform(volume, np.eye(3), shift))
    still = support.take(to_fourier(volume))
    assert error(support.shifted(moved, shift), still, support.count) < 1e-4


def test_gathering_at_grid_points_takes_the_divided_volumes_values():
    volume = np.random.default_rng(0).normal(size=(16, 16, 16)).astype(np.float32)
    support = band(16, 7.5)
    found = gathered(padded_grid(volume, 8.5), support, np.eye(3))
    expected = support.take(to_fourier(volume / sinc_squared(16, 2)))
    assert np.allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("structure", "bound", "aligned_bound"),
    [
        # Measured: at random rotations, and at the identity.
        (asymmetric_blob(12.0), 0.010, 0.022),  # 0.0083, 0.0199
        (barrel(12.0), 0.020, 0.052),  # 0.0170, 0.0481
        (asymmetric_blob(19.2), 0.027, 0.056),  # 0.0233, 0.0521
        (barrel(19.2), 0.060, 0.135),  # 0.0530, 0.1273
    ],
)
def test_the_error_of_gathering_is_as_stated(structure, bound, aligned_bound):
    support, volume = band(24, 10.0), structure.density(24, 1.0)
    grid = padded_grid(volume, 10.0)

    def wrong(R):
        return error(gathered(grid, support, R), posed(volume, support, R), support.count)

    assert max(wrong(R) for R in random_rotations(np.random.default_rng(0), 20)) < bound
    assert wrong(np.eye(3)) < aligned_bound


@settings(max_examples=20, deadline=None)
@given(rotations())
def test_no_rotation_is_worse_than_the_identity(R):
    support, volume = band(16, 6.0), blob(16)
    found = gathered(padded_grid(volume, 6.0), support, R)
    assert error(found, posed(volume, support, R), support.count) < 0.022


@pytest.mark.parametrize("reach", [2, 6, 9])
def test_a_cropped_transform_holds_what_it_is_asked_for(reach):
    box = 20
    volume = np.random.default_rng(reach).normal(size=(box,) * 3).astype(np.float32)
    whole, some = centreless(volume), centreless(volume, reach)
    rows = np.arange(-reach, reach + 1)
    cells = np.ix_(rows, rows, np.arange(reach + 1))
    assert np.allclose(some[cells], whole[cells], atol=1e-5)
