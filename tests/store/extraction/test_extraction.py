"""A list of any program and its tomograms give particles at the poses that the list tells."""

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.fourier.binning import binned
from subtomo_core.simulate import asymmetric_blob
from subtomo_store.extraction.boxes import BoxSize
from subtomo_store.extraction.extract import Extraction, extract
from subtomo_store.extraction.tomograms import Tomograms
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import read_particles
from subtomo_store.formats.volumes import FileVolumes
from support.dynamo import write_table
from support.motive_lists import write_av3, write_stopgap
from support.rebuilding import alike, rebuilt
from support.tomograms import (
    SHAPE,
    VOXEL,
    angle_columns,
    place_columns,
    scene,
    write_copick,
    write_portal,
    write_star,
    write_tomograms,
)

MADE = scene()
BOX = 20
MIDDLE = np.array(SHAPE[::-1]) // 2


def relion_5(folder):
    columns = {"rlnTomoName": MADE.tomograms}
    columns |= place_columns("rlnCenteredCoordinate{}Angst", (MADE.places - MIDDLE) * VOXEL)
    write_star(folder / "particles.star", columns | angle_columns(MADE))
    return [folder / "particles.star"]


def relion_5_refined_in_turned_boxes(folder):
    """Boxes turned by Ry(90), poses and origins within them."""
    turn = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # box to tomogram
    origin = np.array([6.0, -4.0, 2.0])  # moves the particle back by so much
    places = (MADE.places - MIDDLE) * VOXEL + turn @ origin
    inner = scene().__class__(MADE.body, MADE.places, turn.T @ MADE.rotations, MADE.tomograms)
    columns = {"rlnTomoName": MADE.tomograms}
    columns |= place_columns("rlnCenteredCoordinate{}Angst", places) | angle_columns(inner)
    columns |= place_columns("rlnOrigin{}Angst", np.tile(origin, (8, 1)))
    # The inverse of box to tomogram is Ry(-90): rot 0, tilt -90, psi 0.
    for name, value in (("Rot", 0), ("Tilt", -90), ("Psi", 0)):
        columns[f"rlnTomoSubtomogram{name}"] = [value] * 8
    write_star(folder / "run_data.star", columns)
    return [folder / "run_data.star"]


def relion_4(folder):
    """Places in pixels of the tilt series, which are half as large."""
    columns = {"rlnTomoName": MADE.tomograms, "rlnOpticsGroup": [1] * 8}
    columns |= place_columns("rlnCoordinate{}", MADE.places * 2.0) | angle_columns(MADE)
    optics = {"rlnOpticsGroup": 1, "rlnTomoTiltSeriesPixelSize": VOXEL / 2}
    write_star(folder / "picks.star", columns, optics)
    return [folder / "picks.star"]


def pytom_match_pick(folder):
    """As its documentation shows the header, one list for each tomogram."""
    paths = []
    for name in ("TS_01", "TS_02"):
        here = np.array(MADE.tomograms) == name
        part = scene().__class__(MADE.body, MADE.places[here], MADE.rotations[here], [name] * 4)
        columns = place_columns("rlnCoordinate{}", part.places / 1.5) | angle_columns(part)
        columns |= {"rlnLCCmax": [0.5] * 4, "rlnCutOff": [0.2] * 4, "rlnSearchStd": [0.1] * 4}
        columns |= {"rlnDetectorPixelSize": [VOXEL * 1.5] * 4}
        columns |= {"rlnMicrographName": [f"{name}.mrc"] * 4}
        paths.append(folder / f"{name}_particles.star")
        write_star(paths[-1], columns)
    return paths


def dynamo(folder):
    whole = np.rint(MADE.places)
    places = dict(zip("xyz", whole.T, strict=True))
    tomograms = np.repeat([1, 2], 4)
    path = folder / "crop.tbl"
    return [write_table(path, MADE.rotations, MADE.places - whole, tomo=tomograms, **places)]


def stopgap(folder):
    whole = np.rint(MADE.places)
    places = {f"orig_{axis}": list(column) for axis, column in zip("xyz", whole.T, strict=True)}
    tomograms = [1] * 4 + [2] * 4
    path = folder / "motl.star"
    write_stopgap(path, MADE.rotations, MADE.places - whole, tomo_num=tomograms, **places)
    return [path]


def av3(folder):
    whole = np.rint(MADE.places)
    columns = {f"c{8 + at}": column for at, column in enumerate(whole.T)}
    path = folder / "motl_1.em"
    tomograms = np.repeat([1, 2], 4)
    write_av3(path, MADE.rotations, MADE.places - whole, c5=tomograms, **columns)
    return [path]


def csv(folder):
    lines = ["tomogram,x,y,z,rot,tilt,psi,score"]
    angles = zip(*angle_columns(MADE).values(), strict=True)
    for name, place, turn in zip(MADE.tomograms, MADE.places, angles, strict=True):
        lines.append(",".join(map(str, (name, *place, *turn, 0.3))))
    (folder / "picks.csv").write_text("\n".join(lines) + "\n")
    return [folder / "picks.csv"]


def copick(folder):
    return write_copick(folder, MADE)


def portal(folder):
    return write_portal(folder, MADE)


KINDS = [
    *(relion_5, relion_5_refined_in_turned_boxes, relion_4, pytom_match_pick, dynamo),
    *(stopgap, av3, csv, copick, portal),
]


@pytest.fixture(scope="module")
def tomograms(tmp_path_factory):
    return write_tomograms(tmp_path_factory.mktemp("tomograms") / "t", MADE)


def cut(lists, tomograms, to, **how):
    return extract(lists, Tomograms.of([str(tomograms)]), to, Extraction(BoxSize(BOX, 2), **how))


@pytest.mark.parametrize("kind", KINDS)
def test_particles_lie_at_the_poses_of_the_list(kind, tomograms, tmp_path):
    """The map that they make is the body, and without the poses it is not."""
    made = cut(kind(tmp_path), tomograms, tmp_path / "out")
    table = read_particles(tmp_path / "out" / "particles.star")
    with FileVolumes(tmp_path / "out" / "particles.mrcs") as stack:
        volumes = np.stack([stack[index] for index in range(len(stack))])
        assert stack.voxel_size == pytest.approx(2 * VOXEL) == made.voxel_size
    assert made.particles == len(volumes) == 8
    named = {"1": "TS_01", "2": "TS_02", "TS_01.mrc": "TS_01", "TS_02.mrc": "TS_02"}
    assert [named.get(name, name) for name in table.tomograms] == MADE.tomograms
    shifts = table.shifts_angstrom(made.voxel_size) / made.voxel_size
    assert np.abs(shifts).max() <= 0.25 + 1e-4  # half a voxel of the tomogram, times 1/2
    np.testing.assert_allclose(table.coordinates + shifts, MADE.places / 2, atol=1e-3)
    truth = MADE.body.density(BOX, 2 * VOXEL)
    found = rebuilt(volumes, table.rotations, shifts)
    assert alike(found, truth) > 0.995
    assert alike(rebuilt(volumes, np.swapaxes(table.rotations, 1, 2), shifts), truth) < 0.9


def test_places_alone_give_particles_without_poses(tomograms, tmp_path):
    for name in ("TS_01", "TS_02"):
        rows = [p for p, n in zip(MADE.places, MADE.tomograms, strict=True) if n == name]
        lines = "".join(f"{x} {y} {z}\n" for x, y, z in rows)
        (tmp_path / f"{name}_ribosomes.txt").write_text(f"# picked by hand\n{lines}")
    lists = sorted(tmp_path.glob("*.txt"))
    made = cut(lists, tomograms, tmp_path / "out")
    table = read_particles(tmp_path / "out" / "particles.star")
    assert made.particles == 8
    assert table.rotations is None
    assert sorted(set(table.tomograms)) == ["TS_01", "TS_02"]


def test_a_binned_body_is_the_body_in_larger_voxels():
    blob = asymmetric_blob(110.0)
    # At the coarse Nyquist frequency exp(-(1.5 pi)^2 / 2), 2e-5, of a Gaussian is left.
    body = replace(blob, widths=np.full_like(blob.widths, 12.0))
    fine, coarse = body.density(64, 4.0), body.density(32, 8.0)
    np.testing.assert_allclose(binned(fine, 32), coarse, atol=1e-3 * coarse.max())
    assert binned(fine, 64) is fine


def test_binning_folds_nothing_back():
    """A wave beyond the new Nyquist frequency is gone."""
    x = np.arange(32)
    wave = np.broadcast_to(np.cos(2 * np.pi * 10 * x / 32), (32, 32, 32)).astype(np.float32)
    assert np.abs(binned(wave + 3.0, 16) - 3.0).max() < 1e-5


def edge_list(folder):
    (folder / "edge.txt").write_text("30 26 36\n30 26 14\n30 26 2\n5000 26 36\n")
    return [folder / "edge.txt"]


def test_boxes_that_reach_out_are_left_out_and_named(tomograms, tmp_path):
    made = extract(
        edge_list(tmp_path),
        Tomograms.of([str(tomograms / "TS_01.mrc")]),
        tmp_path / "out",
        Extraction(BoxSize(BOX, 2)),
    )
    assert made.particles == 1
    assert made.remarks == [
        "left out, for their boxes lie not all within their tomograms: edge.txt row 2, edge.txt "
        "row 3, edge.txt row 4"
    ]


def test_edges_are_filled_with_the_mean(tmp_path):
    rng = np.random.default_rng(1)
    density = rng.normal(7.0, 1.0, SHAPE).astype(np.float32)
    write_volume(tmp_path / "t.mrc", density, VOXEL)
    made = extract(
        edge_list(tmp_path),
        Tomograms.of([str(tmp_path / "t.mrc")]),
        tmp_path / "out",
        Extraction(BoxSize(40, 1), fill_edges=True),
    )
    assert made.particles == 3
    assert "2 boxes reach out" in made.remarks[1]
    assert "less than half" in made.remarks[0]
    with FileVolumes(tmp_path / "out" / "particles.mrcs") as stack:
        second = stack[1]
    within = density[0:34, 6:46, 10:50]
    np.testing.assert_array_equal(second[6:], within)
    np.testing.assert_allclose(second[:6], within.mean(), rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("1 2\n", "a.txt", "2 numbers in a line without a heading"),
        ("x,y\n1,2\n", "a.csv", "without z"),
        ("x,y,z\n1,2,b\n", "a.csv", "a.csv, line 2: z is 'b'"),
        ("x,y,z,rot\n1,2,3,4\n", "a.csv", "without tilt, psi"),
        ("", "a.txt", "no picks"),
        ('{"points": [{"location": {"x": 1, "y": 2}}]}', "a.json", "points.0.location.z"),
        ('{"points": [], "unit": "angstrom"}', "a.json", "no points"),
        ('{"points": [], "unit": "voxel"}', "a.json", "unit"),
        ('{"location": {"x": 1, "y": 2, "z": "c"}}', "a.ndjson", "line 1: location.z"),
        ("data_\n\nloop_\n_rlnCoordinateX\n1\n", "a.star", "_rlnCoordinateY is missing"),
        ("data_\n\nloop_\n_rlnTomoName\nb\n", "a.star", "no table with places"),
    ],
)
def test_what_is_wrong_with_a_list_is_told(text, name, told, tomograms, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=told):
        extract(
            [tmp_path / name],
            Tomograms.of([str(tomograms / "TS_01.mrc")]),
            tmp_path / "out",
            Extraction(BoxSize(BOX, 2)),
        )
    assert not (tmp_path / "out").exists()


def test_a_matrix_that_mirrors_is_no_rotation(tomograms, tmp_path):
    line = '{"location": {"x": 30, "y": 26, "z": 36}, "xyz_rotation_matrix": %s}'
    (tmp_path / "TS_01.ndjson").write_text(line % "[[1, 0, 0], [0, 1, 0], [0, 0, -1]]")
    with pytest.raises(InputError, match="point 1: its matrix is no rotation"):
        cut([tmp_path / "TS_01.ndjson"], tomograms, tmp_path / "out")


class TestTomograms:
    def files(self, folder, *names):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        return folder

    def test_a_name_is_found_within_the_files_name(self, tmp_path):
        given = self.files(tmp_path, "rec_TS_01_10.00Apx.mrc", "rec_TS_010_10.00Apx.mrc")
        tomograms = Tomograms.of([str(given)])
        assert tomograms.find("TS_01", "a.star").name == "rec_TS_01_10.00Apx.mrc"
        assert tomograms.find("TS_010.tomostar", "a.star").name == "rec_TS_010_10.00Apx.mrc"

    def test_the_very_name_comes_first(self, tmp_path):
        given = self.files(tmp_path, "TS_01.mrc", "TS_01_denoised.mrc")
        assert Tomograms.of([str(given)]).find("TS_01.mrc", "a.star").name == "TS_01.mrc"

    def test_several_are_refused_with_the_remedy(self, tmp_path):
        given = self.files(tmp_path, "TS_01_even.mrc", "TS_01_odd.mrc")
        with pytest.raises(InputError, match=r"several files may be it .*--tomograms 'TS_01=FILE'"):
            Tomograms.of([str(given)]).find("TS_01", "a.star")
        chosen = Tomograms.of([str(given), f"TS_01={given / 'TS_01_odd.mrc'}"])
        assert chosen.find("TS_01", "a.star").name == "TS_01_odd.mrc"

    def test_none_is_refused(self, tmp_path):
        given = self.files(tmp_path, "TS_02.mrc", "TS_03.mrc")
        with pytest.raises(InputError, match=r"a.star: names the tomogram 'TS_01', and it is not"):
            Tomograms.of([str(given)]).find("TS_01", "a.star")
        with pytest.raises(InputError, match="names no tomogram, nor does its name"):
            Tomograms.of([str(given)]).find(None, "a.csv")

    def test_dynamos_doc_and_relions_table_name_them(self, tmp_path):
        self.files(tmp_path, "Project/Tomograms/job9/rec_a.mrc", "one.mrc", "two.mrc")
        (tmp_path / "tomograms.doc").write_text("1 one.mrc\n2 two.mrc\n")
        assert Tomograms.of([str(tmp_path / "tomograms.doc")]).find("2", "t.tbl").name == "two.mrc"
        star = tmp_path / "Project" / "Tomograms" / "job9" / "tomograms.star"
        columns = {
            "rlnTomoName": ["TS_a"],
            "rlnTomoReconstructedTomogram": ["Tomograms/job9/rec_a.mrc"],
        }
        write_star(star, columns)
        assert Tomograms.of([str(star)]).find("TS_a", "p.star").name == "rec_a.mrc"

    def test_a_folder_without_tomograms_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="no tomogram in it"):
            Tomograms.of([str(tmp_path)])


def test_tomograms_of_other_voxels_are_refused(tomograms, tmp_path):
    write_volume(tmp_path / "TS_03.mrc", np.ones((8, 8, 8), np.float32), 8.0)
    given = Tomograms.of([str(tomograms), str(tmp_path / "TS_03.mrc")])
    with pytest.raises(InputError, match="extract them apart"):
        extract(csv(tmp_path), given, tmp_path / "out", Extraction(BoxSize(BOX, 2)))
