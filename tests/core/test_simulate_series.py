from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.fourier import shell_sums, to_fourier
from subtomo_core.masks import soft_sphere
from subtomo_core.maximisation import fsc
from subtomo_core.score import oracle_average
from subtomo_core.simulate import (
    Crowd,
    Microscope,
    Optics,
    TiltSeries,
    asymmetric_blob,
    simulate_series,
)
from subtomo_core.simulate.microscope import Defocus, dose_weight

BOX, VOXEL, COUNT = 24, 6.0, 12
BLOB = [asymmetric_blob(0.45 * BOX * VOXEL)]


def made(snr=np.inf, **how):
    chosen = {"seed": 3, "tilts": TiltSeries(step_deg=6.0)} | how
    return simulate_series(BLOB, [COUNT], BOX, VOXEL, snr=snr, **chosen)


@pytest.fixture(scope="module")
def clean():
    return made()


def agreement(particles, truth):
    """FSC of the average at the true poses with the truth, under a mask."""
    shown = np.flatnonzero(truth.classes == 0)
    poses = (truth.rotations[shown], truth.shifts[shown])
    mask = soft_sphere(BOX, 0.42 * BOX)
    average = oracle_average(particles, shown, *poses)
    return fsc(to_fourier(average * mask), to_fourier(truth.maps[0] * mask))


def test_what_goes_in_at_a_pose_comes_out_at_it_in_both_forms(clean):
    # Hand, angles and shifts: any of them wrong leaves nothing beyond the first shells. What is
    # left open is interpolation in the sums, and the changing weights of a flipped transfer.
    assert agreement(clean.weighted, clean.truth)[1:8].min() > 0.97
    assert agreement(clean.back_projected, clean.truth)[1:8].min() > 0.9


def test_the_sums_have_the_scale_of_the_structure(clean):
    truth = clean.truth
    average = oracle_average(
        clean.weighted, np.arange(COUNT), truth.rotations, truth.shifts, ridge=1e-4
    )
    mask = soft_sphere(BOX, 0.42 * BOX)
    scale = (average * truth.maps[0] * mask).sum() / (truth.maps[0] ** 2 * mask).sum()
    # Sharing a component out among eight neighbours costs up to a tenth.
    assert 0.88 < scale < 1.02


def test_both_forms_are_of_the_same_noise():
    one, other = made(snr=0.1), made(snr=0.1, optics=Optics(correction="none"))
    assert np.array_equal(one.weighted.volume(0), other.weighted.volume(0))
    assert not np.array_equal(one.back_projected.volume(0), other.back_projected.volume(0))
    again = made(snr=0.1)
    assert np.array_equal(one.back_projected.volume(3), again.back_projected.volume(3))
    assert not np.array_equal(one.weighted.volume(0), made(snr=0.1, seed=4).weighted.volume(0))


def test_the_noise_of_the_sums_goes_with_their_weights():
    # Of junk, which has nothing but noise; W is that of a lone component where it is large.
    found = made(snr=0.05, crowd=Crowd(junk=24))
    total, weights = np.zeros(BOX // 2 + 1), np.zeros(BOX // 2 + 1)
    for i in np.flatnonzero(found.truth.classes < 0):
        transform = to_fourier(found.weighted.volume(int(i)))
        total += shell_sums(np.abs(transform) ** 2, BOX)
        weights += shell_sums(found.weighted.weight(int(i)), BOX)
    ratio = total[3:10] / weights[3:10] / (found.noise / BOX)
    # Shares of a component are squared in its noise: the mean of (a^2 + b^2)^3 for a + b = 1 is
    # 8/27, and where images overlap they add.
    assert np.all((ratio > 0.25) & (ratio < 1.0))
    assert ratio.std() < 0.1 * ratio.mean() + 0.05


def test_the_stated_snr_is_that_of_the_recorded_images():
    assert made(snr=0.05).noise == pytest.approx(2.0 * made(snr=0.1).noise)


def test_a_wrong_defocus_and_a_wrong_alignment_cost_resolution(clean):
    wrong = made(tilts=TiltSeries(step_deg=6.0, shift_error_voxels=1.5, rotation_error_deg=2.0))
    right = agreement(clean.weighted, clean.truth)[1:10].mean()
    assert agreement(wrong.weighted, wrong.truth)[1:10].mean() < right - 0.02
    off = made(optics=Optics(error_um=1.0))
    assert agreement(off.weighted, off.truth)[1:10].mean() < right


def test_two_axes_leave_less_unobserved():
    tilts = TiltSeries(step_deg=6.0, dual_axis=True)
    two = made(tilts=tilts)
    assert len(tilts.angles_deg) == 42
    assert two.back_projected.summary.missing.kind == "pyramid"
    assert agreement(two.weighted, two.truth)[1:8].min() > 0.97
    assert (two.weighted.weight(0) > 0).mean() > (made().weighted.weight(0) > 0).mean()


def test_neighbours_keep_their_distance_and_junk_shows_none():
    crowd = Crowd(neighbours=2, junk=5, shift_range=0.0)
    found = made(crowd=crowd)
    assert (found.truth.classes == -1).sum() == 5
    # Without neighbours nothing would be there.
    junk = int(np.flatnonzero(found.truth.classes < 0)[0])
    assert found.weighted.volume(junk).std() > 0
    assert agreement(found.weighted, found.truth)[1:5].min() > 0.8
    with pytest.raises(InputError, match="no room for 60 neighbours"):
        made(crowd=Crowd(neighbours=60))


def test_tilts_of_the_structure_may_be_left_out():
    found = made(crowd=Crowd(left_out_deg=(30.0, 150.0)))
    tilts = np.degrees(np.arccos(found.truth.rotations[:, 2, 2]))
    assert np.all((tilts < 30.0) | (tilts > 150.0))


def test_contrast_is_positive_at_low_frequencies_and_first_vanishes_where_it_should():
    microscope = Microscope(amplitude_contrast=0.0, cs_mm=0.0)
    assert microscope.wavelength == pytest.approx(0.0196875, rel=1e-4)  # 300 kV
    zero = 1.0 / np.sqrt(microscope.wavelength * 2e4)  # without aberration: lambda k^2 dz = 1
    frequency = np.array([0.3, 1.0, 1.2]) * zero
    contrast = microscope.contrast(frequency, np.zeros(3), Defocus(2.0))
    assert contrast[0] > 0 > contrast[2]
    assert contrast[1] == pytest.approx(0.0, abs=1e-6)
    along = microscope.contrast(frequency, np.zeros(3), Defocus(2.0, 0.4, 0.0))
    assert np.allclose(along, microscope.contrast(frequency, np.zeros(3), Defocus(2.2)))


def test_dose_fades_fine_detail_first():
    frequency = np.array([0.02, 0.1, 0.2])
    left = dose_weight(frequency, 60.0)
    assert np.all(np.diff(left) < 0)
    # Grant & Grigorieff: half the critical exposure leaves exp(-1/4).
    critical = 0.245 * 0.1**-1.665 + 2.81
    assert dose_weight(np.array([0.1]), 0.5 * critical)[0] == pytest.approx(np.exp(-0.25))


@pytest.mark.parametrize(
    ("how", "words"),
    [({"snr": 0.0}, "SNR must be above 0"), ({"snr": -1.0}, "SNR must be above 0")],
)
def test_what_makes_no_sense_is_refused(how, words):
    with pytest.raises(InputError, match=words):
        made(**how)
    with pytest.raises(InputError, match="cannot be taken"):
        TiltSeries(first_deg=60.0, last_deg=-60.0)
    with pytest.raises(InputError, match="one particle count for each structure"):
        simulate_series(BLOB, [3, 3], BOX, VOXEL, snr=1.0)
