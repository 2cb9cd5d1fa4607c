"""Half sets and particles that belong together, from a STAR table to a sealed dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from subtomo_core.data.folds import NOTHING_TOLD
from subtomo_store.datasets.grouping import GROUPING
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import StackParticles, read_record
from subtomo_store.errors import StorageError
from subtomo_store.formats.star import ParticleTable, read_particles
from support.particles import Uploaded
from support.sealing import WEDGE, one_problem
from support.star_files import problems_of

NAMES = {"rlnTomoName": ["TS_1", "TS_1", "TS_2", "TS_2", "TS_2", "TS_1"]}


def table(tmp_path: Path, **columns: list[object]) -> ParticleTable:
    given = {"rlnImageName": list("abcdef"), **columns}
    names = "".join(f"_{name}\n" for name in given)
    rows = "\n".join(" ".join(map(str, row)) for row in zip(*given.values(), strict=True))
    path = tmp_path / "p.star"
    path.write_text(f"data_particles\n\nloop_\n{names}{rows}\n")
    return read_particles(path)


def told(read: ParticleTable) -> list[str]:
    """Remarks on what was read."""
    return [r for r in read.remarks if not r.startswith(("not read of", "not in"))]


def sets(labels: np.ndarray) -> set[frozenset[int]]:
    """Rows that stand together, without the rows that stand alone."""
    each = (frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels))
    return {rows for rows in each if len(rows) > 1}


@pytest.mark.parametrize("one", ["1", "1.000000"])
def test_half_sets_are_those_of_the_table(tmp_path, one):
    read = table(tmp_path, rlnRandomSubset=[one, 2, 2, 2, one, 2])
    assert read.half_sets.tolist() == [1, 2, 2, 2, 1, 2]
    assert told(read) == ["p.star: half sets are those of _rlnRandomSubset (2 and 4 particles)"]


@pytest.mark.parametrize(
    ("values", "row", "shown"),
    [
        ([1, 2, 0, 0, 1, 2], 3, "'0' (2 such rows)"),
        ([1, 2, 1, 2, 3, 1], 5, "'3' (1 such rows)"),
        ([1, "<NA>", 1, 2, 2, 1], 2, "'<NA>'"),
        ([1, '""', 1, 2, 2, 1], 2, "''"),
        ([1.5, 2, 1, 2, 2, 1], 1, "'1.5'"),
        ([1, 2, "inf", 2, 2, 1], 3, "'inf'"),
    ],
)
def test_any_other_half_is_refused_once(tmp_path, values, row, shown):
    with pytest.raises(Exception, match="rlnRandomSubset"):
        table(tmp_path, rlnRandomSubset=values)
    (problem,) = problems_of(tmp_path / "p.star")
    assert (problem.row, problem.column) == (row, "rlnRandomSubset")
    assert shown in problem.detail
    assert "remove the column" in problem.detail


@pytest.mark.parametrize("value", [0, 1, 2, "<NA>"])
def test_one_value_throughout_divides_nothing_and_is_told(tmp_path, value):
    read = table(tmp_path, rlnRandomSubset=[value] * 6)
    assert read.half_sets is None
    (remark,) = told(read)
    assert f"_rlnRandomSubset is '{value}' in every row" in remark


def test_neighbours_on_one_filament_belong_together(tmp_path):
    read = table(tmp_path, rlnHelicalTubeID=[1, 1, 1, 1, 2, 1], **NAMES)
    assert sets(read.groups) == {frozenset({0, 1, 5}), frozenset({2, 3})}
    assert (
        "the particles of a filament (_rlnHelicalTubeID) belong together (2 groups, up to 3 rows)"
        in told(read)[0]
    )
    by_micrograph = table(
        tmp_path, rlnHelicalTubeID=[1] * 6, rlnMicrographName=NAMES["rlnTomoName"]
    )
    assert sets(by_micrograph.groups) == {frozenset({0, 1, 5}), frozenset({2, 3, 4})}
    nameless = table(tmp_path, rlnHelicalTubeID=[1, 2, 1, 2, 3, 4])
    assert sets(nameless.groups) == {frozenset({0, 2}), frozenset({1, 3})}


def test_rows_without_a_filament_stand_alone(tmp_path):
    read = table(tmp_path, rlnHelicalTubeID=[0, 0, "<NA>", "<NA>", 3, 3])
    assert sets(read.groups) == {frozenset({4, 5})}


@pytest.mark.parametrize("name", ["rlnTomoParticleName", "rlnTomoParticleId"])
def test_rows_of_one_particle_belong_together(tmp_path, name):
    read = table(tmp_path, **{name: [7, 7, 7, 8, 8, 9]}, **NAMES)
    assert sets(read.groups) == {frozenset({0, 1}), frozenset({3, 4})}
    assert f"the rows of one particle (_{name})" in told(read)[0]


def test_what_either_column_joins_belongs_together(tmp_path):
    read = table(tmp_path, rlnHelicalTubeID=[1, 1, 2, 2, 0, 0], rlnTomoParticleName=list("abbcde"))
    assert sets(read.groups) == {frozenset({0, 1, 2, 3})}


def test_where_each_row_stands_alone_nothing_is_told(tmp_path):
    read = table(tmp_path, rlnTomoParticleName=list("aabbcc"), rlnTomoName=list("uvuvuv"))
    assert (read.groups, told(read)) == (None, [])


def test_given_halves_that_part_what_belongs_together_are_remarked_on(tmp_path):
    read = table(tmp_path, rlnRandomSubset=[1, 2, 1, 1, 2, 1], rlnHelicalTubeID=[1, 1, 2, 2, 3, 1])
    assert read.half_sets.tolist() == [1, 2, 1, 1, 2, 1]
    assert "parts the particles of a filament" in told(read)[-1]
    assert "(2 groups, up to 3 rows, 1 parted)" in told(read)[-1]


# ---------------------------------------------------------------- a sealed dataset


def add_column(uploaded: Uploaded, name: str, values: list[object]) -> None:
    """Add a last column to the particles' table."""
    lines = uploaded.star.read_text().rstrip("\n").split("\n")
    last = max(i for i, line in enumerate(lines) if line.startswith("_"))
    rows = [f"{line} {value}" for line, value in zip(lines[last + 1 :], values, strict=True)]
    uploaded.star.write_text("\n".join([*lines[: last + 1], f"_{name}", *rows]) + "\n")


def test_a_sealed_dataset_keeps_what_was_told(folder, uploaded):
    add_column(uploaded, "rlnRandomSubset", [1, 1, 2, 1])
    add_column(uploaded, "rlnHelicalTubeID", [1, 1, 2, 3])
    seal(folder, WEDGE)
    told = StackParticles(folder).grouping()
    assert told.halves.tolist() == [0, 0, 1, 0]
    assert sets(told.groups) == {frozenset({0, 1})}
    assert told.tomograms.tolist() == [0, 0, 0, 0]
    assert any("half sets are those of" in remark for remark in read_record(folder).remarks)


def test_a_half_that_is_none_refuses_the_dataset(folder, uploaded):
    add_column(uploaded, "rlnRandomSubset", [1, 1, 2, 0])
    problem = one_problem(folder)
    assert (problem.file, problem.row) == ("particles.star", 4)


def test_of_an_older_dataset_nothing_is_told_and_damage_is(folder, uploaded):
    seal(folder, WEDGE)
    whole = (folder / GROUPING).read_bytes()
    for damaged in (b"no archive", whole[: len(whole) // 2]):
        (folder / GROUPING).write_bytes(damaged)
        with pytest.raises(StorageError, match="is damaged"):
            StackParticles(folder).grouping()
    (folder / GROUPING).unlink()
    assert StackParticles(folder).grouping() is NOTHING_TOLD
