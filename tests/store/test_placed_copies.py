"""Where particles lie in their tomograms, and the scripts that show them there."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.orientation.rotations import angular_distance, random_rotations, relion_angles
from subtomo_store.formats.chimerax import Copies, artiax_script, chimerax_script
from subtomo_store.formats.result_table import read_result

BOX, VOXEL = 24, 8.0


def table_of(tmp_path, text, pixel_size=None):
    path = tmp_path / "p.star"
    path.write_text(text)
    count = len([line for line in text.splitlines() if line.startswith("p.mrc")])
    return read_result(path, VOXEL, np.ones(count, np.bool_), pixel_size)


def star(columns, rows, optics=""):
    names = ["rlnImageName", "rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnClassNumber"]
    names += ["rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginZAngst", *columns]
    head = "".join(f"_{name}\n" for name in names)
    body = "".join(f"p.mrc 10 20 30 1 8 -16 24 {row}\n" for row in rows)
    return f"{optics}\ndata_particles\n\nloop_\n{head}{body}"


def optics_of(*sizes):
    rows = "".join(f"{n} {size}\n" for n, size in enumerate(sizes, 1))
    return f"data_optics\n\nloop_\n_rlnOpticsGroup\n_rlnTomoTiltSeriesPixelSize\n{rows}"


PLACES = ("rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ")


def test_coordinates_are_in_voxels_of_the_boxes_unless_a_size_is_told(tmp_path):
    rows = ["10 20 30"]
    shift = np.array([-8.0, 16.0, -24.0])
    found = table_of(tmp_path, star(PLACES, rows)).centred()
    assert np.allclose(found.centres, VOXEL * np.array([[10, 20, 30]]) + shift)
    found = table_of(tmp_path, star(PLACES, rows, optics_of(2.5))).centred()
    assert np.allclose(found.centres, 2.5 * np.array([[10, 20, 30]]) + shift)
    found = table_of(tmp_path, star(PLACES, rows, optics_of(2.5)), pixel_size=4.0).centred()
    assert np.allclose(found.centres, 4.0 * np.array([[10, 20, 30]]) + shift)


def test_each_row_has_the_tilt_pixel_of_its_optics_group(tmp_path):
    text = star((*PLACES, "rlnOpticsGroup"), ["1 1 1 2", "1 1 1 1"], optics_of(2.0, 3.0))
    table = table_of(tmp_path, text)
    assert np.allclose(table.places.centres[:, 0], [3.0, 2.0])


def test_relion_5_counts_from_the_centre_in_angstrom(tmp_path):
    names = [f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]
    table = table_of(tmp_path, star(names, ["-100 0 50.5"]))
    assert table.places.from_centre
    assert np.allclose(table.centred().centres, [[-108.0, 16.0, 26.5]])


def test_a_box_that_was_cut_out_turned_turns_shift_and_pose(tmp_path):
    turn = random_rotations(np.random.default_rng(0), 1)
    angles = " ".join(f"{a:.8f}" for a in relion_angles(turn)[0])
    names = [*PLACES, *(f"rlnTomoSubtomogram{part}" for part in ("Rot", "Tilt", "Psi"))]
    table = table_of(tmp_path, star(names, [f"10 20 30 {angles}"]))
    found = table.centred()
    expected = VOXEL * np.array([10, 20, 30]) + turn[0] @ [-8.0, 16.0, -24.0]
    assert np.allclose(found.centres[0], expected, atol=1e-4)
    assert angular_distance(found.rotations, turn @ table.rotations).max() < 1e-4


@pytest.mark.parametrize("rows", [["10 20 none"], ["10 20 nan"]])
def test_a_place_which_is_no_number_is_no_place(tmp_path, rows):
    assert table_of(tmp_path, star(PLACES, rows)).places is None


# ---------------------------------------------------------------- scripts


@pytest.fixture
def copies():
    rng = np.random.default_rng(1)
    classes = np.array([2, 1, 2, 2])
    places = rng.uniform(0, 900, (4, 3))
    return Copies("TS 01", classes, random_rotations(rng, 4), places, False, BOX, VOXEL)


def test_each_copy_of_the_script_lies_where_its_particle_does(copies):
    """A point x of an average, in the map's own frame, comes to ``R (x - c) + P``."""
    lines = chimerax_script(copies, ["class 1.mrc", "class_2.mrc"]).splitlines()
    opened = [line for line in lines if line.startswith("open ")]
    assert opened == ['open "class 1.mrc"', "open class_2.mrc"]
    copied = [line for line in lines if line.startswith("volume copy")]
    moved = [line.removeprefix("view matrix models #") for line in lines if "matrix" in line]
    order = [1, 0, 2, 3]  # class after class
    assert [line.split()[2] for line in copied] == ["#1", "#2", "#2", "#2"]
    for said, place, row in zip(copied, moved, order, strict=True):
        model, *values = place.split(",")
        assert said.endswith(f" modelId #{model}")
        matrix = np.array(values, float).reshape(3, 4)
        middle = np.full(3, BOX // 2 * VOXEL)
        for point in (middle, middle + np.array([8.0, -16.0, 40.0])):
            there = copies.rotations[row] @ (point - middle) + copies.centres[row]
            assert np.allclose(matrix[:, :3] @ point + matrix[:, 3], there, atol=1e-3)


def test_artiax_gets_a_list_and_a_map_for_each_class_that_has_a_copy(copies):
    maps, lists = ["c1.mrc", "c2.mrc"], ["l1.star", "l2.star"]
    lines = artiax_script(copies, maps, lists).splitlines()
    assert [line for line in lines if line[0] != "#"] == [
        "artiax start",
        "open l1.star format relion",
        "artiax particles #1.2.1 originScaleFactor 8",
        "open l2.star format relion",
        "artiax particles #1.2.2 originScaleFactor 8",
        "open c1.mrc",
        "artiax attach #2 toParticleList #1.2.1",
        "artiax show #1.2.1 surfaces",
        "open c2.mrc",
        "artiax attach #3 toParticleList #1.2.2",
        "artiax show #1.2.2 surfaces",
    ]
