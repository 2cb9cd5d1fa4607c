"""Local resolution: what is finer on one side is told there, and noise tells nothing."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.fourier.local_resolution import default_window, local_resolution
from subtomo_core.fourier.shells import radius_of, shell_of_components
from subtomo_core.fourier.transforms import to_fourier, to_real

BOX, VOXEL, WINDOW = 64, 2.0, 30.0
EXTENT = BOX * VOXEL
ALL = np.ones((BOX,) * 3, np.float32)
FINE, COARSE = 22, 12  # shells
GRID = {"voxel_size": VOXEL, "window_angstrom": WINDOW}


def white(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((BOX,) * 3, np.float32)


def noise_beyond(shell: int, seed: int) -> np.ndarray:
    """White noise that is faint up to a shell, and strong beyond."""
    gain = np.where(radius_of(BOX) < shell, 0.1, 3.0).astype(np.float32)
    return to_real(to_fourier(white(seed)) * gain)


def halves(axis: int) -> tuple[np.ndarray, np.ndarray]:
    """One white structure; noise begins at a fine shell in the low half of an axis (of z, y, x)."""
    low = np.arange(BOX) < BOX // 2
    low = low.reshape([BOX if axis == i else 1 for i in range(3)])
    first, second = (
        white(0) + np.where(low, noise_beyond(FINE, 10 + k), noise_beyond(COARSE, 20 + k))
        for k in (0, 1)
    )
    return first.astype(np.float32), second.astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_each_side_has_its_own_resolution(axis: int):
    found = local_resolution(*halves(axis), ALL, **GRID).map
    # Windows of 15 voxels that lie on one side, and whose bands are two shells wide.
    fine, coarse = (np.median(found.take(range(at, at + 12), axis)) for at in (8, 44))
    assert EXTENT / fine == pytest.approx(FINE, abs=2.0)
    assert EXTENT / coarse == pytest.approx(COARSE, abs=2.0)


def test_it_is_where_a_windowed_fsc_falls():
    """Cardone's: both halves under a window, their plain FSC over shells of the whole box."""
    first, second = halves(2)
    found = local_resolution(first, second, ALL, **GRID)
    sigma = WINDOW / VOXEL / np.sqrt(8 * np.log(2))
    shells = shell_of_components(BOX)
    for x in (14, 50):
        places = ((np.arange(BOX) - centre) ** 2 for centre in (32, 32, x))
        z, y, x2 = np.meshgrid(*places, indexing="ij")
        # The product of both windows is the window of their correlation.
        window = np.exp(-(z + y + x2) / (4 * sigma**2)).astype(np.float32)
        a, b = to_fourier(first * window), to_fourier(second * window)
        terms = ((a * b.conj()).real, abs(a) ** 2, abs(b) ** 2)
        cross, p, q = (np.bincount(shells.ravel(), t.ravel())[: BOX // 2] for t in terms)
        curve = cross / np.sqrt(p * q)
        falls = int(np.flatnonzero(curve[4:] < 0.5)[0]) + 4
        assert EXTENT / found.map[32, 32, x] == pytest.approx(falls, abs=1.5)


def test_halves_that_are_alike_are_at_nyquist_whatever_their_scale():
    structure = white(0)
    found = local_resolution(structure, 7 * structure, ALL, **GRID)
    np.testing.assert_allclose(found.map, 2 * VOXEL, rtol=1e-6)
    assert found.finest == 2 * VOXEL


def test_a_common_scale_changes_nothing():
    first, second = halves(2)
    one = local_resolution(first, second, ALL, **GRID).map
    other = local_resolution(1e-4 * first, 1e3 * second, ALL, **GRID).map
    np.testing.assert_allclose(other, one, rtol=1e-3)


def test_noise_and_nothing_have_the_coarsest_resolution():
    found = local_resolution(white(1), white(2), ALL, **GRID)
    # The coarsest band holds some 16 components under a window, its neighbour 30: there a
    # correlation of 0.5 by chance lies three standard deviations off.
    assert np.mean(found.map < 0.999 * found.coarsest) < 0.01
    assert found.coarsest == pytest.approx(WINDOW)
    empty = local_resolution(0 * ALL, 0 * ALL, ALL, **GRID)
    np.testing.assert_allclose(empty.map, WINDOW, rtol=1e-6)


def test_outside_of_the_mask_nothing_is_told_and_inside_it_changes_nothing():
    structure, mask = white(0), np.zeros_like(ALL)
    mask[20:40] = 1.0
    found = local_resolution(structure, structure, mask, **GRID)
    np.testing.assert_allclose(found.map[20:40], 2 * VOXEL, rtol=1e-6)
    assert (found.map[~found.inside] == np.float32(WINDOW)).all()
    assert found.inside.sum() == 20 * BOX**2


def test_the_window_follows_the_resolution_within_limits():
    assert default_window(10.0, 2.0, 128) == 50.0
    assert default_window(4.0, 4.0, 128) == 32.0  # eight voxels
    assert default_window(100.0, 2.0, 64) == 64.0  # half the box


def test_large_boxes_and_windows_without_meaning_are_refused():
    with pytest.raises(InputError, match="258 voxels"):
        local_resolution(*(np.zeros((258, 1, 1), np.float32),) * 3, **GRID)
    for window in (7.0, 129.0):
        with pytest.raises(InputError, match="window"):
            local_resolution(ALL, ALL, ALL, voxel_size=VOXEL, window_angstrom=window)
