from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.fourier.gridding import fsc
from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.nufft import frequencies, pose_transform
from subtomo_core.fourier.shells import shell_sums
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.imaging.microscope import Defocus, dose_weight
from subtomo_core.score import oracle_average
from subtomo_core.simulate import (
    Crowd,
    Microscope,
    Optics,
    TiltSeries,
    asymmetric_blob,
    membrane_patch,
    simulate_series,
)
from subtomo_core.simulate.scene import placed

BOX, VOXEL, COUNT = 24, 6.0, 12
BLOB = [asymmetric_blob(0.45 * BOX * VOXEL)]

# A transfer of 1 everywhere: cos(0).
PLAIN = {
    "microscope": Microscope(amplitude_contrast=1.0, cs_mm=0.0, mtf=False),
    "optics": Optics(defocus_um=(1e-6, 1e-6)),
    "tilts": TiltSeries(step_deg=2.0, dose=0.0),
}


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
    # What lies in the middle of the box alone gains where images cross: see above.
    assert 0.9 < scale < 1.2


def test_both_forms_are_of_the_same_noise():
    one, other = made(snr=0.1), made(snr=0.1, optics=Optics(correction="none"))
    assert np.array_equal(one.weighted.volume(0), other.weighted.volume(0))
    assert not np.array_equal(one.back_projected.volume(0), other.back_projected.volume(0))
    again = made(snr=0.1)
    assert np.array_equal(one.back_projected.volume(3), again.back_projected.volume(3))
    assert not np.array_equal(one.weighted.volume(0), made(snr=0.1, seed=4).weighted.volume(0))


def test_the_noise_of_the_sums_has_the_variance_of_their_weights_in_every_shell():
    # Of boxes which hold nothing else. A shell of M independent components in N boxes tells its
    # variance to 1 / sqrt(M N); neighbours are not independent, so three times as much is allowed.
    found = made(snr=0.05, crowd=Crowd(empty=40))
    total, weights, count = (np.zeros(BOX // 2 + 1) for _ in range(3))
    for i in np.flatnonzero(found.truth.classes < 0):
        transform, weight = to_fourier(found.weighted.volume(int(i))), found.weighted.weight(int(i))
        seen = weight > 0.02 * weight.max()  # what the transform's rounding leaves alone
        white = np.where(seen, np.abs(transform) ** 2 / np.where(seen, weight, 1.0), 0.0)
        total += shell_sums(white, BOX)
        weights += shell_sums(seen.astype(float), BOX)
        count += shell_sums(seen.astype(float), BOX) / 2
    inner = slice(2, 10)
    ratio = total[inner] / weights[inner] / (found.noise / BOX)
    assert np.all(np.abs(ratio - 1.0) < 10.0 / np.sqrt(count[inner]))
    assert np.all(np.abs(ratio - 1.0) < 0.1)


def test_what_no_image_comes_near_has_neither_sum_nor_weight(clean):
    away = clean.weighted.weight(0) == 0
    assert 0.5 < away.mean() < 0.8  # beyond the sphere, and a third of it: the wedge
    assert np.abs(to_fourier(clean.weighted.volume(0))[away]).max() < 1e-4


def likeness(one, other):
    return (one * other.conj()).real.sum() / np.linalg.norm(one) / np.linalg.norm(other)


@pytest.mark.parametrize(
    "tilts",
    [
        TiltSeries(step_deg=2.0, dose=0.0),
        TiltSeries(first_deg=-40.0, last_deg=60.0, step_deg=2.0, dose=0.0),
        TiltSeries(step_deg=2.0, dose=0.0, geometry="dual"),
        TiltSeries(last_deg=50.0, step_deg=4.0, dose=0.0, geometry="conical"),
    ],
    ids=["single", "uneven", "dual", "conical"],
)
def test_without_a_transfer_each_particle_is_its_structure_behind_the_missing_region(tilts):
    # Back-projections lose what lies in the last half step at the region's edges; sums gain
    # where images cross, as no box tells neighbouring components apart.
    found = made(**(PLAIN | {"tilts": tilts}))
    inside = np.linalg.norm(frequencies(BOX), axis=-1) < BOX / 2 - 1
    window = observed(tilts.missing, BOX) * inside
    for i in range(3):
        pose = found.truth.rotations[i], found.truth.shifts[i]
        expected = pose_transform(found.truth.maps[0], *pose)
        mirrored = pose_transform(found.truth.maps[0][:, :, ::-1].copy(), *pose)
        volume = to_fourier(found.back_projected.volume(i)) * inside
        weight = found.weighted.weight(i)
        total = to_fourier(found.weighted.volume(i))
        for image in (volume, total, weight):
            image[0, 0, 0] = 0.0
        assert likeness(volume, window * expected) > 0.96
        assert likeness(total, weight * expected) > 0.98
        assert likeness(volume, window * mirrored) < 0.93
        assert likeness(total, weight * mirrored) < 0.93
        scale = (volume * (window * expected).conj()).real.sum()
        assert scale / np.linalg.norm(window * expected) ** 2 == pytest.approx(0.97, abs=0.07)


def test_the_stated_snr_is_that_of_the_recorded_images():
    assert made(snr=0.05).noise == pytest.approx(2.0 * made(snr=0.1).noise)


def test_a_wrong_defocus_and_a_wrong_alignment_cost_resolution(clean):
    wrong = made(tilts=TiltSeries(step_deg=6.0, shift_error_voxels=1.5, rotation_error_deg=2.0))
    right = agreement(clean.weighted, clean.truth)[1:10].mean()
    assert agreement(wrong.weighted, wrong.truth)[1:10].mean() < right - 0.02
    off = made(optics=Optics(error_um=1.0))
    assert agreement(off.weighted, off.truth)[1:10].mean() < right


def test_two_axes_leave_less_unobserved():
    tilts = TiltSeries(step_deg=6.0, geometry="dual")
    two = made(tilts=tilts)
    assert len(tilts.angles_deg) == 42
    assert two.back_projected.summary.missing.kind == "pyramid"
    assert agreement(two.weighted, two.truth)[1:8].min() > 0.97
    assert (two.weighted.weight(0) > 0).mean() > (made().weighted.weight(0) > 0).mean()


def test_a_membrane_lies_where_it_is_asked_for():
    crowd = Crowd(membrane_share=1.0, membrane_distance=0.4)
    bare, beside = made(**PLAIN), made(crowd=crowd, **PLAIN)
    contents = placed(crowd, [COUNT], BOX, np.random.default_rng(3))
    patch = membrane_patch(0.9 * BOX * VOXEL)
    window = observed(bare.back_projected.summary.missing, BOX)
    assert np.array_equal(beside.truth.shifts, bare.truth.shifts)
    likenesses = []
    for i in range(COUNT):
        added = beside.back_projected.volume(i) - bare.back_projected.volume(i)
        turn, place = contents[i].rotations[1], contents[i].shifts[1]
        assert np.linalg.norm(place - beside.truth.shifts[i]) == pytest.approx(0.4 * BOX)
        expected = to_fourier(patch.density(BOX, VOXEL, turn, place)) * window
        expected[0, 0, 0] = 0.0
        likenesses.append(likeness(to_fourier(added), expected))
    # The box cuts off part of it, and what lies in the missing wedge leaks in another way.
    assert np.median(likenesses) > 0.8, likenesses


def test_neighbours_keep_their_distance_and_junk_shows_none():
    crowd = Crowd(neighbours=2, junk=5, shift_range=0.0)
    found = made(crowd=crowd)
    assert (found.truth.classes == -1).sum() == 5
    # Without neighbours nothing would be there.
    junk = int(np.flatnonzero(found.truth.classes < 0)[0])
    assert found.weighted.volume(junk).std() > 0
    assert agreement(found.weighted, found.truth)[1:5].min() > 0.8
    with pytest.raises(InputError, match="no room for 12 neighbours"):
        made(crowd=Crowd(neighbours=12, farthest=0.6))


def test_tilts_of_the_structure_may_be_left_out():
    found = made(crowd=Crowd(left_out_deg=((30.0, 150.0),)))
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
    with pytest.raises(InputError, match="before is a share"):
        Optics(before=2.0)
    with pytest.raises(InputError, match="neighbours must lie between"):
        Crowd(neighbours=60)
    with pytest.raises(InputError, match="leaves no orientation"):
        made(crowd=Crowd(left_out_deg=((0.0, 180.0),)))
    with pytest.raises(InputError, match="box must be even"):
        simulate_series(BLOB, [3], 25, VOXEL, snr=1.0)
    with pytest.raises(InputError, match="cannot be taken"):
        TiltSeries(first_deg=60.0, last_deg=-60.0)
    with pytest.raises(InputError, match="one particle count for each structure"):
        simulate_series(BLOB, [3, 3], BOX, VOXEL, snr=1.0)


def test_lost_images_count_in_no_form():
    few = {"tilts": TiltSeries(step_deg=20.0, lost=2), "optics": Optics(tomograms=1)}
    found, whole = made(**few), made(**(few | {"tilts": TiltSeries(step_deg=20.0)}))
    visible = found.stacks.visible[0]
    assert visible.sum() == 5
    assert np.array_equal(found.stacks.images(0), whole.stacks.images(0)[visible])
    weight, without = (whole.weighted.weight(0), found.weighted.weight(0))
    lost = (weight > 0) & (without == 0)
    assert lost.any()
    assert np.all(without <= weight * (1 + 1e-5))
    assert np.abs(to_fourier(found.weighted.volume(0))[lost]).max() < 1e-4
    # A back-projection adds up its images: without some, the others are as they were.
    planes = found.stacks.camera.tilts.planes
    k = frequencies(BOX)
    near = np.abs(k @ np.cross(*np.swapaxes(planes, 0, 1)).T) < 1.0
    only = near[..., ~visible].any(-1) & ~near[..., visible].any(-1)
    gone = np.abs(to_fourier(found.back_projected.volume(0))[only]) ** 2
    there = np.abs(to_fourier(whole.back_projected.volume(0))[only]) ** 2
    assert gone.sum() < 0.1 * there.sum()


def test_no_more_images_can_be_lost_than_leave_two():
    TiltSeries(step_deg=60.0, lost=1)
    with pytest.raises(InputError, match="of 3 images 2 cannot be lost: 2 must be left"):
        TiltSeries(step_deg=60.0, lost=2)


@pytest.mark.parametrize("geometry", ["single", "dual", "conical"])
def test_the_height_of_a_particle_is_the_same_in_all_images(geometry):
    found = made(tilts=TiltSeries(step_deg=10.0, geometry=geometry))
    beams = found.stacks.camera.tilts.rotations[:, 2]
    assert np.abs(found.stacks.places @ beams.T).max() < 1e-9
