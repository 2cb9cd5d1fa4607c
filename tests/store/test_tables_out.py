"""Tables of other programs, written and read back: the same poses, and the same map."""

from __future__ import annotations

import io
from dataclasses import replace

import dynamotable
import numpy as np
import pytest
import starfile

from subtomo_core.errors import InputError
from subtomo_core.orientation.rotations import angular_distance, random_rotations
from subtomo_core.spec.missing_region import Complete, Cone, Wedge
from subtomo_store.formats.dynamo import read_dynamo
from subtomo_store.formats.dynamo_write import write_dynamo, write_table_map
from subtomo_store.formats.particle_table import ImageName
from subtomo_store.formats.result_table import numbers_of, tomogram_numbers
from subtomo_store.formats.stopgap_write import write_motive_list
from support.rebuilding import about_x, about_z, alike, rebuilt
from support.results import known_result

WEDGE = Wedge(tilt_min_deg=-60, tilt_max_deg=50)
SINGLE = 1e-4  # degrees, voxels: what six decimals leave


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return known_result(tmp_path_factory.mktemp("known"))


@pytest.fixture
def turned(known):
    """The same in boxes that were cut out turned."""
    boxes = random_rotations(np.random.default_rng(7), len(known.table))
    return replace(known.table, places=known.table.places._replace(boxes=boxes))


def dynamo(path, table, missing=WEDGE, **how):
    with path.open("wb") as file:
        write_dynamo(file, table, missing, **how)
    return read_dynamo(path, path.name)


def stopgap(path, table, **how):
    with path.open("wb") as file:
        write_motive_list(file, table, **how)
    return starfile.read(path)


# ---------------------------------------------------------------- Dynamo


def test_a_dynamo_table_is_read_back_with_the_same_poses(known, tmp_path):
    found = dynamo(tmp_path / "p.tbl", known.table)
    truth = known.simulation.truth
    assert angular_distance(found.rotations, truth.rotations).max() < SINGLE
    assert np.abs(found.shifts - truth.shifts).max() < SINGLE
    assert found.tags.tolist() == list(range(3, 13))
    assert found.classes.tolist() == (truth.classes + 1).tolist()
    assert np.abs(found.coordinates - known.coordinates).max() < SINGLE
    assert found.tomograms == ("1",) * 7 + ("2",) * 3
    assert (found.voxel_sizes == known.table.voxel_size).all()
    assert found.tilts.tolist() == [[-60, 50]] * 10
    assert found.kinds.tolist() == [1] * 10


def test_another_reader_reads_the_dynamo_table(known, tmp_path):
    dynamo(tmp_path / "p.tbl", known.table)
    table = dynamotable.read(tmp_path / "p.tbl")
    assert np.allclose(table["cc"], np.linspace(0.2, 0.9, 10), atol=1e-6)
    assert (table["aligned_value"] == 1).all()
    assert (table["averaged_value"] == 1).all()


def test_a_map_is_rebuilt_from_the_dynamo_table(known, tmp_path):
    """By Dynamo's documentation in words: clockwise about z, the new x, the new z."""
    dynamo(tmp_path / "p.tbl", known.table)
    rows = np.loadtxt(tmp_path / "p.tbl")
    rotations = np.array([about_z(-a) @ about_x(-b) @ about_z(-c) for a, b, c in rows[:, 6:9]])
    made = rebuilt(known.volumes, rotations, rows[:, 3:6])
    truth = known.simulation.truth.maps[0]
    assert alike(made, truth) > 0.99
    wrong = rebuilt(known.volumes, np.swapaxes(rotations, 1, 2), rows[:, 3:6])
    assert alike(wrong, truth) < 0.9


def test_junk_is_not_averaged(known, tmp_path):
    counted = np.arange(10) != 4
    found = dynamo(tmp_path / "p.tbl", replace(known.table, counted=counted))
    assert found.flags["averaged_value"].tolist() == counted.tolist()
    assert found.flags["aligned_value"].all()


@pytest.mark.parametrize("missing", [Complete(), Cone(half_angle_deg=30.0)])
def test_a_region_which_a_dynamo_table_cannot_tell_is_left_at_0(known, tmp_path, missing):
    found = dynamo(tmp_path / "p.tbl", known.table, missing)
    assert not found.tilts.any()
    assert not found.kinds.any()


# ---------------------------------------------------------------- STOPGAP


def test_a_map_is_rebuilt_from_the_motive_list(known, tmp_path):
    """By ``sg_euler2matrix``: phi about z, then the about x, then psi about z."""
    motl = stopgap(tmp_path / "m.star", known.table)
    angles = motl[["phi", "psi", "the"]].to_numpy(float)
    rotations = np.array([about_z(psi) @ about_x(the) @ about_z(phi) for phi, psi, the in angles])
    shifts = motl[["x_shift", "y_shift", "z_shift"]].to_numpy(float)
    truth = known.simulation.truth
    assert angular_distance(rotations, truth.rotations).max() < SINGLE
    assert np.abs(shifts - truth.shifts).max() < SINGLE
    assert alike(rebuilt(known.volumes, rotations, shifts), truth.maps[0]) > 0.99
    assert motl["halfset"].tolist() == ["A", "B"] * 5
    assert motl["subtomo_num"].tolist() == list(range(3, 13))
    assert motl["tomo_num"].tolist() == [1] * 7 + [2] * 3
    assert motl["motl_idx"].tolist() == list(range(1, 11))
    assert motl["class"].tolist() == (truth.classes + 1).tolist()


def test_without_half_sets_all_are_a(known, tmp_path):
    motl = stopgap(tmp_path / "m.star", replace(known.table, half_sets=None))
    assert set(motl["halfset"]) == {"A"}


# ---------------------------------------------------------------- places


def test_recentred_tables_tell_where_particles_are(turned, tmp_path):
    """``box + R_box t`` in the tomogram, whatever is whole and what is left."""
    boxes, table = turned.places.boxes, turned
    expected = table.places.centres / table.voxel_size + np.stack(
        [box @ t for box, t in zip(boxes, table.shifts, strict=True)]
    )
    found = dynamo(tmp_path / "p.tbl", table, recentred=True)
    assert np.abs(found.coordinates + found.shifts - expected).max() < SINGLE
    assert np.abs(found.shifts).max() <= 0.5
    assert (found.coordinates == np.rint(found.coordinates)).all()
    assert angular_distance(found.rotations, boxes @ table.rotations).max() < SINGLE
    motl = stopgap(tmp_path / "m.star", table, recentred=True)
    places = motl[["orig_x", "orig_y", "orig_z"]].to_numpy(float)
    shifts = motl[["x_shift", "y_shift", "z_shift"]].to_numpy(float)
    assert np.abs(places + shifts - expected).max() < SINGLE


def test_recentring_asks_for_coordinates(known, tmp_path):
    with pytest.raises(InputError, match="has no coordinates"):
        dynamo(tmp_path / "p.tbl", replace(known.table, places=None), recentred=True)
    centred = replace(known.table, places=known.table.places._replace(from_centre=True))
    with pytest.raises(InputError, match="count from the centres of tomograms"):
        stopgap(tmp_path / "m.star", centred, recentred=True)
    assert not dynamo(tmp_path / "p.tbl", centred).coordinates


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["particle_00007.em", "particle_00002.em"], [7, 2]),
        (["a/sub_3.mrc", "b/sub_3.mrc"], [1, 2]),
        (["x.mrc", "sub_3.mrc"], [1, 2]),
        (["000004@s_9.mrcs", "000002@s_9.mrcs"], [1, 2]),
        (["p0.mrc", "p1.mrc"], [1, 2]),
        (["p5.mrc", "p4.mrc"], [5, 4]),
    ],
)
def test_particles_have_the_numbers_of_their_files_or_rows(names, numbers):
    assert numbers_of([ImageName.parse(name) for name in names]).tolist() == numbers


def test_tomograms_have_their_own_numbers_or_the_order(known):
    assert tomogram_numbers(["12", "3", "12"]) == {"12": 12, "3": 3}
    assert tomogram_numbers(["TS_12", "3"]) == {"TS_12": 1, "3": 2}
    target = io.BytesIO()
    write_table_map(target, known.table)
    assert target.getvalue() == b"1 TS_01\n2 TS_02\n"
