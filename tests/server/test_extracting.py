"""The command `subtomo extract`, as a person at a shell meets it."""

import numpy as np
import pytest
from typer.testing import CliRunner

from subtomo.cli import app
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import read_particles


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    density = np.random.default_rng(0).normal(size=(40, 40, 40)).astype(np.float32)
    write_volume(tmp_path / "TS_1.mrc", density, 5.0)
    (tmp_path / "picks.txt").write_text("20 20 20\n21 18.4 20\n2 20 20\n")
    return tmp_path


def called(*arguments):
    done = CliRunner().invoke(app, ["extract", "picks.txt", "--to", "out", *arguments])
    return done.exit_code, done.output


def test_it_writes_what_push_takes_and_says_how(folder):
    status, output = called("--tomograms", ".", "--box", "8", "--bin", "2")
    assert status == 0
    assert "left out, for their boxes lie not all within their tomograms: picks.txt row 3" in output
    assert "2 subtomograms of 8 voxels of 10 Å" in output
    assert "subtomo push out/particles.star" in output
    assert len(read_particles(folder / "out" / "particles.star")) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tomograms", ".", "--box", "9"], "--box 9 is odd"),
        (["--tomograms", "none.mrc", "--box", "8"], "none.mrc: there is no such file"),
        (["--tomograms", ".", "--box", "48"], "picks.txt, row 1: its box of 48 voxels about"),
    ],
)
def test_what_is_wrong_is_one_sentence(arguments, told, folder):
    status, output = called(*arguments)
    assert status == 1
    assert told in output
    assert "Traceback" not in output
    assert not (folder / "out").exists()


def test_a_folder_that_is_there_is_left_alone(folder):
    (folder / "out").mkdir()
    status, output = called("--tomograms", ".", "--box", "8")
    assert status == 1
    assert "out" in output
