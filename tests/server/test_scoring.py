"""The ``subtomo score`` command on files whose relation is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from subtomo.cli import app
from subtomo_core.fourier.nufft import rotate
from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.score import mirror
from subtomo_core.simulate import asymmetric_blob
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import ParticleRows, write_particles

BOX, VOXEL, COUNT = 24, 4.0, 30
MASS = [asymmetric_blob(60.0, seed=2), asymmetric_blob(60.0, seed=6)]


def score(*arguments: str | Path, code: int = 0) -> str:
    answer = CliRunner().invoke(app, ["score", *map(str, arguments)])
    assert answer.exit_code == code, answer.output
    return answer.output


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """Two true maps; one turned and moved, the other turned and mirrored."""
    folder = tmp_path_factory.mktemp("maps")
    true = [body.density(BOX, VOXEL) for body in MASS]
    turns = random_rotations(np.random.default_rng(4), 2)
    moved = [
        rotate(true[0], turns[0], [1.0, -0.5, 0.25]),
        mirror(rotate(true[1], turns[1], np.zeros(3))),
    ]
    for number in range(2):
        write_volume(folder / f"true_{number}.mrc", true[number], VOXEL)
        write_volume(folder / f"moved_{number}.mrc", moved[number], VOXEL)
    return folder


def table(path, names, classes, rotations, shifts, voxel=VOXEL):
    """A RELION table of poses; shifts in voxels."""
    rows = ParticleRows(
        images=tuple(names),
        classes=classes,
        rotations=rotations,
        shifts=shifts,
        voxel_size=voxel,
        box=BOX,
    )
    write_particles(path, rows)
    return path


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """True poses, and the same after another order, a motion of each class, and errors."""
    folder, rng = tmp_path_factory.mktemp("tables"), np.random.default_rng(7)
    names = [f"p/{n:02d}.mrc" for n in range(COUNT)]
    classes = np.arange(COUNT) % 2
    R, t = random_rotations(rng, COUNT), rng.normal(size=(COUNT, 3))
    table(folder / "true.star", names, classes + 1, R, t)
    free = random_rotations(rng, 2)
    move = rng.normal(size=(2, 3))
    turned = R @ free[classes]
    shifts = t + np.einsum("nij,nj->ni", R, move[classes])
    turned[0] = random_rotations(rng, 1)[0]  # one wrong pose
    found = 1 - classes
    found[1] = 1 - found[1]  # one in the wrong class
    order = rng.permutation(COUNT)[: COUNT - 3]
    order = np.union1d(order, [0, 1])[::-1]
    chosen = [names[i] for i in order] + ["p/unknown.mrc"]
    again = [*order, 2]
    table(folder / "found.star", chosen, found[again] + 1, turned[again], shifts[again])
    return folder, len(order)


def test_maps_find_their_partners_and_mirror_images_are_told(maps):
    files = [maps / "moved_1.mrc", maps / "moved_0.mrc"]
    truths = ["--truth", maps / "true_0.mrc", "--truth", maps / "true_1.mrc"]
    told = json.loads(score(*files, *truths, "--json"))
    first, second = told["maps"]
    assert (first["map"], first["truth"], first["mirrored"]) == ("moved_0.mrc", "true_0.mrc", False)
    assert (second["map"], second["mirrored"]) == ("moved_1.mrc", True)
    assert min(first["r"], second["r"]) > 0.99
    assert first["resolution_05_angstrom"] < 3 * VOXEL
    back = np.array(first["rotation"])
    true = random_rotations(np.random.default_rng(4), 2)[0]
    assert np.allclose(back @ true, np.eye(3), atol=0.01)
    lines = score(*files, *truths)
    assert "moved_1.mrc on true_1.mrc" in lines
    assert "MIRROR IMAGE" in lines
    alone = score(files[1], *truths, "--no-mirror")
    assert "true_1.mrc: stands alone" in alone
    assert "MIRROR" not in alone


def test_poses_are_compared_up_to_the_motion_and_number_of_a_class(tables):
    folder, common = tables
    given = ["--poses", folder / "found.star", "--true-poses", folder / "true.star"]
    poses = json.loads(score(*given, "--json"))["poses"]
    assert (poses["particles"], poses["left_out"]) == (common, [1, COUNT - common])
    assert [(c["true_class"], c["class"]) for c in poses["classes"]] == [(1, 2), (2, 1)]
    first, second = poses["classes"]
    assert first["within_deg"]["10"] == pytest.approx(1.0 - 1.0 / first["particles"])
    assert second["within_deg"]["10"] == 1.0
    assert second["median_deg"] < 0.01
    assert second["median_angstrom"] < 0.01
    assert second["f1"] < 1.0
    assert poses["purity"] == pytest.approx(1.0 - 1.0 / common)
    lines = score(*given)
    assert f"poses: {common} particles in both tables (1 and {COUNT - common}" in lines
    assert "class 2 stands for true class 1" in lines


def test_poses_agree_modulo_the_point_group(tmp_path):
    rng = np.random.default_rng(3)
    names, ones = [f"{n}.mrc" for n in range(12)], np.ones(12, np.int64)
    R, still = random_rotations(rng, 12), np.zeros((12, 3))
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    turned = np.stack([r @ np.linalg.matrix_power(quarter, n) for n, r in enumerate(R)])
    true = table(tmp_path / "true.star", names, ones, R, still)
    found = table(tmp_path / "found.star", names, ones, turned, still)
    both = ["--poses", found, "--true-poses", true, "--json"]
    plain = json.loads(score(*both))["poses"]["classes"][0]
    assert plain["within_deg"]["20"] <= 0.5
    modulo = json.loads(score(*both, "--symmetry", "C4"))["poses"]["classes"][0]
    assert modulo["within_deg"]["10"] == 1.0


def test_the_page_holds_all_lines_and_a_plot_of_each_kind(maps, tables, tmp_path):
    page = tmp_path / "score.html"
    lines = score(
        *(maps / "moved_0.mrc", "--truth", maps / "true_0.mrc"),
        *("--poses", tables[0] / "found.star", "--true-poses", tables[0] / "true.star"),
        *("--page", page),
    )
    text = page.read_text()
    assert all(line.strip() in text for line in lines.splitlines())
    assert text.count("<svg") == 2
    assert "<?xml" not in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "nothing to compare: give maps with --truth, or --poses with --true-poses"),
        (["{maps}/true_0.mrc"], "give both: maps to judge, and --truth to judge them by"),
        (["--poses", "{tables}/true.star"], "give both: --poses to judge, and --true-poses"),
        (
            ["{maps}/true_0.mrc", "--truth", "{other}/small.mrc"],
            "small.mrc has a box of 16 voxels, true_0.mrc one of 24: crop or pad one of them",
        ),
        (
            ["{maps}/true_0.mrc", "--truth", "{other}/coarse.mrc"],
            "coarse.mrc has voxels of 5 Å, true_0.mrc of 4 Å: resample one, or say --voxel-size",
        ),
        (
            ["--poses", "{other}/others.star", "--true-poses", "{tables}/true.star"],
            "no particle of others.star is named in true.star (rlnImageName): their folders differ",
        ),
        (
            ["--poses", "{other}/twice.star", "--true-poses", "{tables}/true.star"],
            "twice.star: rows 1 and 2 name the same particle, p/00.mrc: leave one out",
        ),
        (
            ["--poses", "{tables}/found.star", "--true-poses", "{tables}/true.star"]
            + ["--symmetry", "C2"] * 3,
            "3 symmetries were given for 2 true classes: give one, or one for each",
        ),
        (["{other}/nothing.mrc", "--truth", "{maps}/true_0.mrc"], "nothing.mrc"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    arguments, sentence, maps, tables, tmp_path
):
    write_volume(tmp_path / "small.mrc", np.ones((16, 16, 16), np.float32), VOXEL)
    write_volume(tmp_path / "coarse.mrc", np.ones((BOX, BOX, BOX), np.float32), 5.0)
    pose = {"classes": np.ones(2, np.int64), "rotations": np.tile(np.eye(3), (2, 1, 1))}
    for name, images in (
        ("others.star", ["q/00.mrc", "q/01.mrc"]),
        ("twice.star", ["p/00.mrc", "p/00.mrc"]),
    ):
        table(tmp_path / name, images, **pose, shifts=np.zeros((2, 3)))
    places = {"maps": maps, "tables": tables[0], "other": tmp_path}
    told = score(*(a.format(**places) for a in arguments), code=1)
    assert sentence in told
    assert "Traceback" not in told
