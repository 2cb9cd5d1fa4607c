from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.orientation.rotations import (
    angular_distance,
    from_relion_angles,
    from_relion_origins,
    random_rotations,
)
from subtomo_core.simulate import (
    asymmetric_blob,
    barrel,
    four_gaussians,
    particle_names,
    relion_columns,
    simulate,
)
from subtomo_core.spec.missing_region import Wedge

BOX, VOXEL = 24, 10.0
WEDGE = Wedge(tilt_min_deg=-50.0, tilt_max_deg=60.0)


def run(**changes):
    settings = {"snr": 0.1, "missing": WEDGE, "shift_range": 2.0, "seed": 3}
    return simulate([barrel(), asymmetric_blob()], [7, 5], BOX, VOXEL, **{**settings, **changes})


def test_the_truth_tells_what_each_particle_is():
    result = run(snr=np.inf)
    structures, window = (barrel(), asymmetric_blob()), observed(WEDGE, BOX)
    truth = result.truth
    for i in range(12):
        k = truth.classes[i]
        clean = structures[k].density(BOX, VOXEL, truth.rotations[i], truth.shifts[i])
        scale = truth.maps[k].std() / structures[k].density(BOX, VOXEL).std()
        expected = to_fourier(clean * np.float32(scale)) * window
        assert np.allclose(to_fourier(result.particles.volume(i)), expected, atol=1e-3)
    assert np.bincount(truth.classes).tolist() == [7, 5]
    assert np.abs(truth.shifts).max() <= 2.0


def test_noise_has_the_variance_of_the_snr_in_observed_components_only():
    clean, noisy = run(snr=np.inf), run(snr=0.02)
    window = observed(WEDGE, BOX)
    noise = np.stack(
        [to_fourier(noisy.particles.volume(i) - clean.particles.volume(i)) for i in range(12)]
    )
    assert np.abs(noise[:, window == 0]).max() < 1e-3
    inner = window.astype(bool)
    inner[:, :, [0, -1]] = False  # planes which hold their own mates have another spread
    power = (np.abs(noise[:, inner]) ** 2).mean()
    assert power == pytest.approx(1 / 0.02, rel=0.02)
    assert np.allclose(noisy.truth.maps.std((1, 2, 3)), 1.0, atol=1e-4)


def test_the_same_seed_gives_the_same_bits():
    first, again, other = run(), run(), run(seed=4)
    assert np.array_equal(first.particles.volume(3), again.particles.volume(3))
    assert not np.array_equal(first.particles.volume(3), other.particles.volume(3))


def test_particles_about_y_turn_about_y_only():
    R = run(orientations="about_y").truth.rotations
    assert np.allclose(R @ [0, 1, 0], [0, 1, 0])
    assert angular_distance(R[:1], R[1:]).max() > 30.0


def test_orientations_can_be_given():
    given = random_rotations(np.random.default_rng(0), 12)
    assert np.array_equal(run(orientations=given).truth.rotations, given)
    with pytest.raises(InputError, match="12 orientations"):
        run(orientations=given[:5])


def test_the_summary_describes_the_particles():
    summary = run().particles.summary
    assert (summary.particles, summary.box, summary.voxel_size_angstrom) == (12, BOX, VOXEL)
    assert summary.missing == WEDGE


def test_junk_is_noise_alone():
    made = simulate([four_gaussians()], [5], BOX, VOXEL, snr=0.01, missing=WEDGE, junk=30)
    junk = np.nonzero(made.truth.classes < 0)[0]
    assert len(junk) == 30
    window = observed(WEDGE, BOX)
    power = np.mean([np.abs(to_fourier(made.particles.volume(i))) ** 2 for i in junk], 0)
    assert power[window > 0].mean() == pytest.approx(100.0, rel=0.02)
    assert relion_columns(made.truth, particle_names(35), VOXEL)["rlnClassNumber"].min() == 0
    with pytest.raises(InputError, match="finite SNR"):
        simulate([four_gaussians()], [5], BOX, VOXEL, junk=1)


@pytest.mark.parametrize(("counts", "snr"), [([1, 2], 1.0), ([0], 1.0), ([-1], 1.0), ([3], 0.0)])
def test_nonsense_is_refused(counts, snr):
    with pytest.raises(InputError):
        simulate([four_gaussians()], counts, BOX, VOXEL, snr=snr)


def test_the_truth_survives_a_relion_table():
    truth = run().truth
    table = relion_columns(truth, particle_names(12), VOXEL)
    angles = np.stack([table[f"rlnAngle{name}"] for name in ("Rot", "Tilt", "Psi")], 1)
    origins = np.stack([table[f"rlnOrigin{axis}Angst"] for axis in "XYZ"], 1)
    assert np.allclose(from_relion_angles(angles), truth.rotations)
    assert np.allclose(from_relion_origins(origins, VOXEL), truth.shifts)
    assert table["rlnImageName"][11] == "particles/p0011.mrc"
    assert table["rlnClassNumber"].min() == 1


@pytest.mark.parametrize("orientations", ["uniform", "about_y"])
def test_bands_are_left_out_of_whatever_is_drawn(orientations):
    made = simulate(
        [asymmetric_blob(60.0)],
        [40],
        8,
        8.0,
        orientations=orientations,
        left_out_deg=((0.0, 40.0), (100.0, 180.0)),
    )
    tilts = np.degrees(np.arccos(made.truth.rotations[:, 2, 2]))
    assert ((tilts > 40.0) & (tilts < 100.0)).all()
