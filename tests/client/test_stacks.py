"""Stacks of tilt images: the tables lead to each other, and all of them are sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from subtomo.errors import InvalidInput
from subtomo.stacks import holds_stacks
from subtomo.transfer import outgoing

GENERAL = "data_general\n_rlnTomoSubTomosAre2DStacks {}\n"
PARTICLES = (
    "data_particles\nloop_\n_rlnTomoName #1\n_rlnImageName #2\n_rlnTomoVisibleFrames #3\n"
    "TS_1 {0}Subtomograms/1_stack2d.mrcs [1,0]\n"
)
TOMOGRAMS = (
    "data_global\nloop_\n_rlnTomoName #1\n_rlnTomoTiltSeriesStarFile #2\n"
    "TS_1 {0}tilt_series/TS_1.star\n"
)
SET = "data_\n_rlnTomoParticlesFile {}\n_rlnTomoTomogramsFile {}\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def beside(tmp_path):
    """Particles, tomograms and all that they name in one folder."""
    write(tmp_path / "Subtomograms/1_stack2d.mrcs", "x")
    write(tmp_path / "tilt_series/TS_1.star", "data_TS_1\n")
    write(tmp_path / "tomograms.star", TOMOGRAMS.format(""))
    return write(tmp_path / "particles.star", GENERAL.format(1) + PARTICLES.format(""))


def sent(*arguments) -> list[str]:
    return [file.name for file in outgoing(*arguments)]


ALL = [
    "Subtomograms/1_stack2d.mrcs",
    "particles.star",
    "tilt_series/TS_1.star",
    "tomograms.star",
]


def test_particles_are_sent_with_the_tomograms_beside_them(beside):
    assert sent(beside) == ALL


def test_an_optimisation_set_leads_to_all(beside):
    leading = write(beside.parent / "set.star", SET.format("particles.star", "tomograms.star"))
    assert sent(leading) == [*ALL, "set.star"]


def test_names_from_the_project_folder_are_kept(tmp_path):
    """RELION names files from its project's folder, above those of its jobs."""
    job, other = "Extract/job010/", "Tomograms/job009/"
    write(tmp_path / job / "Subtomograms/1_stack2d.mrcs", "x")
    write(tmp_path / other / "tilt_series/TS_1.star", "data_TS_1\n")
    write(tmp_path / other / "tomograms.star", TOMOGRAMS.format(other))
    star = write(tmp_path / job / "particles.star", GENERAL.format(1) + PARTICLES.format(job))
    said = SET.format(f"{job}particles.star", f"{other}tomograms.star")
    leading = write(tmp_path / job / "optimisation_set.star", said)
    expected = [
        f"{job}Subtomograms/1_stack2d.mrcs",
        f"{job}particles.star",
        f"{other}tilt_series/TS_1.star",
        f"{other}tomograms.star",
        "optimisation_set.star",
    ]
    assert sent(leading) == expected
    # The set beside the particles tells their tomograms; they can be named as well.
    alone = [expected[0], "particles.star", expected[2], "tomograms.star"]
    assert sent(star) == alone
    leading.unlink()
    assert sent(star, tmp_path / other / "tomograms.star") == alone


def test_the_set_of_other_particles_chooses_nothing(beside):
    write(beside.parent / "other.star", GENERAL.format(1) + PARTICLES.format(""))
    write(beside.parent / "other_tomograms.star", TOMOGRAMS.format(""))
    write(beside.parent / "set.star", SET.format("other.star", "other_tomograms.star"))
    write(beside.parent / "gone.star", SET.format("gone_particles.star", "tomograms.star"))
    with pytest.raises(InvalidInput, match="2 tables of tomograms lie beside it"):
        outgoing(beside)
    write(beside.parent / "mine.star", SET.format("particles.star", "tomograms.star"))
    assert sent(beside) == ALL


def test_tomograms_that_are_nowhere_are_asked_for(beside):
    (beside.parent / "tomograms.star").unlink()
    with pytest.raises(InvalidInput, match="no table of tomograms lies beside it: name it by"):
        outgoing(beside)
    with pytest.raises(InvalidInput, match=r"There is no file .*else\.star"):
        outgoing(beside, beside.parent / "else.star")


def test_a_tilt_series_that_is_not_there_is_named(beside):
    (beside.parent / "tilt_series/TS_1.star").unlink()
    with pytest.raises(InvalidInput, match="row 1, rlnTomoTiltSeriesStarFile: tilt_series/TS_1"):
        outgoing(beside)


def test_a_set_names_its_own_tomograms(beside):
    leading = write(beside.parent / "set.star", SET.format("particles.star", "tomograms.star"))
    with pytest.raises(InvalidInput, match="leave --tomograms out"):
        outgoing(leading, beside.parent / "tomograms.star")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GENERAL.format(1) + PARTICLES.format(""), True),
        (PARTICLES.format(""), True),
        (GENERAL.format("0") + PARTICLES.format(""), False),
        (GENERAL.format("0.0") + PARTICLES.format(""), False),
        (SET.format("a.star", "b.star"), True),
        (TOMOGRAMS.format(""), False),
        ("data_\nloop_\n_rlnImageName #1\na.mrc\n", False),
    ],
)
def test_stacks_are_told_from_volumes(text, expected, tmp_path):
    assert holds_stacks(write(tmp_path / "p.star", text)) is expected
