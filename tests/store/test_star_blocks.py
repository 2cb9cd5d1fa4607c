"""Tables in a STAR file: each is read, or refused, or named."""

from __future__ import annotations

import pytest

from subtomo_store.formats.star import ImageName, has_particles, read_particles
from support.star_files import problems_of, star, table

OPTICS = ("rlnOpticsGroup", "rlnImagePixelSize", "rlnImageSize")
ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")


def names(back):
    return [image.text for image in back.images]


def test_two_tables_of_particles_are_joined_and_told(tmp_path):
    text = table("rlnImageName", "rlnClassNumber", rows="a 1\nb 2\n") + table(
        "rlnClassNumber", "rlnImageName", rows="3 c\n", block="test"
    )
    back = read_particles(star(tmp_path, text))
    assert names(back) == ["a", "b", "c"]
    assert back.classes.tolist() == [1, 2, 3]
    assert back.remarks[0] == (
        "p.star: the particles of 2 tables were joined, in this order: "
        "data_particles (2 rows), data_test (1 rows)"
    )


def test_tables_of_particles_with_other_columns_are_refused(tmp_path):
    text = table("rlnImageName", rows="a\n") + table(
        "rlnImageName", "rlnClassNumber", rows="b 1\n", block="test"
    )
    (problem,) = problems_of(star(tmp_path, text))
    assert "data_particles and data_test are both" in problem.detail
    assert "but _rlnClassNumber stands in one of them only" in problem.detail


def test_every_block_and_column_is_named(tmp_path):
    text = (
        "data_general\n_rlnTomoSubTomosAre2DStacks 0\n_rlnOther 1\n\n"
        + table(
            "rlnOpticsGroup", "rlnImagePixelSize", "rlnImageSize", rows="1 4 8\n", block="optics"
        )
        + table("rlnImageName", "rlnOpticsGroup", "rlnCoordinateX", rows="a 1 7\n")
        + "data_empty\n"
    )
    assert read_particles(star(tmp_path, text)).remarks == (
        "not read of p.star: data_general (_rlnOther), data_particles (_rlnCoordinateX), "
        "data_empty (empty)",
        "not in p.star: _rlnAngleRot, _rlnAngleTilt, _rlnAnglePsi, _rlnOriginXAngst, "
        "_rlnOriginYAngst, _rlnOriginZAngst, _rlnClassNumber, _rlnRandomSubset, _rlnTomoName, "
        "_rlnCtfImage, _rlnVoltage, _rlnSphericalAberration, _rlnAmplitudeContrast",
    )


def test_one_particle_may_stand_as_single_values(tmp_path):
    text = "data_particles\n_rlnImageName a.mrc\n_rlnAngleRot 1\n_rlnAngleTilt 2\n_rlnAnglePsi 3\n"
    assert len(read_particles(star(tmp_path, text))) == 1
    (problem,) = problems_of(star(tmp_path, text.replace("a.mrc", "a.mrc b.mrc")))
    assert "_rlnImageName in block data_particles has 2 values" in problem.detail


def test_latin_1_is_read(tmp_path):
    path = star(tmp_path, "")
    path.write_bytes(("# Müller\x85\n" + table("rlnImageName", rows="ü.mrc\n")).encode("latin-1"))
    assert names(read_particles(path)) == ["ü.mrc"]


def test_a_row_may_begin_like_a_block(tmp_path):
    text = table("rlnImageName", "rlnClassNumber", rows="data_1/a 1\ndata_2/a 2\n")
    assert names(read_particles(star(tmp_path, text))) == ["data_1/a", "data_2/a"]


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("a.mrc:mrc", ImageName("a.mrc:mrc", "a.mrc", None)),
        ("3@a.stk:MRCS", ImageName("3@a.stk:MRCS", "a.stk", 2)),
        ("a:b.mrc", ImageName("a:b.mrc", "a:b.mrc", None)),
    ],
)
def test_a_format_behind_a_colon_is_no_part_of_the_name(text, image):
    assert ImageName.parse(text) == image


@pytest.mark.parametrize("text", ["1", "1.000"])
def test_a_flag_which_the_file_contradicts_is_named(tmp_path, text):
    optics = table("rlnImageDimensionality", rows="3.0\n", block="optics")
    flag = f"data_general\n_rlnTomoSubTomosAre2DStacks {text}\n"
    particles = table("rlnImageName", rows="a\n")
    (problem,) = problems_of(star(tmp_path, flag + optics + particles))
    assert problem.column == "rlnTomoSubTomosAre2DStacks"
    assert "but _rlnImageDimensionality is 3: set _rlnTomoSubTomosAre2DStacks to 0" in (
        problem.detail
    )


def test_a_flag_for_stacks_asks_for_what_stacks_need(tmp_path):
    flag = "data_general\n_rlnTomoSubTomosAre2DStacks 1\n"
    problems = problems_of(star(tmp_path, flag + table("rlnImageName", rows="a\n")))
    assert {problem.column for problem in problems} == {
        "rlnTomoName",
        "rlnCtfDataAreCtfPremultiplied",
    }


def test_a_column_twice_is_told_once(tmp_path):
    text = table("rlnImageName", "rlnClassNumber", "rlnImageName", rows="a 1 a\nb 1 b\n")
    (problem,) = problems_of(star(tmp_path, text))
    assert problem.detail == (
        "p.star: block data_particles has the column _rlnImageName twice (as number 1 and 3): "
        "keep one of them, and remove the other with its values"
    )
    assert has_particles(tmp_path / "p.star")


@pytest.mark.parametrize("missing", ANGLES)
def test_an_angle_missing_beside_the_others_is_refused(tmp_path, missing):
    given = [column for column in ANGLES if column != missing]
    (problem,) = problems_of(star(tmp_path, table("rlnImageName", *given, rows="a 1 2\n")))
    assert problem.column == missing


@pytest.mark.parametrize("pattern", ["rlnOrigin{}Angst", "rlnOrigin{}"])
def test_an_origin_missing_beside_the_others_is_refused(tmp_path, pattern):
    columns = [pattern.format(axis) for axis in "XY"]
    (problem,) = problems_of(star(tmp_path, table("rlnImageName", *columns, rows="a 1 2\n")))
    assert problem.column == pattern.format("Z")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (table("motl_idx", rows="1\n", block="stopgap_motivelist"), "a STOPGAP motive list"),
        (table("motl_idx", rows="1\n", block=""), "a STOPGAP motive list"),
        (table("rlnTomoTiltSeriesStarFile", rows="a\n", block="global"), "a table of tomograms"),
        (table("rlnCoordinateX", rows="1\n", block="picks"), "only data_picks: upload"),
    ],
)
def test_a_file_without_particles_says_what_it_is(tmp_path, text, words):
    (problem,) = problems_of(star(tmp_path, text))
    assert words in problem.detail
    assert not has_particles(tmp_path / "p.star")
