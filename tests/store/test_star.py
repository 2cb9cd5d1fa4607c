"""STAR files: written, read, and told what is wrong with them."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import starfile
from scipy.spatial.transform import Rotation

from subtomo_core.orientation.rotations import angular_distance, random_rotations
from subtomo_store.formats.star import (
    ImageName,
    Microscope,
    ParticleRows,
    has_particles,
    read_particles,
    write_particles,
)
from subtomo_store.formats.star_text import parse_star, quote, split_values
from subtomo_store.formats.star_write import Block, write_blocks
from support.star_files import problems_of, star, table

COUNT = 6

OLD = """
data_

loop_
_rlnImageName #1
_rlnMagnification #2
_rlnDetectorPixelSize #3
_rlnAngleRot #4
_rlnAngleTilt #5
_rlnAnglePsi #6
_rlnOriginX #7
_rlnOriginY #8
_rlnOriginZ #9
000002@all.mrcs 10000 1.7 10 20 30 1 -2 0.5
"a b.mrc"       10000 1.7 40 50 60 0  0 0   # a comment
"""


@pytest.fixture
def rows():
    rng = np.random.default_rng(5)
    return ParticleRows(
        images=[f"p {i}.mrc" if i == 2 else f"{i + 1:06d}@all.mrcs" for i in range(COUNT)],
        voxel_size=3.25,
        box=32,
        rotations=random_rotations(rng, COUNT),
        shifts=rng.uniform(-4, 4, (COUNT, 3)),
        classes=rng.integers(1, 3, COUNT),
        probabilities=rng.uniform(size=COUNT),
        log_likelihoods=rng.normal(size=COUNT) * 1e5,
        tomograms=[f"TS_{i % 2}" for i in range(COUNT)],
        ctf_images=[f"ctf/{i}.mrc" for i in range(COUNT)],
        half_sets=np.arange(COUNT) % 2 + 1,
        microscope=Microscope(200.0, 2.0, 0.08),
    )


# ---------------------------------------------------------------- writing


def test_our_pose_comes_back_through_a_file(tmp_path, rows):
    path = tmp_path / "p.star"
    write_particles(path, rows)
    back = read_particles(path)
    assert [image.text for image in back.images] == list(rows.images)
    assert angular_distance(back.rotations, rows.rotations).max() < 1e-5
    np.testing.assert_allclose(back.shifts_angstrom(1.0), rows.shifts * rows.voxel_size, atol=1e-6)
    assert set(back.voxel_sizes) == {3.25}
    assert np.array_equal(back.classes, rows.classes)
    assert np.array_equal(back.half_sets, rows.half_sets)
    assert back.tomograms == tuple(rows.tomograms)
    assert [image.path for image in back.ctf_images] == list(rows.ctf_images)
    assert back.microscope == rows.microscope


def test_the_law_of_relion_angles_and_origins(tmp_path, rows):
    """A particle point x belongs to the reference point A (x + origin), A from RELION's angles.

    Our pose says the same as R^-1 (x - t).
    """
    path = tmp_path / "p.star"
    write_particles(path, rows)
    frame = starfile.read(path)["particles"]
    angles = frame[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]].to_numpy()
    origins = frame[["rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginZAngst"]].to_numpy()
    matrices = Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix()
    x = np.array([3.0, -5.0, 7.0])
    for R, t, A, origin in zip(rows.rotations, rows.shifts, matrices, origins, strict=True):
        ours = R.T @ (x - t)
        relions = A @ (x + origin / rows.voxel_size)
        np.testing.assert_allclose(relions, ours, atol=1e-5)


def test_the_same_rows_give_the_same_bytes(rows):
    first, second = io.BytesIO(), io.BytesIO()
    write_particles(first, rows)
    write_particles(second, rows)
    assert first.getvalue() == second.getvalue()


def test_a_remark_is_a_comment_of_one_line(tmp_path, rows):
    path = tmp_path / "p.star"
    write_particles(path, replace(rows, remark="converged;\nthe averages\nshow structure"))
    assert path.read_text().startswith("# converged; the averages show structure\n")
    assert [image.text for image in read_particles(path).images] == list(rows.images)


def test_another_reader_reads_what_we_write(tmp_path, rows):
    path = tmp_path / "p.star"
    write_particles(path, rows)
    blocks = starfile.read(path)
    assert list(blocks["optics"]["rlnImagePixelSize"]) == [3.25]
    frame = blocks["particles"]
    assert len(frame) == COUNT
    assert list(frame["rlnImageName"]) == list(rows.images)
    np.testing.assert_allclose(frame["rlnLogLikeliContribution"], rows.log_likelihoods, atol=1e-6)
    np.testing.assert_allclose(frame["rlnMaxValueProbDistribution"], rows.probabilities, atol=1e-6)


def test_no_minus_zero_is_written():
    buffer = io.BytesIO()
    zero = ParticleRows(["a"], 1.0, 8, rotations=np.eye(3)[None], shifts=np.zeros((1, 3)))
    write_particles(buffer, zero)
    assert b"-0.000000" not in buffer.getvalue()


def test_blocks_are_loops_or_names_with_a_value(tmp_path):
    path = tmp_path / "set.star"
    flag = Block("general", {"rlnTomoSubTomosAre2DStacks": ["1"]}, looped=False)
    write_blocks(path, [flag, Block("global", {"rlnTomoName": ["a", "b"], "rlnTomoHand": "11"})])
    assert "loop_" not in path.read_text().split("data_global")[0]
    blocks = starfile.read(path)
    assert blocks["general"] == {"rlnTomoSubTomosAre2DStacks": 1}
    assert list(blocks["global"]["rlnTomoName"]) == ["a", "b"]
    with pytest.raises(ValueError, match="too many values"):
        write_blocks(path, [Block("general", {"rlnTomoName": ["a", "b"]}, looped=False)])
    assert len(starfile.read(path)) == 2  # whole or not at all


def test_columns_of_another_length_are_refused(rows):
    with pytest.raises(ValueError, match="rlnClassNumber"):
        write_particles(io.BytesIO(), ParticleRows(["a", "b"], 1.0, 8, classes=[1]))


# ---------------------------------------------------------------- reading


def test_relion_3_0_takes_pixels_and_magnification(tmp_path):
    back = read_particles(star(tmp_path, OLD))
    assert back.images == (
        ImageName("000002@all.mrcs", "all.mrcs", 1),
        ImageName("a b.mrc", "a b.mrc", None),
    )
    np.testing.assert_allclose(back.voxel_sizes, 1.7)
    np.testing.assert_allclose(back.shifts_angstrom(1.7)[0], [-1.7, 3.4, -0.85])
    assert back.ctf_images is None
    assert back.classes is None


def test_written_by_another_library_it_reads_the_same(tmp_path):
    ours = read_particles(star(tmp_path, OLD))
    frame = starfile.read(tmp_path / "p.star")
    starfile.write({"particles": frame}, tmp_path / "again.star")
    again = read_particles(tmp_path / "again.star")
    assert again.images == ours.images
    np.testing.assert_allclose(again.rotations, ours.rotations)


def test_each_row_has_its_optics_groups_voxel_size(tmp_path):
    optics = table("rlnOpticsGroup", "rlnImagePixelSize", rows="1 2.0\n2 4.0\n", block="optics")
    particles = table("rlnImageName", "rlnOpticsGroup", rows="a 2\nb 1\n")
    assert list(read_particles(star(tmp_path, optics + particles)).voxel_sizes) == [4.0, 2.0]


def test_voxel_size_by_binning(tmp_path):
    optics = table(
        "rlnOpticsGroup",
        "rlnTomoTiltSeriesPixelSize",
        "rlnTomoSubtomogramBinning",
        rows="1 1.5 4\n",
        block="optics",
    )
    path = star(tmp_path, optics + table("rlnImageName", rows="a\n"))
    assert list(read_particles(path).voxel_sizes) == [6.0]


def test_windows_lines_and_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "p.star"
    path.write_bytes(b"\xef\xbb\xbf" + OLD.replace("\n", "\r\n").encode())
    assert len(read_particles(path)) == 2


@pytest.mark.parametrize("value", ["a b", "", "#x", "_x", "a", "it's", 'say "x" y', "data_x"])
def test_a_quoted_value_comes_back(value):
    assert split_values(f"1 {quote(value)} 2") == ["1", value, "2"]


def test_single_values_are_a_table_of_one_row():
    (block,) = parse_star("data_general\n_a 1\n_b 'x y'\n", "g.star")
    assert block.columns == ("a", "b")
    assert block.rows == [["1", "x y"]]


# ---------------------------------------------------------------- problems


def test_rows_with_missing_values_are_each_named(tmp_path):
    path = star(tmp_path, table("rlnImageName", "rlnAngleRot", rows="a 1\nb\nc 1 2\nd 1\n"))
    short, long = problems_of(path)
    assert (short.row, short.column) == (2, "rlnAngleRot")
    assert "1 values for 2 columns" in short.detail
    assert (long.row, long.column) == (3, "")
    assert has_particles(path)


def test_values_which_are_no_numbers_are_each_named(tmp_path):
    text = table(
        "rlnImageName",
        "rlnAngleRot",
        "rlnAngleTilt",
        "rlnAnglePsi",
        "rlnClassNumber",
        rows="a 1 2 3 1\nb x 2 3 1\nc 1 2 nan 1.5\n",
    )
    found = [(p.row, p.column) for p in problems_of(star(tmp_path, text))]
    assert found == [(2, "rlnAngleRot"), (3, "rlnAnglePsi"), (3, "rlnClassNumber")]


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        (table("rlnAngleRot", rows="1\n"), "rlnImageName", "is missing"),
        (table("rlnImageName", "rlnAngleRot", rows="a 1\n"), "rlnAngleTilt", "is missing beside"),
        (table("rlnImageName", "rlnPixelSize", rows="a 0\n"), "rlnPixelSize", "voxel size of 0"),
        (
            table("rlnImageName", "rlnMagnification", "rlnDetectorPixelSize", rows="a 0 5\n"),
            "rlnDetectorPixelSize",
            "voxel size of 0",
        ),
        (table("rlnImageName", rows="000000@a.mrcs\n"), "rlnImageName", "count from 1"),
        (
            table("rlnImageName", "rlnImageName", rows="a b\n"),
            "rlnImageName",
            "twice (as number 1 and 2)",
        ),
        (
            table("rlnOpticsGroup", "rlnImagePixelSize", rows="1 2\n", block="optics")
            + table("rlnImageName", "rlnOpticsGroup", rows="a 7\n"),
            "rlnOpticsGroup",
            "which data_optics does not have",
        ),
    ],
)
def test_each_problem_names_its_column(tmp_path, text, column, words):
    problem = problems_of(star(tmp_path, text))[0]
    assert problem.column == column
    assert words in problem.detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a STAR file"),
        ("hello\nworld\n", "not a STAR file"),
        ("data_x\0", "not a text file"),
        (table("rlnImageName"), "is empty"),
        (table("rlnX", rows="1\n", block="other"), "no column _rlnImageName"),
        ("data_particles\nfoo bar\n", "has no column name"),
    ],
)
def test_what_is_no_particle_table_is_said(tmp_path, text, words):
    assert words in problems_of(star(tmp_path, text))[0].detail


def test_a_binary_file_is_no_star_file(tmp_path):
    path = tmp_path / "p.star"
    path.write_bytes(b"data_\xff\xfe\x00")
    assert "not a text file" in problems_of(path)[0].detail


def test_problems_of_one_cause_are_one_which_counts_them(tmp_path):
    path = star(tmp_path, table("rlnImageName", "rlnClassNumber", rows="a x\n" * 500))
    (problem,) = problems_of(path)
    assert (problem.row, problem.column) == (1, "rlnClassNumber")
    rows = ", ".join(str(row) for row in range(2, 12))
    assert problem.detail.endswith(f"; so in 499 more rows: {rows} and 489 more")
