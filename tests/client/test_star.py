from __future__ import annotations

from pathlib import Path

import pytest

from subtomo.errors import InvalidInput
from subtomo.star import make_portable, references
from subtomo.transfer import Outgoing, outgoing

OPTICS = """# version 50001

data_optics

loop_
_rlnOpticsGroup #1
_rlnImagePixelSize #2
1 12.0

data_particles

loop_
_rlnTomoName #1
_rlnImageName #2
_rlnCtfImage #3
"""


def write(folder: Path, *rows: str, head: str = OPTICS, name: str = "particles.star") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    star = folder / name
    star.write_text(head + "".join(f"{row}\n" for row in rows))
    return star


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_mentions_have_row_column_and_place():
    text = OPTICS + "T1 a.mrc b.mrc\n\n# a remark\nT2 000003@stack.mrcs None\n"
    found = [(one.row, one.column, one.text, one.file) for one in references(text)]
    assert found == [
        (1, "_rlnImageName", "a.mrc", "a.mrc"),
        (1, "_rlnCtfImage", "b.mrc", "b.mrc"),
        (2, "_rlnImageName", "000003@stack.mrcs", "stack.mrcs"),
    ]
    lines = text.splitlines()
    for one in references(text):
        assert lines[one.line][one.start : one.end] == one.text


def test_plain_names_leave_the_text_as_it_was(tmp_path):
    star = write(tmp_path, "T1 vol/a.mrc vol/a_w.mrc", "T1   vol/b.mrc   vol/b_w.mrc")
    touch(*(tmp_path / "vol" / f"{name}.mrc" for name in ("a", "a_w", "b", "b_w")))
    portable = make_portable(star)
    assert portable.text == star.read_text()
    assert portable.files["vol/b_w.mrc"] == tmp_path / "vol/b_w.mrc"
    assert len(portable.files) == 4


def test_names_relative_to_a_project_folder_above_are_found(tmp_path):
    star = write(tmp_path / "Extract/job007", "T1 Extract/job007/a.mrc None")
    touch(tmp_path / "Extract/job007/a.mrc")
    assert list(make_portable(star).files) == ["Extract/job007/a.mrc"]


def test_absolute_and_climbing_names_become_portable(tmp_path):
    star = write(
        tmp_path / "project",
        f"T1 {tmp_path}/far/a.mrc ../near/a.mrc",
        "T1 2@../near/s.mrcs ./own.mrc",
    )
    touch(tmp_path / "far/a.mrc", tmp_path / "near/a.mrc", tmp_path / "near/s.mrcs")
    touch(tmp_path / "project/own.mrc")
    portable = make_portable(star)
    assert portable.files["external/1/a.mrc"] == tmp_path / "far/a.mrc"
    assert len(set(portable.files)) == 4
    assert all(".." not in name and not name.startswith("/") for name in portable.files)
    assert [one.text for one in references(portable.text)] == [
        "external/1/a.mrc",
        "external/2/a.mrc",
        "2@external/2/s.mrcs",
        "own.mrc",
    ]


def test_a_stack_is_one_file_however_often_it_is_named(tmp_path):
    star = write(tmp_path, *(f"T {i}@stack.mrcs None" for i in (1, 2, 3)))
    touch(tmp_path / "stack.mrcs")
    assert list(make_portable(star).files) == ["stack.mrcs"]


def test_every_missing_file_is_told_with_its_row(tmp_path):
    star = write(tmp_path, "T a.mrc None", "T b.mrc None", "T c.mrc w.mrc")
    touch(tmp_path / "b.mrc")
    with pytest.raises(InvalidInput) as caught:
        make_portable(star)
    text = str(caught.value)
    assert "row 1, rlnImageName: a.mrc" in text
    assert "row 3, rlnCtfImage: w.mrc" in text
    assert "b.mrc" not in text


def test_a_star_without_volumes_is_left_to_the_server_as_it_is(tmp_path):
    star = write(tmp_path, "T1 1.0", head="data_\nloop_\n_rlnTomoName\n_rlnCoordinateX\n")
    assert outgoing(star) == [Outgoing("particles.star", star)]
    star.write_bytes(b"\xff\xfe\x00\x01" * 10)
    assert outgoing(star) == [Outgoing("particles.star", star)]


def test_a_single_row_may_stand_as_single_values(tmp_path):
    star = write(tmp_path, "_rlnImageName vol/a.mrc", "_rlnCtfImage w.mrc", head="data_particles\n")
    touch(tmp_path / "vol/a.mrc", tmp_path / "w.mrc")
    assert list(make_portable(star).files) == ["vol/a.mrc", "w.mrc"]
    assert [one.row for one in references(star.read_text())] == [1, 1]


def test_rows_of_two_tables_are_counted_on(tmp_path):
    second = "\ndata_more\nloop_\n_rlnImageName\nb.mrc\n"
    text = write(tmp_path, "T1 a.mrc None").read_text() + second
    assert [(one.row, one.file) for one in references(text)] == [(1, "a.mrc"), (2, "b.mrc")]


def test_a_format_behind_a_colon_is_no_part_of_the_name(tmp_path):
    star = write(tmp_path / "p", "T1 2@s.mrcs:mrcs None", "T1 ../b.mrc:mrc None")
    touch(tmp_path / "p/s.mrcs", tmp_path / "b.mrc")
    portable = make_portable(star)
    assert list(portable.files) == ["s.mrcs", "external/1/b.mrc"]
    assert "2@s.mrcs:mrcs" in portable.text
    assert "T1 external/1/b.mrc None" in portable.text


def test_latin_1_is_read_and_sent_as_utf_8(tmp_path):
    star = write(tmp_path, "T1 m\u00fc.mrc None")
    star.write_bytes(star.read_text().encode("latin-1"))
    touch(tmp_path / "m\u00fc.mrc")
    assert list(make_portable(star).files) == ["m\u00fc.mrc"]


def test_a_row_may_begin_like_a_block(tmp_path):
    head = "data_particles\nloop_\n_rlnImageName\n_rlnAngleRot\n"
    star = write(tmp_path, "data_1/a.mrc 0", "data_2/a.mrc 0", head=head)
    touch(tmp_path / "data_1/a.mrc", tmp_path / "data_2/a.mrc")
    assert list(make_portable(star).files) == ["data_1/a.mrc", "data_2/a.mrc"]
