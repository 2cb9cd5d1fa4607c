"""Stacks of 2D tilt images become the sums with weights that the same images come to."""

from __future__ import annotations

import shutil

import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from subtomo_core.fourier.gridding import fsc
from subtomo_core.fourier.nufft import sample_transform
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.imaging.components import ImageComponents
from subtomo_core.orientation.rotations import from_relion_tilts, relion_angles
from subtomo_core.score import oracle_average
from subtomo_core.simulate import Optics, TiltSeries
from subtomo_core.spec.missing_region import Weights
from subtomo_store.datasets.intake import take_in
from subtomo_store.datasets.material import Material, Registered
from subtomo_store.datasets.sealing import House, seal
from subtomo_store.datasets.stack import StackParticles, read_record
from subtomo_store.formats.mrc import write_images
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.star import read_particles
from subtomo_store.formats.tomograms import read_tilt_series, read_tomograms, tilt_series
from support.particles import shared
from support.stack_reader import read_stacks
from support.tilt_stacks import (
    BOX,
    PARTICLES,
    TOMOGRAMS,
    VOXEL,
    simulated_stacks,
    written_stacks,
)

RADIUS = np.linalg.norm(np.indices((BOX,) * 3) - BOX // 2, axis=0)
INNER = 0.4 * BOX


@pytest.fixture(scope="module")
def multiplied():
    return simulated_stacks()


@pytest.fixture(scope="module")
def plain():
    return simulated_stacks(optics=Optics(tomograms=2, astigmatism_um=0.2, premultiplied=False))


@pytest.fixture
def stacked(tmp_path, multiplied):
    """Files of stacks."""
    return written_stacks(tmp_path / "files", multiplied)


def sealed(files, name: str = "sealed") -> StackParticles:
    """The dataset that files come to; they stay where they are."""
    target = files.parent / name
    seal(target, Weights(), house=House(uploads=files))
    return StackParticles(target)


def told(files, name: str = "sealed") -> str:
    return "\n".join(read_record(files.parent / name).remarks)


def arrays(files, name: str) -> list[bytes]:
    """Particles and weights of the dataset that files come to."""
    particles = sealed(files, name)
    return [
        part.tobytes()
        for i in range(len(particles))
        for part in (particles.volume(i), particles.weight(i))
    ]


def correlation(one, other) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def lost(made) -> float:
    """Share of the power in the sphere that the transfer brings there from beyond the edges.

    A component at k is moved along k by the wavelength times the defocus times k, either way.
    The tomogram that loses most.
    """
    components, microscope = ImageComponents(BOX), made.stacks.camera.microscope
    _, y, x = (np.indices((BOX,) * 3) - BOX // 2)[:, RADIUS < INNER]
    along = np.stack([np.cos(components.angle), np.sin(components.angle)], -1)
    frequency = components.frequency(VOXEL)
    shares = []
    for defocus in made.stacks.defocus:
        power = microscope.contrast(frequency, components.angle, defocus) ** 2
        power = (power * made.stacks.camera.damage**2 * components.shares).sum(0)
        far = microscope.wavelength * 1e4 * defocus.mean_um * frequency / VOXEL
        beyond = [
            ((abs(x + dx) > BOX / 2) | (abs(y + dy) > BOX / 2)).mean()
            for dx, dy in far[:, None] * along
        ]
        shares.append((power * beyond).sum() / power.sum())
    return max(shares)


def agreements(stacked) -> np.ndarray:
    """Of each particle: correlation and scale of S in the sphere, and of W, (N, 4)."""
    particles, made, found = sealed(stacked.folder), stacked.made, []
    for index in range(len(particles)):
        one, other = particles.volume(index)[RADIUS < INNER], made.weighted.volume(index)
        other = other[RADIUS < INNER]
        weight, expected = particles.weight(index), made.weighted.weight(index)
        found.append(
            [
                correlation(one, other),
                (one * other).sum() / (other**2).sum(),
                correlation(weight.ravel(), expected.ravel()),
                weight.sum() / expected.sum(),
            ]
        )
    return np.array(found)


def test_multiplied_images_give_the_sums(stacked):
    # Of noise, most of all. What the images lack lies beyond their edges; in the sphere only the
    # ringing of components at the edges of the band is missing.
    sums, scales, weights, masses = agreements(stacked).T
    assert sums.min() > 0.998
    assert np.abs(scales - 1.0).max() < 0.01
    # Tables have six decimals.
    assert weights.min() > 1 - 1e-6
    assert np.abs(masses - 1.0).max() < 1e-4


def test_plain_images_give_the_sums_but_for_what_lies_beyond_their_edges(tmp_path, plain):
    sums, scales, weights, masses = agreements(written_stacks(tmp_path / "files", plain)).T
    share = lost(plain)
    assert 0.01 < share < 0.3
    # Noise from beyond the edges is other noise: what is left correlates by what it is of all.
    assert sums.min() > np.sqrt(1 - share)
    assert np.abs(scales - 1.0).max() < share
    assert weights.min() > 1 - 1e-6
    assert np.abs(masses - 1.0).max() < 1e-4


def test_an_average_is_as_fine_as_that_of_the_sums(tmp_path):
    made = simulated_stacks(24, snr=0.2, tilts=TiltSeries(-60, 60, 6, dose=2.0))
    truth = to_fourier(made.truth.maps[0] * (RADIUS < INNER))
    curves = []
    for particles in (sealed(written_stacks(tmp_path / "files", made).folder), made.weighted):
        poses = made.truth.rotations, made.truth.shifts
        average = oracle_average(particles, range(24), *poses) * (RADIUS < INNER)
        curves.append(fsc(truth, to_fourier(average.astype(np.float32)))[1 : BOX // 2])
    assert curves[1][:4].min() > 0.8
    np.testing.assert_allclose(curves[0][:4], curves[1][:4], atol=0.03)


def test_the_owner_is_told_what_was_done(stacked):
    sealed(stacked.folder)
    said = told(stacked.folder)
    for words in (
        "its particles are stacks of tilt images of 2 tilt series (tomograms.star)",
        "images that were multiplied by contrast transfer and dose (Grant and Grigorieff's law)",
        "the curvature of the Ewald sphere left out",
        "with _rlnTomoHand -1 heights change it by up to 0 Å",
        "not read of tomograms.star: _rlnTomoTiltSeriesName, _rlnTomoFrameCount",
        "not read of the tilt series: _rlnTomoXShiftAngst, _rlnTomoYShiftAngst",
        "1 file was left out, not named in particles.star or tomograms.star: dummy_tiltseries.mrc",
    ):
        assert words in said
    assert "_rlnCtfImage" not in said


def test_stacks_may_hold_all_images_of_their_tilt_series(stacked):
    before = arrays(stacked.folder, "visible")
    for index, tomogram in enumerate(stacked.made.stacks.tomograms):
        path = stacked.folder / f"Subtomograms/{index + 1}_stack2d.mrcs"
        seen = stacked.made.stacks.visible[tomogram]
        whole = np.random.default_rng(index).standard_normal((len(seen), BOX, BOX))
        whole[seen] = mrcfile.read(path)
        write_images(path, whole, VOXEL)
    assert arrays(stacked.folder, "all") == before
    assert "4 of 4 stacks hold all images of their tilt series" in told(stacked.folder, "all")


def test_an_image_without_anything_counts_for_nothing(stacked):
    path = stacked.folder / "Subtomograms/1_stack2d.mrcs"
    images = mrcfile.read(path).copy()
    whole = sealed(stacked.folder, "whole").weight(0)
    images[2] = 0.0
    write_images(path, images, VOXEL)
    assert sealed(stacked.folder).weight(0).sum() < 0.95 * whole.sum()
    assert "1 visible images of 1 particles have one value throughout" in told(stacked.folder)


def test_bytes_behind_the_images_are_told(stacked):
    with (stacked.folder / "Subtomograms/3_stack2d.mrcs").open("ab") as file:
        file.write(b"more")
    sealed(stacked.folder)
    assert "not read, in Subtomograms/3_stack2d.mrcs: check nz" in told(stacked.folder)


def test_no_flags_are_needed_where_all_images_are_there(tmp_path):
    made = simulated_stacks(2, tilts=TiltSeries(-60, 60, 20))
    stacked = written_stacks(tmp_path / "files", made)
    before = arrays(stacked.folder, "flags")
    stacked.rename(PARTICLES, "rlnTomoVisibleFrames", "rlnOther")
    assert arrays(stacked.folder, "none") == before


def test_matrices_tell_what_angles_tell(stacked):
    before = arrays(stacked.folder, "angles")
    for name in ("TS_01", "TS_02"):
        table = f"tilt_series/{name}.star"
        read = read_tilt_series(stacked.folder / table, table, name)
        for place, axis in enumerate("XYZ"):
            rows = [",".join(f"{v:.17g}" for v in row) for row in read.rotations[:, place]]
            column = [f"[{row},{100 * place}]" for row in rows]
            stacked.set_column(table, f"rlnTomoProj{axis}", column)
        for column in ("rlnTomoYTilt", "rlnTomoZRot"):
            stacked.rename(table, column, f"{column}Old")
    assert arrays(stacked.folder, "matrices") == before


def test_a_tilt_series_may_stand_in_the_tomograms_file(stacked):
    before = arrays(stacked.folder, "apart")
    for name in ("TS_01", "TS_02"):
        with (stacked.folder / TOMOGRAMS).open("a") as file:
            file.write((stacked.folder / f"tilt_series/{name}.star").read_text())
    stacked.edit(TOMOGRAMS, "_rlnTomoTiltSeriesStarFile", "_rlnOther")
    shutil.rmtree(stacked.folder / "tilt_series")
    assert arrays(stacked.folder, "blocks") == before


def test_the_microscope_may_stand_with_the_particles(stacked):
    before = arrays(stacked.folder, "tomograms")
    for name in ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast"):
        stacked.rename(TOMOGRAMS, name, f"{name}Old")
    assert arrays(stacked.folder, "optics") == before


def test_a_turned_box_has_its_images_and_its_pose_turned(stacked):
    """A particle in a box that was cut out along its own axes lies there untouched."""
    truth = stacked.made.truth
    plain = sealed(stacked.folder, "plain")
    for part, values in zip(("Rot", "Tilt", "Psi"), relion_angles(truth.rotations).T, strict=True):
        column = f"rlnTomoSubtomogram{part}"
        stacked.set_column(PARTICLES, column, [f"{v:.6f}" for v in values])
    turned = sealed(stacked.folder, "turned")
    for index, turn in enumerate(truth.rotations):
        back = rotated(plain.volume(index), turn.T)
        assert correlation(back[RADIUS < INNER], turned.volume(index)[RADIUS < INNER]) > 0.97


def rotated(volume, turn) -> np.ndarray:
    """A volume turned about its centre."""
    k = np.fft.fftfreq(BOX, 1 / BOX)
    z, y, x = np.meshgrid(k, k, k[: BOX // 2 + 1], indexing="ij")
    points = np.stack([x, y, abs(z) * np.sign(z)], -1).reshape(-1, 3) @ turn
    found = sample_transform(volume, points).reshape(BOX, BOX, BOX // 2 + 1)
    return to_real(found * (np.sqrt(x**2 + y**2 + z**2) < BOX / 2 - 1))


@pytest.mark.parametrize("hand", [-1, 1])
def test_the_defocus_is_that_at_the_particle(hand, stacked):
    """As another reader of the files has it, by RELION's definition."""
    rng = np.random.default_rng(0)
    for axis in "XYZ":
        values = [f"{v:.3f}" for v in rng.uniform(-3000, 3000, 4)]
        stacked.set_column(PARTICLES, f"rlnCenteredCoordinate{axis}Angst", values)
    stacked.set_column(TOMOGRAMS, "rlnTomoHand", [str(hand)] * 2)
    compare_transfers(stacked)
    sealed(stacked.folder)
    assert f"with _rlnTomoHand {hand} heights change it by up to " in told(stacked.folder)
    assert "by up to 0 Å" not in told(stacked.folder)


def compare_transfers(stacked) -> None:
    components = ImageComponents(BOX)
    stacks = taken(stacked)
    for index, other in enumerate(read_stacks(stacked.folder)):
        frames = np.flatnonzero(stacks.visible(index))
        found = stacks.views(index, frames).transfer(components, VOXEL)
        expected = [other.transfer(tilt, components.uv) for tilt in other.tilts]
        np.testing.assert_allclose(found, expected, atol=2e-4)


def taken(stacked):
    return take_in(Material(stacked.folder), Weights(), Problems()).stacks


def test_places_from_the_corner_are_those_from_the_centre(stacked):
    """In pixels of the tilt series; in the particles' own where WarpTools wrote the table."""
    rng = np.random.default_rng(0)
    places = rng.uniform(-500, 500, (4, 3))
    sizes = np.array([1000, 800, 200])
    for axis, size in zip("XYZ", sizes, strict=True):
        stacked.set_column(TOMOGRAMS, f"rlnTomoSize{axis}", [str(size)] * 2)
    stacked.set_column(TOMOGRAMS, "rlnTomoTiltSeriesPixelSize", ["1.5"] * 2)
    for axis, values in zip("XYZ", places.T, strict=True):
        stacked.set_column(
            PARTICLES, f"rlnCenteredCoordinate{axis}Angst", [f"{v:.6f}" for v in values]
        )
    expected = [taken(stacked).offsets(i) for i in range(4)]
    assert max(abs(offsets).max() for offsets in expected) > 100
    for pixel, ending in ((1.5, ""), (VOXEL, ".tomostar")):
        corner = (places + 0.5 * 1.5 * sizes) / pixel
        for axis, values in zip("XYZ", corner.T, strict=True):
            old = f"rlnCenteredCoordinate{axis}Angst"
            if not ending:
                stacked.rename(PARTICLES, old, f"rlnCoordinate{axis}")
            stacked.set_column(PARTICLES, f"rlnCoordinate{axis}", [f"{v:.6f}" for v in values])
        if ending:
            for table in (PARTICLES, TOMOGRAMS):
                text = (stacked.folder / table).read_text()
                for name in ("TS_01", "TS_02"):
                    text = text.replace(f"{name} ", f"{name}{ending} ")
                (stacked.folder / table).write_text(text)
        for index in range(4):
            np.testing.assert_allclose(taken(stacked).offsets(index), expected[index], atol=1e-3)


def test_without_places_the_defocus_is_that_of_the_centre(stacked):
    for axis in "XYZ":
        stacked.rename(PARTICLES, f"rlnCenteredCoordinate{axis}Angst", f"rlnOther{axis}")
    sealed(stacked.folder)
    assert "the heights of 4 of 4 particles are not told" in told(stacked.folder)


def test_origins_move_the_place_in_the_tomogram(stacked):
    """RELION's place is the coordinate less the origin."""
    stacked.set_column(PARTICLES, "rlnOriginZAngst", ["-30.0"] * 4)
    place = taken(stacked).place(0)
    stacked.set_column(PARTICLES, "rlnOriginZAngst", ["0.0"] * 4)
    np.testing.assert_allclose(place - taken(stacked).place(0), [0, 0, 30], atol=1e-9)


def test_a_registered_table_of_stacks_finds_its_tomograms(stacked, tmp_path):
    before = arrays(stacked.folder, "uploaded")
    for table in (PARTICLES, "optimisation_set.star"):
        target = tmp_path / table.split(".")[0]
        registered = Registered(stacked.folder / table, (tmp_path,))
        empty = tmp_path / "empty"
        seal(target, Weights(), house=House(registered=registered, uploads=empty))
        particles = StackParticles(target)
        assert particles.volume(0).tobytes() == before[0]


def test_the_angles_are_those_of_relion():
    """RELION's matrix is Rz Ry Rx, SciPy's extrinsic xyz."""
    angles = np.random.default_rng(0).uniform(-60, 60, (5, 3))
    expected = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    np.testing.assert_allclose(from_relion_tilts(angles), expected, atol=1e-12)


def test_a_set_of_warptools_is_read_to_its_transfers():
    """The original tables of the ribosomes, whose images are not here."""
    folder = shared("ribosome-70S")
    name = "warptools_test_4-tomos_10-ptcls_box-32_angpix-12"
    table = read_particles(folder / f"{name}.star")
    tomograms = read_tomograms(folder / f"{name}_tomograms.star", "tomograms.star")
    assert len(table) == 40
    for tomogram in set(table.tomograms):
        images = tilt_series(tomograms.tomograms[tomogram].block, "tomograms.star")
        assert len(images.doses) == 37
        assert sorted(images.doses)[1] == pytest.approx(2.556, abs=1e-3)
        beams = images.rotations[:, 2]
        np.testing.assert_allclose(np.linalg.norm(beams, axis=1), 1.0, atol=1e-5)
