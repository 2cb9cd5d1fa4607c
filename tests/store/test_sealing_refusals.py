"""What cannot be sealed is refused by name, and only the uploads stay."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.spec.missing_region import Weights
from subtomo_store.datasets.sealing import seal
from subtomo_store.formats.mrc import write_volume
from support.particles import make_particles, noise_volumes
from support.sealing import WEDGE, edit, names, one_problem, problems_of

# ---------------------------------------------------------------- voxel size


def test_the_datasets_own_voxel_size_fills_empty_headers(folder):
    for i, volume in enumerate(noise_volumes(2, 8)):
        write_volume(folder / "uploads" / f"p{i}.mrc", volume, i * 1.0)
    assert seal(folder, WEDGE, voxel_size=5.0).voxel_size_angstrom == 5.0


def test_a_voxel_size_of_zero_everywhere_is_refused(folder):
    write_volume(folder / "uploads" / "p.mrc", noise_volumes(1, 8)[0], 0.0)
    problem = one_problem(folder)
    assert "voxel size in its header is 0" in problem.detail
    assert problem.pointer == "/voxel_size_angstrom"


def test_a_header_that_disagrees_is_named(folder, uploaded):
    write_volume(folder / "uploads" / "particles" / "p2.mrc", uploaded.volumes[2], 5.2)
    problem = one_problem(folder)
    assert problem.file == "particles/p2.mrc"
    assert "5.2 Å" in problem.detail
    assert "5 Å" in problem.detail


def test_one_per_cent_is_tolerated(folder, uploaded):
    write_volume(folder / "uploads" / "particles" / "p2.mrc", uploaded.volumes[2], 5.04)
    assert seal(folder, WEDGE).voxel_size_angstrom == 5.0


def test_a_star_file_that_disagrees_with_the_dataset_is_named(folder, uploaded):
    problems = problems_of(folder, voxel_size=6.0)
    assert [p.file for p in problems] == ["particles.star", "particles/p0.mrc"]
    assert "4 such rows" in problems[0].detail


# ---------------------------------------------------------------- bad input


def test_the_odd_box_is_named_with_both_sizes(folder, uploaded):
    write_volume(folder / "uploads" / "particles" / "p2.mrc", noise_volumes(1, 10)[0], 5.0)
    problem = one_problem(folder)
    assert problem.file == "particles/p2.mrc"
    assert problem.row == 3
    assert "box of 10 voxels differs from the 8 of 3 other" in problem.detail


@pytest.mark.parametrize("box", [6, 9])
def test_a_box_that_cannot_be_used_is_refused(folder, box):
    make_particles(folder / "uploads", box=box)
    assert f"a box of {box} voxels cannot be used" in one_problem(folder).detail


def test_a_truncated_particle_is_named_with_its_bytes(folder, uploaded):
    path = folder / "uploads" / "particles" / "p1.mrc"
    path.write_bytes(path.read_bytes()[:-8])
    problem = one_problem(folder)
    assert (problem.file, problem.row) == ("particles/p1.mrc", 2)
    assert "2048 bytes of voxels expected, 2040 found" in problem.detail


def test_nan_and_constant_particles_are_each_named(folder, uploaded):
    uploaded.volumes[0][1, 2, 3] = np.nan
    write_volume(folder / "uploads" / "particles" / "p0.mrc", uploaded.volumes[0], 5.0)
    write_volume(folder / "uploads" / "particles" / "p3.mrc", np.zeros((8, 8, 8)), 5.0)
    nan, flat = problems_of(folder)
    assert "1 voxels are NaN" in nan.detail
    assert (nan.row, flat.row) == (1, 4)
    assert "every voxel is 0" in flat.detail


def test_a_missing_file_is_named_with_row_and_column(folder, uploaded):
    (folder / "uploads" / "particles" / "p2.mrc").unlink()
    problem = one_problem(folder)
    assert (problem.file, problem.row, problem.column) == ("particles.star", 3, "rlnImageName")
    assert "'particles/p2.mrc', which was not uploaded" in problem.detail


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../../secret.mrc", "climbs out"),
        ("particles/../../x.mrc", "climbs out"),
        ("/etc/passwd", "absolute path"),
        ("F:/a.mrc", "absolute path"),
        ("000009@particles/p1.mrc", "volume 9 is named, but it holds 1"),
        ("", "names no volume"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(folder, uploaded, name, words):
    (folder.parent / "secret.mrc").write_bytes((uploaded.folder / "particles/p1.mrc").read_bytes())
    edit(uploaded, " particles/p1.mrc ", f" {name} " if name else ' "" ')
    problem = one_problem(folder)
    assert problem.row == 2
    assert words in problem.detail


def test_a_stack_needs_a_place_in_it(folder, uploaded):
    write_volume(folder / "uploads" / "particles" / "p1.mrc", noise_volumes(3, 8), 5.0)
    assert "a stack of 3 volumes: name one" in one_problem(folder).detail


def test_a_short_row_is_named(folder, uploaded):
    edit(uploaded, "particles/p1.mrc", "")
    problem = one_problem(folder)
    assert (problem.file, problem.row) == ("particles.star", 2)


def test_problems_of_one_cause_are_one_and_after_a_hundred_the_work_stops(folder):
    uploaded = make_particles(folder / "uploads", count=3)
    for i in range(3):
        (uploaded.folder / "particles" / f"p{i}.mrc").unlink()
    problem = one_problem(folder)
    assert problem.row == 1
    assert problem.detail.endswith("; so in 2 more rows: 2, 3")
    rows = "".join(f"gone{i}.mrc\n" for i in range(300))
    uploaded.star.write_text("data_\nloop_\n_rlnImageName\n" + rows)
    problem, last = problems_of(folder)
    assert "so in 99 more rows: 2, 3," in problem.detail
    assert "stopped after 100 problems" in last.detail


def test_nothing_uploaded_is_said(folder):
    folder.mkdir()
    with pytest.raises(InputError, match="no particles were uploaded"):
        seal(folder, WEDGE)
    assert names(folder) == []


def test_two_particle_tables_are_too_many(folder, uploaded):
    shutil.copy(uploaded.star, uploaded.folder / "other.star")
    assert "2 particle tables were uploaded" in one_problem(folder).detail


def test_other_star_files_beside_the_particles_do_no_harm(folder, uploaded):
    (uploaded.folder / "set.star").write_text("data_\n_rlnTomoParticlesFile particles.star\n")
    assert seal(folder, WEDGE).particles == 4


# ---------------------------------------------------------------- the same particle twice


def test_a_volume_which_two_rows_name_is_refused_once(folder, uploaded):
    edit(uploaded, "particles/p2.mrc", "particles/p0.mrc")
    problem = one_problem(folder)
    assert problem.file == "particles.star"
    assert problem.row == 3
    assert "particles/p0.mrc is the particle of row 1 as well (1 such rows)" in problem.detail


def test_copies_of_a_volume_are_refused(folder, uploaded):
    for number in (2, 3):
        write_volume(folder / "uploads" / "particles" / f"p{number}.mrc", uploaded.volumes[0], 5.0)
    problem = one_problem(folder)
    assert (problem.file, problem.row) == ("particles/p2.mrc", 3)
    assert "particles/p2.mrc holds the same voxels as particles/p0.mrc" in problem.detail
    assert "2 such particles" in problem.detail


def test_copies_in_a_folder_are_refused_without_rows(folder):
    for name in ("a.mrc", "b.mrc"):
        write_volume(folder / "uploads" / name, noise_volumes(1, 8)[0], 5.0)
    problem = one_problem(folder)
    assert problem.detail.startswith("b.mrc holds the same voxels as a.mrc; 1 such particles")


# ---------------------------------------------------------------- weights

CORNERS = np.zeros((8, 8, 8))
CORNERS[0, 0, 0] = CORNERS[4, 4, 4] = 1.0


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones((6, 6, 6)), "weights of 6 x 6 x 6 do not fit particles of 8 voxels"),
        (np.ones((10, 10, 8)), "weights of 8 x 10 x 10 do not fit particles of 8 voxels"),
        (np.zeros((8, 8, 8)), "no weight is above 0"),
        (np.linspace(-1, 1, 512).reshape(8, 8, 8), "256 weights are negative"),
        (CORNERS, "no weight between the origin and Nyquist"),
        (np.full((8, 8, 8), np.inf), "512 weights are NaN or infinite"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(folder, uploaded, weights, words):
    with np.errstate(invalid="ignore"):
        write_volume(folder / "uploads" / "particles" / "p3_ctf.mrc", weights, 5.0)
    problem = one_problem(folder, Weights())
    assert (problem.file, problem.row) == ("particles/p3_ctf.mrc", 4)
    assert words in problem.detail


def test_weights_for_a_larger_box_tell_what_was_done_to_the_particles(folder, uploaded):
    write_volume(folder / "uploads" / "particles" / "p3_ctf.mrc", np.ones((16, 16, 16)), 3.0)
    problem = one_problem(folder, Weights())
    assert (problem.file, problem.row) == ("particles/p3_ctf.mrc", 4)
    assert "cropped (the same) or binned" in problem.detail


def test_a_mask_needs_weights_for_every_particle(folder, uploaded):
    (folder / "uploads" / "particles" / "p1_ctf.mrc").unlink()
    problem = one_problem(folder, Weights())
    assert (problem.row, problem.column) == (2, "rlnCtfImage")
    edit(uploaded, "_rlnCtfImage", "_rlnOther")
    assert "_rlnCtfImage is missing" in one_problem(folder, Weights()).detail
    uploaded.star.unlink()
    assert one_problem(folder, Weights()).pointer == "/missing"
