"""Optics groups: matched by number or name, or refused."""

from __future__ import annotations

import pytest

from subtomo_store.formats.star import read_particles
from support.star_files import problems_of, star, table

GROUPS = "1 left 8\n2 right 10.5\n"
COLUMNS = ("rlnOpticsGroup", "rlnOpticsGroupName", "rlnImagePixelSize")
OPTICS = table(*COLUMNS, rows=GROUPS, block="optics")


def sizes(tmp_path, *texts):
    return read_particles(star(tmp_path, "".join(texts))).voxel_sizes.tolist()


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (("rlnOpticsGroup",), "a 2\nb 1\n"),
        (("rlnOpticsGroup",), "a 2.000000\nb 1.0\n"),
        (("rlnOpticsGroupName",), "a right\nb left\n"),
        (("rlnOpticsGroup", "rlnOpticsGroupName"), "a 2 right\nb 1 left\n"),
    ],
)
def test_each_row_has_its_groups_voxel_size(tmp_path, columns, rows):
    assert sizes(tmp_path, OPTICS, table("rlnImageName", *columns, rows=rows)) == [10.5, 8.0]


@pytest.mark.parametrize(
    ("columns", "rows", "column", "words"),
    [
        (("rlnOpticsGroup",), "a 2\nb 3\n", "rlnOpticsGroup", "is '3', which data_optics does"),
        (("rlnOpticsGroupName",), "a x\nb x\n", "rlnOpticsGroupName", "so in 1 more row: 2"),
        ((), "a\nb\n", "rlnOpticsGroup", "must stand in data_particles and in data_optics"),
        (
            ("rlnOpticsGroup", "rlnOpticsGroupName"),
            "a 1 right\nb 1 left\n",
            "rlnOpticsGroupName",
            "is 'right', where data_optics names its group 'left'",
        ),
    ],
)
def test_what_cannot_be_matched_is_refused(tmp_path, columns, rows, column, words):
    text = OPTICS + table("rlnImageName", *columns, rows=rows)
    (problem,) = problems_of(star(tmp_path, text))
    assert problem.column == column
    assert words in problem.detail


def test_rows_of_several_groups_need_numbered_optics(tmp_path):
    optics = table("rlnImagePixelSize", rows="8\n", block="optics")
    particles = table("rlnImageName", "rlnOpticsGroup", rows="a 1\nb 2\n")
    (problem,) = problems_of(star(tmp_path, optics + particles))
    assert problem.column == "rlnOpticsGroup"
    particles = table("rlnImageName", "rlnOpticsGroup", rows="a 1\nb 1\n")
    assert sizes(tmp_path, optics, particles) == [8.0, 8.0]


def test_groups_of_one_voxel_size_need_no_match(tmp_path):
    optics = table(*COLUMNS, rows="1 left 8\n2 right 8\n", block="optics")
    assert sizes(tmp_path, optics, table("rlnImageName", rows="a\nb\n")) == [8.0, 8.0]


def test_a_group_twice_is_refused_unless_it_is_the_same(tmp_path):
    particles = table("rlnImageName", "rlnOpticsGroup", rows="a 1\n")
    twice = table(*COLUMNS, rows=GROUPS + "1 left 9\n", block="optics")
    (problem,) = problems_of(star(tmp_path, twice + particles))
    assert "data_optics, row 3: _rlnOpticsGroup is '1' again" in problem.detail
    same = table(*COLUMNS, rows=GROUPS + "1 left 8\n", block="optics")
    assert sizes(tmp_path, same, particles) == [8.0]


def test_two_tables_of_optics_must_be_the_same(tmp_path):
    particles = table("rlnImageName", "rlnOpticsGroup", rows="a 1\n")
    other = table(*COLUMNS, rows="1 left 9\n", block="optics")
    (problem,) = problems_of(star(tmp_path, OPTICS + other + particles))
    assert "2 different tables data_optics" in problem.detail
    assert sizes(tmp_path, OPTICS, OPTICS, particles) == [8.0]


def test_microscopes_which_differ_are_told(tmp_path):
    optics = table("rlnOpticsGroup", "rlnVoltage", rows="1 300\n2 200\n", block="optics")
    back = read_particles(star(tmp_path, optics + table("rlnImageName", rows="a\n")))
    assert back.microscope.voltage_kv == 300
    assert any(
        "_rlnVoltage is 300, 200; 300 stands in the dataset's own table" in told
        for told in back.remarks
    )
