"""What is sent of a data folder of Dynamo."""

from __future__ import annotations

import pytest

from subtomo import InvalidInput
from subtomo.transfer import outgoing


@pytest.fixture
def folder(tmp_path):
    for tag in (1, 2, 3, 12):
        (tmp_path / f"particle_{tag:05d}.em").write_bytes(b"em")
    (tmp_path / "crop.doc").write_text("1 tomogram.rec\n")
    (tmp_path / "crop.tbl").write_text("1 1 0\n3 1 0\n\n12.0 1 0\n")
    return tmp_path


def names(path):
    return [entry.name for entry in outgoing(path)]


def test_a_table_takes_its_particles_along(folder):
    expected = ["particle_00001.em", "particle_00003.em", "particle_00012.em", "crop.tbl"]
    assert names(folder / "crop.tbl") == names(folder) == expected


def test_particles_may_be_mrc_files(folder):
    (folder / "particle_00003.em").rename(folder / "particle_00003.mrc")
    assert "particle_00003.mrc" in names(folder)


def test_a_missing_particle_is_named_with_its_row(folder):
    (folder / "particle_00003.em").unlink()
    with pytest.raises(InvalidInput, match=r"(?s)crop.tbl has rows .* row 2: particle_00003"):
        outgoing(folder)


def test_of_several_tables_one_must_be_chosen(folder):
    (folder / "refined.tbl").write_text("2 1 0\n")
    with pytest.raises(InvalidInput, match=r"several Dynamo tables \(crop.tbl, refined.tbl\)"):
        outgoing(folder)
    assert names(folder / "refined.tbl") == ["particle_00002.em", "refined.tbl"]


def test_what_is_no_number_is_left_to_the_server(folder):
    (folder / "crop.tbl").write_text("tag 1 0\n1 1 0\ninf 0 0\nnan 0 0\n")
    assert names(folder) == ["particle_00001.em", "crop.tbl"]


def test_a_table_which_is_no_text_is_left_to_the_server(folder):
    (folder / "crop.tbl").write_bytes(b"\xff\xfe\x00")
    assert names(folder) == ["crop.tbl"]
