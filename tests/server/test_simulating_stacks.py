"""The 2D stacks of ``subtomo simulate`` say by their files what the other forms hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import starfile
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from subtomo.cli import app
from subtomo_core.errors import InputError
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_store.formats.star import read_particles
from support.stack_reader import (
    StackParticle,
    components,
    image_transform,
    read_stacks,
    rebuilt,
    records,
    slice_of,
)

BOX, VOXEL = 24, 6.0
HALF = np.fft.ifftshift(np.indices((BOX,) * 3) - BOX // 2, axes=(1, 2, 3))[..., : BOX // 2 + 1]
DETECTOR = np.sinc(np.linalg.norm(HALF, axis=0) / BOX)  # half a pixel's blur at Nyquist
# Where cut images still reach at any tilt, less what the transfer spreads past their edge.
INNER = np.linalg.norm(np.indices((BOX,) * 3) - BOX // 2, axis=0) < 0.4 * BOX

SERIES = ("--tilt", -50, 60, "--tilt-step", 5, "--lost", 1, "--astigmatism", 0.3)


def simulate(folder: Path, *arguments: object, count: int = 3) -> Path:
    given = ["--structure", "blob", "--count", count, "--form", "images"]
    size = ["--box", BOX, "--voxel-size", VOXEL, "--tomograms", 2]
    told = CliRunner().invoke(app, list(map(str, ["simulate", folder, *given, *size, *arguments])))
    assert told.exit_code == 0, told.output
    return folder


def correlation(one, other) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def agreements(folder: Path, particles: list[StackParticle]) -> np.ndarray:
    """Of S, inside the sphere, and of W: correlation with that of the sums, and scale, (N, 4)."""
    found = []
    for index, particle in enumerate(particles):
        name = folder / "sums" / "particles" / f"p{index:04d}"
        total, weight = mrcfile.read(f"{name}.mrc"), mrcfile.read(f"{name}_ctf.mrc")
        waves, shares = rebuilt(particle)
        # Sums make up for the detector as well, which the tables of stacks do not tell.
        blurred = to_real(to_fourier(waves.astype(np.float32)) * DETECTOR.astype(np.float32))
        shares = shares * DETECTOR**2
        seen = weight > 0
        found.append(
            [
                correlation(blurred[INNER], total[INNER]),
                (blurred * total)[INNER].sum() / (total[INNER] ** 2).sum(),
                correlation(shares[seen], weight[seen]),
                shares[seen].sum() / weight[seen].sum(),
            ]
        )
    return np.array(found)


@pytest.mark.parametrize(
    ("arguments", "least"),
    [
        ((), 0.995),
        (("--no-premultiplied",), 0.99),
        (("--geometry", "dual", "--tilt-step", 10), 0.995),
        (("--geometry", "conical", "--tilt-step", 15), 0.995),
        (("--alignment-error", 1.5, 2, "--defocus-error", 0.5), 0.995),
        (("--voltage", 200, "--cs", 2.0, "--amplitude-contrast", 0.1, "--dose", 4), 0.995),
    ],
    ids=["multiplied", "plain", "dual", "conical", "errors", "another microscope"],
)
def test_the_files_alone_give_the_sums_and_their_weights(arguments, least, tmp_path):
    # Of noise, most of all, which correlates with nothing where anything is told wrongly. What
    # is cut off with the images' edges is missing: more where it was not multiplied before.
    folder = simulate(tmp_path / "made", *SERIES, "--snr", 0.05, *arguments)
    particles = read_stacks(folder / "stacks")
    sums, scales, weights, masses = agreements(folder, particles).T
    assert sums.min() > least
    assert np.abs(scales - 1.0).max() < 0.03
    # Trilinear shares are narrower than what the box spreads.
    assert weights.min() > 0.99
    assert np.abs(masses - 1.0).max() < 0.06


def test_what_is_told_wrongly_does_not_give_the_sums(tmp_path):
    folder = simulate(tmp_path / "made", *SERIES, "--snr", 0.05)
    particles = read_stacks(folder / "stacks")
    turned = [
        replace(p, tilts=[tilt | {"rlnTomoYTilt": -tilt["rlnTomoYTilt"]} for tilt in p.tilts])
        for p in particles
    ]
    moved = [replace(p, images=np.roll(p.images, 1, axis=2)) for p in particles]
    dark = [replace(p, images=-p.images) for p in particles]
    swapped = [replace(p, images=p.images[:, ::-1]) for p in particles]
    for wrong in (turned, moved, dark, swapped):
        assert agreements(folder, wrong)[:, 0].max() < 0.9
    # An image is lost in each tomogram; without its flag all that follow it would be another's.
    (flags,) = {p.row["rlnTomoVisibleFrames"].count("0") for p in particles}
    assert flags == 1


@pytest.mark.parametrize("multiplied", [True, False])
def test_each_image_is_the_true_map_at_the_true_pose(multiplied, tmp_path):
    plain = () if multiplied else ("--no-premultiplied",)
    folder = simulate(tmp_path / "made", *SERIES, "--snr", 1e9, "--junk", 1, *plain)
    true = mrcfile.read(folder / "true_1.mrc")
    poses = records(starfile.read(folder / "true_poses.star", always_dict=True)["particles"])
    uv = components(BOX)
    detector = np.sinc(np.hypot(*uv.T) / BOX)
    for particle, pose in zip(read_stacks(folder / "stacks"), poses, strict=True):
        assert Path(particle.row["rlnImageName"]).stem == Path(pose["rlnImageName"]).stem
        if not pose["rlnClassNumber"]:
            assert np.abs(particle.images).max() < 1e-3 * true.max()
            continue
        angles = [pose[f"rlnAngle{name}"] for name in ("Rot", "Tilt", "Psi")]
        turn = Rotation.from_euler("ZYZ", angles, degrees=True).inv().as_matrix()
        shift = -np.array([pose[f"rlnOrigin{axis}Angst"] for axis in "XYZ"]) / VOXEL
        for image, tilt in zip(particle.images, particle.tilts, strict=True):
            projection = particle.projection(tilt)
            expected = slice_of(true, uv @ (projection @ turn)[:2])
            expected = expected * np.exp(-2j * np.pi / BOX * (uv @ (projection @ shift)[:2]))
            transfer = particle.transfer(tilt, uv)
            expected = expected * detector * transfer ** (2 if multiplied else 1)
            seen = image_transform(image)
            both = np.vdot(expected, seen).real
            power = np.vdot(expected, expected).real
            assert both > 0.98 * np.sqrt(power) * np.linalg.norm(seen)
            assert both / power == pytest.approx(1.0, abs=0.05)


def test_particles_stand_where_their_defocus_is_that_of_the_images(tmp_path):
    folder = simulate(tmp_path / "made", *SERIES, "--snr", 1.0, count=6)
    particles = read_stacks(folder / "stacks")
    places = np.array(
        [[p.row[f"rlnCenteredCoordinate{axis}Angst"] for axis in "XYZ"] for p in particles]
    )
    size = np.array([[p.tomogram[f"rlnTomoSize{axis}"] for axis in "XYZ"] for p in particles])
    assert np.all(np.abs(places) <= (size - BOX) / 2 * VOXEL)
    for name in ("tomogram_1", "tomogram_2"):
        own = [p.row["rlnTomoName"] == name for p in particles]
        assert np.all(np.diff(places[own], axis=0) == [0.0, BOX * VOXEL, 0.0])
        assert places[own].mean(0) == pytest.approx(0.0)
        assert sorted(p.row["rlnRandomSubset"] for p in np.array(particles)[own]) == [1, 1, 2]


def test_the_files_are_those_which_relion_asks_for(tmp_path):
    folder = simulate(tmp_path / "made", "--tilt-step", 20, "--no-premultiplied")
    stacks = folder / "stacks"
    tables = starfile.read(stacks / "particles.star", always_dict=True)
    assert list(tables) == ["general", "optics", "particles"]
    (optics,) = records(tables["optics"])
    assert optics["rlnCtfDataAreCtfPremultiplied"] == 0
    assert optics["rlnImageDimensionality"] == 2
    (row, *_) = records(starfile.read(stacks / "tomograms.star"))
    for name in ("Voltage", "SphericalAberration", "AmplitudeContrast", "TomoTiltSeriesPixelSize"):
        assert row[f"rln{name}"] == optics[f"rln{name}"]
    assert row["rlnOpticsGroupName"] == optics["rlnOpticsGroupName"]
    assert mrcfile.validate(stacks / row["rlnTomoTiltSeriesName"])
    image = stacks / tables["particles"]["rlnImageName"][0]
    with mrcfile.open(image) as stack:
        assert stack.is_image_stack()
        assert stack.voxel_size.x == pytest.approx(VOXEL)
    assert mrcfile.validate(image)


def test_subtomo_reads_them(tmp_path):
    stacks = simulate(tmp_path / "made", "--tilt-step", 20) / "stacks"
    table = read_particles(stacks / "particles.star")
    assert table.stacks is not None
    assert table.stacks.premultiplied.all()
    with pytest.raises(InputError, match="upload the particle file that it names as well"):
        read_particles(stacks / "optimisation_set.star")
    with pytest.raises(InputError, match="a table of tomograms"):
        read_particles(stacks / "tomograms.star")
