"""The ``subtomo simulate`` command: what it writes is what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from subtomo.cli import app
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.nufft import rotate
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.score import correlation
from subtomo_core.simulate import asymmetric_blob
from subtomo_core.spec.missing_region import Wedge
from subtomo_store.datasets.weights import half_weights
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import read_particles
from subtomo_store.formats.volumes import FileVolumes, read_header, read_volume

BOX, VOXEL = 24, 6.0
SIZE = ("--box", BOX, "--voxel-size", VOXEL)


def simulate(folder: Path, *arguments: object, code: int = 0) -> str:
    answer = CliRunner().invoke(app, ["simulate", str(folder), *map(str, arguments)])
    assert answer.exit_code == code, answer.output
    return answer.output


def poses_of(folder: Path):
    table = read_particles(folder / "true_poses.star")
    return table.classes, table.rotations, table.shifts_angstrom(VOXEL) / VOXEL


def test_what_is_put_in_at_a_pose_comes_out_at_it(tmp_path):
    folder = tmp_path / "clean"
    given = ("--structure", "blob", "--structure", "blob:6", "--count", 3, "--count", 4)
    told = simulate(folder, *given, *SIZE, "--snr", 1e6, "--tilt", -50, 60)
    assert f"subtomo push {folder / 'direct' / 'particles.star'} --tilt -50 60" in told
    classes, rotations, shifts = poses_of(folder)
    assert np.bincount(classes).tolist() == [0, 3, 4]
    images = read_particles(folder / "direct" / "particles.star").images
    assert [i.text for i in read_particles(folder / "true_poses.star").images] == [
        i.text for i in images
    ]
    window = observed(Wedge(tilt_min_deg=-50.0, tilt_max_deg=60.0), BOX)
    for k, R, t, image in zip(classes, rotations, shifts, images, strict=True):
        true = read_volume(folder / f"true_{k}.mrc").array
        seen = read_volume(folder / "direct" / image.path)
        assert seen.voxel_size == pytest.approx(VOXEL)
        posed = to_real(to_fourier(rotate(true, R, t)) * window)
        assert correlation(seen.array, posed) > 0.99


def test_images_become_sums_and_projections_of_the_same_particles(tmp_path):
    folder = tmp_path / "images"
    made = ("--form", "images", "--count", 3, "--junk", 2, "--neighbours", 1, "--tilt-step", 10)
    told = simulate(folder, "--structure", "blob", *made, *SIZE, "--snr", 1e6)
    assert "--missing-from-weights" in told
    assert "--tilt -60 60" in told
    classes, rotations, shifts = poses_of(folder)
    assert sorted(classes) == [0, 0, 1, 1, 1]
    sums = read_particles(folder / "sums" / "particles.star")
    assert len(set(sums.tomograms)) == 4
    for k, R, t, image, ctf in zip(
        classes, rotations, shifts, sums.images, sums.ctf_images, strict=True
    ):
        header = read_header(folder / "sums" / image.path)
        with FileVolumes(folder / "sums" / ctf.path) as weights:
            weight = half_weights(weights[0], weights.header, header, ctf.path).values
        assert weight.shape == (BOX, BOX, BOX // 2 + 1)
        seen = to_fourier(read_volume(folder / "sums" / image.path).array)
        if k:
            # S = W A where the weights are high: only the neighbour stands beside it.
            true = to_fourier(rotate(read_volume(folder / "true_1.mrc").array, R, t))
            high = weight > 0.3 * weight.max()
            product = (seen * (weight * true).conj()).real[high].sum()
            norm = np.linalg.norm(seen[high]) * np.linalg.norm((weight * true)[high])
            assert product / norm > 0.5
    flat = read_particles(folder / "projections" / "particles.star")
    assert flat.ctf_images is None
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("geometry", "tilt", "options"),
    [
        ("dual", (-50, 60), "--tilt -50 60 --second-tilt -50 60"),
        ("conical", (0, 40), "--cone 50"),
    ],
)
@pytest.mark.parametrize("form", ["direct", "images"])
def test_other_series_tell_what_they_leave_unobserved(geometry, tilt, options, form, tmp_path):
    asked = ("--form", form, "--geometry", geometry, "--tilt", *tilt, "--tilt-step", 10)
    told = simulate(tmp_path / "made", "--structure", "blob", "--count", 1, *asked, *SIZE)
    assert f"particles.star {options} --name" in told


@pytest.mark.parametrize("form", ["direct", "images"])
def test_bands_of_the_tilt_angle_are_left_out(form, tmp_path):
    bands = ("--left-out", "0:60", "--left-out", "120:180")
    made = ("--count", 30, "--box", 8, "--form", form, "--tilt-step", 20)
    simulate(tmp_path / "made", "--structure", "blob", *made, *bands)
    _, rotations, _ = poses_of(tmp_path / "made")
    tilts = np.degrees(np.arccos(rotations[:, 2, 2]))
    assert ((tilts > 60) & (tilts < 120)).all()
    assert tilts.std() > 5


def test_membranes_and_empty_boxes_lie_in_images(tmp_path):
    asked = ("--form", "images", "--count", 2, "--snr", 1e6, "--empty", 1, "--tilt-step", 10, *SIZE)
    for name, share in (("plain", 0), ("crowded", 1)):
        simulate(tmp_path / name, "--structure", "blob", *asked, "--membranes", share)
    classes, *_ = poses_of(tmp_path / "plain")
    assert sorted(classes) == [0, 1, 1]
    images = read_particles(tmp_path / "plain" / "sums" / "particles.star").images
    for image, k in zip(images, classes, strict=True):
        plain, crowded = (
            read_volume(tmp_path / name / "sums" / image.path).array
            for name in ("plain", "crowded")
        )
        # Boxes of noise alone have no membrane either.
        assert (np.linalg.norm(crowded - plain) > 0.1 * np.linalg.norm(plain)) == bool(k)


def test_the_same_seed_gives_the_same_files(tmp_path):
    for name, seed in (("one", 4), ("two", 4), ("three", 5)):
        simulate(tmp_path / name, "--structure", "shell:T", "--count", 2, *SIZE, "--seed", seed)

    def particle(name: str) -> bytes:
        return (tmp_path / name / "direct" / "particles" / "p0001.mrc").read_bytes()

    assert particle("one") == particle("two")
    assert particle("one") != particle("three")


def test_a_map_is_a_structure_on_its_own_grid(tmp_path):
    write_volume(tmp_path / "map.mrc", asymmetric_blob(80.0).density(BOX, VOXEL), VOXEL)
    simulate(tmp_path / "made", "--structure", tmp_path / "map.mrc", "--count", 1, *SIZE)
    refused = simulate(tmp_path / "other", "--structure", tmp_path / "map.mrc", "--box", 32, code=1)
    assert "map.mrc has a box of 24 voxels, not of 32: crop or pad it" in refused


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--structure", "blub"],
            "blub is neither a file nor a phantom: give a model (.pdb",
        ),
        (["--structure", "complex:Q7"], "the symmetry 'Q7' is unknown"),
        (["--structure", "blob:x"], "blob:x: the seed of a blob is a number, as in blob:4"),
        (["--structure", "gone.pdb"], "there is no file gone.pdb"),
        (
            ["--structure", "blob", "--count", "2", "--count", "3"],
            "2 counts were given for 1 structures: give one count, or one for each",
        ),
        (["--structure", "blob", "--count", "0"], "'counts' must be at least 1, got 0"),
        (
            ["--structure", "blob", "--count", "100000", "--box", "64"],
            "100000 particles in boxes of 64 voxels are too many to make at once",
        ),
        (["--structure", "blob", "--neighbours", "2"], "are simulated in images only"),
        (["--structure", "blob", "--membranes", "0.5"], "are simulated in images only"),
        (["--structure", "blob", "--lost", "1"], "are simulated in images only"),
        (["--structure", "blob", "--form", "images", "--lost", "40"], "of 41 images 40 cannot be"),
        (["--structure", "blob", "--left-out", "60"], "--left-out is LOWEST:HIGHEST in degrees"),
        (["--structure", "blob", "--left-out", "0:180"], "left_out_deg leaves no orientation"),
        (["--structure", "blob", "--geometry", "conical", "--tilt", "-60", "-5"], "conical series"),
        (["--structure", "blob", "--snr", "-1"], "'snr' must be above 0"),
        (["--structure", "blob", "--form", "images", "--voltage", "0"], "voltage_kv must lie"),
        (["--structure", "blob", "--tilt", "60", "-60"], "a tilt series from 60 to -60 degrees"),
        (["--structure", "blob", "--form", "images", "--defocus", "4", "2"], "optics cannot be"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_written(arguments, sentence, tmp_path):
    assert sentence in simulate(tmp_path / "made", *arguments, code=1)
    assert not (tmp_path / "made").exists()


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path):
    (tmp_path / "kept").write_text("mine")
    assert "is not empty: name a new folder" in simulate(tmp_path, "--structure", "blob", code=1)
    assert (tmp_path / "kept").read_text() == "mine"
