"""Data folders of Dynamo: read back right, or refused with row, column and remedy."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.orientation.rotations import angular_distance
from subtomo_core.spec.missing_region import ByName, Complete, Cone, FromTable, Wedge, Weights
from subtomo_store.datasets.material import Registered
from subtomo_store.datasets.sealing import House, seal
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.formats.dynamo import read_dynamo
from subtomo_store.formats.mrc import write_volume
from support.dynamo import DataFolder
from support.particles import make_particles, shared
from support.sealing import WEDGE, one_problem, problems_of

SIZE = 5.0
SINGLE = 1e-5  # degrees, voxels: what the STAR file's six decimals leave


@pytest.fixture
def data(folder):
    return DataFolder(folder / "uploads")


def refused(folder, missing=WEDGE, **options):
    return one_problem(folder, missing, voxel_size=SIZE, **options)


def remarks(folder):
    return json.loads((folder / "dataset.json").read_text())["remarks"]


# ---------------------------------------------------------------- read


def test_particles_and_poses_are_those_of_the_folder(folder, data):
    summary = seal(folder, WEDGE, voxel_size=SIZE)
    assert (summary.particles, summary.box, summary.voxel_size_angstrom) == (4, 8, SIZE)
    particles = StackParticles(folder)
    assert all(np.array_equal(particles.volume(i), data.volumes[i]) for i in range(4))
    given = particles.given_poses()
    assert angular_distance(given.rotations, data.rotations).max() < SINGLE
    assert np.abs(given.shifts - data.shifts).max() < SINGLE
    assert given.classes is None
    table = particles.table()
    assert [image.text for image in table.images][:2] == ["particle_00001.em", "particle_00002.em"]
    assert table.tomograms == ("7",) * 4
    assert remarks(folder) == []


def test_rows_keep_their_order_and_find_their_tags(folder, data):
    data.write(tag=[3, 1, 4, 2])
    seal(folder, WEDGE, voxel_size=SIZE)
    particles = StackParticles(folder)
    assert np.array_equal(particles.volume(0), data.volumes[2])
    assert np.array_equal(particles.volume(3), data.volumes[1])
    assert angular_distance(particles.given_poses().rotations, data.rotations).max() < SINGLE


def test_a_folder_of_mrc_files_is_read_with_their_own_voxel_size(folder, data):
    for path in data.folder.glob("*.em"):
        path.unlink()
    for tag, volume in enumerate(data.volumes, 1):
        write_volume(data.folder / f"particle_{tag:06d}.mrc", volume, 4.0)
    assert seal(folder, WEDGE).voxel_size_angstrom == 4.0


def test_the_tables_own_voxel_size_is_used_and_compared(folder, data):
    data.write(apix=3.5)
    problem = refused(folder)
    assert (problem.row, problem.column) == (1, "apix")
    assert "3.5 Å where the dataset's is 5 Å" in problem.detail
    assert seal(folder, WEDGE).voxel_size_angstrom == 3.5


def test_classes_come_from_ref_and_else_from_class(tmp_path):
    data = DataFolder(tmp_path)
    data.write(**{"ref": [1, 2, 1, 2], "class": 9})
    assert read_dynamo(data.table, "t").classes.tolist() == [1, 2, 1, 2]
    data.write(**{"ref": [1, 0, 1, 2], "class": [3, 1, 2, 1]})
    assert read_dynamo(data.table, "t").classes.tolist() == [3, 1, 2, 1]


def test_complex_numbers_stand_where_nobody_looks(tmp_path):
    """MATLAB writes such into daxis now and then."""
    data = DataFolder(tmp_path)
    data.put(2, 28, "0.5+1e-8i")
    assert len(read_dynamo(data.table, "t").tags) == 4


def test_volumes_without_a_row_are_left_out_and_told(folder, data):
    data.table.write_text("".join(data.table.read_text().splitlines(keepends=True)[:3]))
    assert seal(folder, WEDGE, voxel_size=SIZE).particles == 3
    assert remarks(folder) == ["1 file was left out, not in crop.tbl: particle_00004.em"]


def test_a_registered_table_is_read_with_its_folder(folder, tmp_path):
    elsewhere = DataFolder(tmp_path / "facility")
    (elsewhere.folder / "results").mkdir()
    shutil.copy(elsewhere.table, elsewhere.folder / "results" / "refined.tbl")
    roots = (tmp_path / "facility",)
    both = House(Registered(elsewhere.folder, roots))
    with pytest.raises(InputError, match=r"2 particle tables .* upload exactly one"):
        seal(folder, WEDGE, SIZE, house=both)
    assert seal(folder, WEDGE, SIZE, house=House(Registered(elsewhere.table, roots))).particles == 4


def test_real_tables_are_read():
    for name, count in (("dynamo_crop_head.tbl", 200), ("t_double.tbl", 300)):
        table = read_dynamo(shared("formats", name), name)
        assert len(table.tags) == count
        assert np.allclose(np.linalg.det(table.rotations), 1.0)
    assert table.classes is not None


# ---------------------------------------------------------------- flags


def test_rows_which_dynamo_leaves_out_are_left_out_and_named(folder, data):
    data.write(aligned_value=[1, 0, 1, 1], averaged_value=[1, 1, 1, 0])
    assert seal(folder, WEDGE, voxel_size=SIZE).particles == 2
    particles = StackParticles(folder)
    assert np.array_equal(particles.volume(1), data.volumes[2])
    found = particles.given_poses().rotations
    assert angular_distance(found, data.rotations[[0, 2]]).max() < SINGLE
    assert remarks(folder) == [
        "2 rows were left out of crop.tbl, as aligned_value (column 2) or averaged_value "
        "(column 3) is 0, by which Dynamo leaves a particle out; tags: 2, 4"
    ]


def test_a_flag_which_was_never_set_leaves_out_none_and_is_told(folder, data):
    data.write(averaged_value=0)
    assert seal(folder, WEDGE, voxel_size=SIZE).particles == 4
    assert remarks(folder) == [
        "averaged_value (column 3) of crop.tbl is 0 in every row, which leaves out none"
    ]


def test_rows_left_out_need_no_file_and_no_fitting_tilt_range(folder, data):
    data.write(aligned_value=[1, 0, 1, 1], ymaxtilt=[60, 30, 60, 60], apix=[5, 9, 5, 5])
    (data.folder / "particle_00002.em").unlink()
    assert seal(folder, WEDGE).particles == 3


def test_a_row_is_named_as_the_table_counts_it(folder, data):
    data.write(aligned_value=[0, 1, 1, 1], apix=[5, 5, 9, 5])
    problem = one_problem(folder)
    assert (problem.row, problem.column) == (3, "apix")
    assert "9 Å where row 2's is 5 Å" in problem.detail


def test_flags_which_leave_nobody_are_refused(folder, data):
    data.write(aligned_value=[1, 1, 0, 0], averaged_value=[0, 0, 1, 1])
    assert "in no row are both aligned_value (column 2) and" in refused(folder).detail
    data.write(aligned_value=2)
    assert "is 2: Dynamo knows 0 (no) and 1 (yes); so in 3 more rows" in refused(folder).detail


def test_columns_which_say_something_and_are_not_read_are_named(folder, data):
    data.write(cc=0.5, ref=[1, 0, 1, 1], xmintilt=[0, 0, 0, 1])
    seal(folder, WEDGE, voxel_size=SIZE)
    assert remarks(folder) == ["columns of crop.tbl which were not read: cc, xmintilt, ref"]


def test_columns_beyond_those_which_dynamo_names_are_told_by_number(folder, data):
    lines = data.table.read_text().splitlines()
    data.table.write_text("".join(f"{line.rstrip()} 0 1 0\n" for line in lines))
    seal(folder, WEDGE, voxel_size=SIZE)
    assert remarks(folder) == ["columns of crop.tbl which were not read: column 44"]


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("row", "column", "value", "name", "words"),
    [
        (2, 7, "abc", "tdrot", "is 'abc': a finite number"),
        (3, 4, "NaN", "dx", "a finite number"),
        (3, 9, "Inf", "narot", "a finite number"),
        (1, 1, "1.5", "tag", "is 1.5: a whole number"),
        (1, 1, "x", "tag", "is 'x': a finite number"),
        (1, 1, "0", "tag", "counted from 1"),
        (4, 1, "2", "tag", "is 2, as in row 2: remove one of the rows"),
        (4, 1, "9", "tag", "upload particle_00009.em (or .mrc) beside the table, or remove"),
        (2, 20, "0.5", "tomo", "a whole number"),
    ],
)
def test_a_bad_value_is_named_by_row_and_column(folder, data, row, column, value, name, words):
    data.put(row, column, value)
    problem = refused(folder)
    assert (problem.file, problem.row, problem.column) == ("crop.tbl", row, name)
    assert words in problem.detail
    assert f"crop.tbl, row {row}" in problem.detail


def test_rows_of_another_length_are_each_named(folder, data):
    data.put(2, 40, "")
    data.put(4, 40, "1 2")
    problems = problems_of(folder, voxel_size=SIZE)
    assert [problem.row for problem in problems] == [2, 4]
    assert "41 values where 2 rows have 42: a value is missing" in problems[0].detail
    assert "43 values" in problems[1].detail


@pytest.mark.parametrize("text", ["1 2 3\n4 5 6\n", "tag,dx\n1,2\n"])
def test_what_is_no_table_is_refused(folder, data, text):
    data.table.write_text(text)
    assert "a Dynamo table has 35 or more numbers in each row" in refused(folder).detail


def test_an_empty_table_is_refused(folder, data):
    data.table.write_text("\n\n")
    assert refused(folder).detail == "crop.tbl: the table is empty"


def test_a_table_beside_none_of_its_particles_finds_the_folder_with_all(folder, data):
    (data.folder / "elsewhere").mkdir()
    data.table.rename(data.folder / "elsewhere" / "crop.tbl")
    other = folder.with_name("ds_2")
    shutil.copytree(folder, other)
    assert seal(folder, WEDGE, voxel_size=SIZE).particles == len(data.volumes)
    next((other / "uploads").glob("particle_*")).unlink()
    assert "put the table into the data folder" in refused(other).detail


def test_two_files_of_one_tag_are_refused(folder, data):
    write_volume(data.folder / "particle_00003.mrc", data.volumes[0], SIZE)
    problem = refused(folder)
    assert (problem.row, problem.column) == (3, "tag")
    assert "particle_00003.em, particle_00003.mrc: keep one" in problem.detail


def test_a_star_file_beside_a_table_is_one_too_many(folder, data):
    make_particles(data.folder)
    assert "2 particle tables were uploaded" in refused(folder).detail


def test_weights_cannot_be_named(folder, data):
    problem = refused(folder, Weights())
    assert problem.pointer == "/missing"
    assert "a Dynamo table names none" in problem.detail


# ---------------------------------------------------------------- tilt ranges


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (Wedge(tilt_min_deg=-50, tilt_max_deg=60), "tilts from -50 to 60 degrees about y"),
        (Wedge(tilt_min_deg=-60, tilt_max_deg=60, axis="x"), "degrees about x"),
        (Cone(half_angle_deg=30), "a cone of 30 degrees missing"),
        (Complete(), "nothing missing"),
    ],
)
def test_a_region_which_contradicts_the_table_is_refused(folder, data, missing, words):
    problem = refused(folder, missing)
    assert (problem.row, problem.column, problem.pointer) == (1, "ymintilt", "/missing")
    assert "tilts from -60 to 60 degrees about y (ymintilt, ymaxtilt) contradict" in problem.detail
    assert words in problem.detail
    assert "(4 such rows)" in problem.detail


def test_particles_of_another_tilt_range_are_named(folder, data):
    data.write(ymaxtilt=[60, 60, 45, 45])
    problem = refused(folder)
    assert problem.row == 3
    assert "(2 such rows)" in problem.detail
    assert "or take each row's own (--missing-from-table)" in problem.detail


def test_each_row_tells_its_own_range_where_that_is_asked_for(folder, data):
    data.write(ftype=[1, 0, 1, 1], ymaxtilt=[60, 60, 45, 45], ymintilt=[-60, 0, -60, -60])
    missing = seal(folder, FromTable(), voxel_size=SIZE).missing
    narrow = Wedge(tilt_min_deg=-60, tilt_max_deg=45)
    particles = StackParticles(folder)
    assert [particles.region(i) for i in range(4)] == [WEDGE, Complete(), narrow, narrow]
    assert [part.particles for part in missing.parts] == [1, 1, 2]
    assert remarks(folder) == [
        "3 missing regions, by row (with their particles): tilts from -60 to 60 degrees about y "
        "(1), nothing missing (1), tilts from -60 to 45 degrees about y (2)"
    ]


@pytest.mark.parametrize(
    ("wrong", "column", "words"),
    [
        ({"ftype": [1, 4, 1, 1]}, "ftype", "ftype is 4"),
        ({"ymaxtilt": [60, -70, 60, 60]}, "ymintilt", "-60 to -70 (ymintilt, ymaxtilt) is no"),
    ],
)
def test_a_row_which_tells_no_range_is_refused(folder, data, wrong, column, words):
    data.write(**wrong)
    problem = refused(folder, FromTable())
    assert (problem.row, problem.column) == (2, column)
    assert words in problem.detail


def test_ranges_by_tomogram_are_compared_with_the_rows(folder, data):
    data.write(tomo=[7, 8, 7, 8], ymaxtilt=[60, 45, 60, 45])
    narrow = Wedge(tilt_min_deg=-60, tilt_max_deg=45)
    wrong = ByName(regions={"7": narrow, "8": WEDGE})
    assert "(4 such rows)" in refused(folder, wrong).detail
    seal(folder, ByName(regions={"7": WEDGE, "8": narrow}), voxel_size=SIZE)
    assert StackParticles(folder).region(3) == narrow


def test_a_few_degrees_are_told(folder, data):
    data.write(ymaxtilt=[60, 60, 58, 60])
    seal(folder, WEDGE, voxel_size=SIZE)
    (remark,) = remarks(folder)
    assert "up to 2 degrees off" in remark


def test_ranges_which_were_never_filled_in_say_nothing(folder, data):
    data.write(ftype=[0, 1, 0, 1], ymintilt=0, ymaxtilt=0)
    seal(folder, Cone(half_angle_deg=30), voxel_size=SIZE)
    assert remarks(folder) == []


def test_other_kinds_of_tilt_are_told(folder, data):
    data.write(ftype=[3, 3, 1, 1])
    seal(folder, WEDGE, voxel_size=SIZE)
    (remark,) = remarks(folder)
    assert "2 rows of crop.tbl tell of tilts other than about y" in remark
