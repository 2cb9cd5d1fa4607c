"""The ``subtomo score`` command with the particles themselves, and on maps alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from subtomo.cli import app
from subtomo_core.fourier.nufft import rotate
from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.simulate import helix, symmetric_phantom
from subtomo_store.formats.mrc import write_volume

COUNT = 14


def run(*arguments: str | Path, code: int = 0) -> str:
    answer = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert answer.exit_code == code, answer.output
    assert "Traceback" not in answer.output
    return answer.output


def score(*arguments: str | Path, code: int = 0) -> str:
    return run("score", *arguments, code=code)


@pytest.fixture(scope="module")
def direct(tmp_path_factory):
    """Two structures behind a wedge, and junk."""
    folder = tmp_path_factory.mktemp("direct") / "made"
    bodies = ("--structure", "blob:3", "--structure", "complex:C3", "--count", str(COUNT))
    size = ("--box", "24", "--snr", "0.3", "--junk", "3", "--seed", "2")
    run("simulate", folder, *bodies, *size)
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """One structure in images, 21 in each series."""
    folder = tmp_path_factory.mktemp("images") / "made"
    kind = ("--form", "images", "--tilt-step", "6", "--count", str(COUNT), "--snr", "1")
    run("simulate", folder, "--structure", "blob:3", "--box", "24", *kind)
    return folder


def judged(folder):
    """Options for maps and poses of two structures."""
    truths = [("--truth", folder / f"true_{k}.mrc") for k in (1, 2)]
    true = ("--true-poses", folder / "true_poses.star")
    return [*truths[0], *truths[1], *true, "--particles", folder / "direct" / "particles.star"]


@pytest.mark.slow
def test_oracle_ceiling_and_snr_are_told_for_each_map(direct, tmp_path):
    page = tmp_path / "page.html"
    wedge = ("--tilt", "-60", "60")
    told = json.loads(score(direct / "true_2.mrc", *judged(direct), *wedge, "--json"))
    (only,) = told["maps"]
    assert (only["truth"], told["left"][0]["truth"]) == ("true_2.mrc", "true_1.mrc")
    for limits in (only, told["left"][0]):
        oracle, ceiling = limits["oracle"], limits["ceiling"]
        assert oracle["r"] < ceiling["r"] < 1.0
        assert 12.0 < ceiling["resolution_05_angstrom"] < 60.0
        assert len(ceiling["fsc"]) == len(oracle["fsc"]) == 13
    ratio = only["resolution_05_angstrom"] / only["ceiling"]["resolution_05_angstrom"]
    assert only["ratio_to_ceiling"] == pytest.approx(ratio)
    assert ratio < 1.0  # the truth itself is finer than what its particles give
    particles = told["particles"]
    assert (particles["particles"], particles["junk"]) == (2 * COUNT, 3)
    for found in particles["classes"]:
        snr = found["snr"]
        assert (found["particles"], snr["of"], snr["image"]) == (COUNT, "volume", None)
        assert snr["value"] == pytest.approx(0.3, abs=4 * snr["error"] + 0.02)
        assert snr["error"] < 0.1
    lines = score(direct / "true_2.mrc", *judged(direct), *wedge, "--pairs", "0", "--page", page)
    assert "true_2.mrc on true_2.mrc: r 1.000" in lines
    assert "ceiling, what this program averages at them: r 0." in lines
    assert "times the ceiling's" in lines
    assert "SNR" not in lines
    text = page.read_text()
    assert text.count("<svg") == 1
    assert all(
        f"{title} on true_{k}.mrc" in text for title in ("oracle", "ceiling") for k in (1, 2)
    )


def test_sums_with_weights_tell_the_snr_of_their_images(images, tmp_path):
    star, page = images / "sums" / "particles.star", tmp_path / "page.html"
    true = ("--true-poses", images / "true_poses.star", "--particles", star)
    given = (*true, "--missing-from-weights", "--images", "21", "--page", page)
    (found,) = json.loads(score(*given, "--json"))["particles"]["classes"]
    snr = found["snr"]
    assert snr["of"] == "sum with weights"
    assert snr["image"] == pytest.approx(snr["value"] * 24 / 21)
    # A small box smears the weights of its lowest shells, where the signal is: a fifth.
    assert snr["image"] == pytest.approx(1.0, abs=4 * snr["image_error"] + 0.2)
    assert page.read_text().count("<svg") == 1
    assert "SNR of a sum with weights" in score(*given)


def test_poses_which_were_found_are_taken_where_none_are_true(direct, tmp_path):
    found = shutil.copy(direct / "true_poses.star", tmp_path / "found.star")
    star = direct / "direct" / "particles.star"
    told = score("--poses", found, "--particles", star, "--tilt", "-60", "60")
    assert "class 1: 14 particles, SNR of a volume" in told
    assert "poses which were found in these particles make their SNR too high" in told


def test_names_which_are_absolute_are_found_as_push_finds_them(direct, tmp_path):
    lines = (direct / "direct" / "particles.star").read_text().splitlines()
    folder = f"{direct / 'direct'}/particles/"
    star, true = tmp_path / "absolute.star", tmp_path / "true.star"
    star.write_text("\n".join(line.replace("particles/", folder) for line in lines) + "\n")
    text = (direct / "true_poses.star").read_text()
    true.write_text(text.replace("particles/", folder))
    told = score(
        *("--true-poses", true, "--particles", star, "--tilt", "-60", "60", "--pairs", "0")
    )
    assert "particles: 28 of absolute.star with their poses in true.star" in told


def test_a_map_alone_tells_its_rotational_symmetry(tmp_path):
    complex_, loose, page = tmp_path / "c5.mrc", tmp_path / "helix.mrc", tmp_path / "page.html"
    write_volume(complex_, symmetric_phantom("C5", 120.0).density(32, 5.0), 5.0)
    write_volume(loose, helix().density(36, 5.0), 5.0)
    asked = ("--rotational-symmetry", "--highest-order", "12")
    told = json.loads(score(complex_, loose, *asked, "--json"))["rotational_symmetry"]
    assert [(found["map"], found["order"]) for found in told] == [("c5.mrc", 5), ("helix.mrc", 1)]
    assert told[0]["strength"][5 - 2] > 0.98
    assert told[0]["orders"] == list(range(2, 13))
    lines = score(complex_, *asked, "--page", page)
    assert "c5.mrc about 0 0 1: 5-fold symmetry stands out" in lines
    assert page.read_text().count("<svg") == 1
    across = score(complex_, *asked, "--axis", "1", "0", "0")
    assert "5-fold" not in across


def test_a_map_is_turned_where_it_lies_on_the_true_one(tmp_path):
    body = symmetric_phantom("C5", 120.0).density(32, 5.0)
    write_volume(tmp_path / "true.mrc", body, 5.0)
    (turn,) = random_rotations(np.random.default_rng(1), 1)
    write_volume(tmp_path / "map.mrc", rotate(body, turn), 5.0)
    asked = ("--rotational-symmetry", "--highest-order", "12")
    assert "5-fold" not in score(tmp_path / "map.mrc", *asked)
    told = score(tmp_path / "map.mrc", "--truth", tmp_path / "true.mrc", *asked)
    assert "map.mrc on true.mrc about 0 0 1: 5-fold symmetry stands out" in told


WEDGE = ["--tilt", "-60", "60"]
KNOWN = ["--true-poses", "{made}/true_poses.star", "--particles", "{made}/direct/particles.star"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--particles", "{made}/direct/particles.star", *WEDGE], "--particles needs poses"),
        (KNOWN, "Say which part of Fourier space is missing"),
        ([*KNOWN, "--tilt", "60", "-60"], "the tilt range is upside down"),
        ([*KNOWN, "--cone", "140"], "'half_angle_deg' must be below 90, got 140"),
        ([*KNOWN, *WEDGE, "--images", "41"], "--images goes with --missing-from-weights"),
        ([*KNOWN, *WEDGE, "--imposed"], "--imposed tells of the ceiling: give --particles"),
        (
            [*KNOWN, *WEDGE, "--truth", "{made}/true_1.mrc"],
            "1 --truth for the 2 classes of true_poses.star: give one for each, in this order: "
            "1, 2",
        ),
        (
            [*KNOWN, *WEDGE, *["--truth", "{other}/small.mrc"] * 2],
            "small.mrc has a box of 16 voxels, the particles of particles.star one of 24",
        ),
        ([*KNOWN, "--missing-from-weights"], "_rlnCtfImage is missing"),
        (
            ["--true-poses", "{made}/true_poses.star", "--particles", "{other}/nowhere.star"],
            "Say which part of Fourier space is missing",
        ),
        (
            ["--true-poses", "{made}/true_poses.star", "--particles", "{other}/none.star", *WEDGE],
            "There is no file or folder",
        ),
        (
            [*KNOWN[:2], "--poses", "{made}/true_poses.star", *WEDGE],
            "tell of particles: give --particles too, or leave them out",
        ),
        ([*KNOWN[:2], "--poses", "{made}/true_poses.star", "--pairs", "9"], "give --particles"),
        (
            ["{made}/true_1.mrc", "--truth", "{made}/true_1.mrc", "--axis", "1", "0", "0"],
            "--axis and --highest-order go with --rotational-symmetry",
        ),
        (["{made}/true_1.mrc"], "--rotational-symmetry needs maps alone"),
        (
            ["{made}/true_1.mrc", "--rotational-symmetry", "--axis", "0", "0", "0"],
            "an axis is a direction x, y, z",
        ),
        (
            ["{made}/true_1.mrc", "--rotational-symmetry", "--highest-order", "90"],
            "a box of 24 voxels tells orders from 2 to",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_sentence(arguments, sentence, direct, tmp_path):
    write_volume(tmp_path / "small.mrc", symmetric_phantom("C2").density(16, 6.0), 6.0)
    places = {"made": direct, "other": tmp_path}
    assert sentence in score(*(a.format(**places) for a in arguments), code=1)
