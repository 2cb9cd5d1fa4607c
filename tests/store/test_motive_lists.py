"""Motive lists with their volumes: poses read right, a map rebuilt, or refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.fourier.nufft import rotate
from subtomo_core.orientation.rotations import angular_distance, inverse_pose, random_rotations
from subtomo_core.spec.missing_region import Complete, Wedge, Weights
from subtomo_store.datasets.material import Registered
from subtomo_store.datasets.sealing import House, seal
from subtomo_store.datasets.stack import StackParticles, read_record
from subtomo_store.formats.av3 import read_av3
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.pytom import read_pytom
from subtomo_store.formats.stopgap import read_stopgap
from support.motive_lists import write_av3, write_pytom, write_stopgap
from support.particles import noise_volumes, shared
from support.rebuilding import alike
from support.sealing import WEDGE, one_problem, problems_of
from support.small_jobs import VOXEL, blobs, volumes_of

KINDS = ("motl.star", "motl.em", "list.xml")
SINGLE = 1e-4  # degrees, voxels


class Lists:
    """Particles ``sub_1.mrc`` ... with a motive list of one of the kinds."""

    def __init__(self, folder, kind, volumes, rotations, shifts, voxel_size=5.0):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.list = folder, folder / kind
        self.rotations, self.shifts, self.volumes = rotations, shifts, volumes
        self.files = [f"sub_{number}.mrc" for number in range(1, len(volumes) + 1)]
        for file, volume in zip(self.files, volumes, strict=True):
            write_volume(folder / file, volume, voxel_size)
        self.write()

    def write(self, **how):
        if self.list.suffix == ".xml":
            write_pytom(self.list, self.files, self.rotations, self.shifts, **how)
        else:
            writer = write_av3 if self.list.suffix == ".em" else write_stopgap
            writer(self.list, self.rotations, self.shifts, **how)


@pytest.fixture
def lists(folder):
    rng = np.random.default_rng(0)
    poses = random_rotations(rng, 4), rng.uniform(-2, 2, (4, 3))
    return lambda kind: Lists(folder / "uploads", kind, noise_volumes(4, 8), *poses)


def remarks(folder):
    return " | ".join(read_record(folder).remarks)


# ---------------------------------------------------------------- read


@pytest.mark.parametrize("kind", KINDS)
def test_poses_and_volumes_are_those_of_the_list(folder, lists, kind):
    made = lists(kind)
    summary = seal(folder, WEDGE)
    assert (summary.particles, summary.box, summary.voxel_size_angstrom) == (4, 8, 5.0)
    particles = StackParticles(folder)
    given = particles.given_poses()
    assert angular_distance(given.rotations, made.rotations).max() < SINGLE
    assert np.abs(given.shifts - made.shifts).max() < SINGLE
    assert all(np.array_equal(particles.volume(i), made.volumes[i]) for i in range(4))


@pytest.mark.parametrize("kind", KINDS)
def test_a_map_is_rebuilt_at_the_poses_of_the_list(folder, kind):
    simulation = blobs(10, 24, snr=np.inf, missing=None, shift_range=2.0)
    truth = simulation.truth
    volumes = volumes_of(simulation.particles)
    Lists(folder / "uploads", kind, volumes, truth.rotations, truth.shifts, VOXEL)
    seal(folder, WEDGE if kind == "list.xml" else Complete())
    given = StackParticles(folder).given_poses()
    backs = zip(volumes, *inverse_pose(given.rotations, given.shifts), strict=True)
    made = np.mean([rotate(*back) for back in backs], axis=0)
    assert alike(made, truth.maps[0]) > 0.99


def test_what_the_lists_say_beside_poses_is_kept(folder, lists):
    lists("motl.star").write(**{"class": [2, 1, 2, 1]}, orig_x=[5, 6, 7, 8], tomo_num=12)
    seal(folder, WEDGE)
    table = StackParticles(folder).table()
    assert table.classes.tolist() == [2, 1, 2, 1]
    assert table.half_sets.tolist() == [1, 2, 1, 2]
    assert table.tomograms == ("12",) * 4
    assert table.coordinates[:, 0].tolist() == [5, 6, 7, 8]
    told = "not read of motl.star: data_stopgap_motivelist (_motl_idx, _object, _score)"
    assert told in remarks(folder)


def test_columns_of_av3_that_are_not_read_are_named(folder, lists):
    lists("motl.em").write(c1=0.5, c16=1.0, c20=[1, 2, -1, 1], c8=50.0)
    seal(folder, WEDGE)
    table = StackParticles(folder).table()
    assert table.classes is None
    assert table.coordinates[:, 0].tolist() == [50.0] * 4
    assert "columns of motl.em which were not read: 1, 16, 20" in remarks(folder)


def test_what_pytom_says_beside_poses_is_kept_or_named(folder, lists):
    lists("list.xml")
    seal(folder, WEDGE)
    table = StackParticles(folder).table()
    assert table.classes.tolist() == [1, 2, 1, 2]
    assert table.tomograms == ("tomo1.mrc",) * 4
    assert table.coordinates.tolist() == [[10 + i, 20, 30] for i in range(4)]
    assert remarks(folder) == "not read of list.xml: Score"


def test_one_half_throughout_divides_nothing_and_is_told(folder, lists):
    lists("motl.star").write(halfset="A")
    seal(folder, WEDGE)
    assert StackParticles(folder).table().half_sets is None
    assert "_halfset of motl.star is A throughout" in remarks(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_registered_with_its_folder(tmp_path, lists, kind):
    made = lists(kind)
    (made.folder / "old.em").write_bytes((made.folder / kind).read_bytes())
    house = House(Registered(made.list, (made.folder,)))
    (tmp_path / "d").mkdir()
    assert seal(tmp_path / "d", WEDGE, house=house).particles == 4
    assert "not in" in remarks(tmp_path / "d")


def test_samples_of_other_programs_are_read():
    motl = read_stopgap(shared("formats", "stopgap_motl_head.star"), "m")
    assert len(motl) > 10
    assert motl.half_sets is None or set(motl.half_sets) == {1, 2}
    assert set(motl.classes) <= {1, 2, 3}
    motl = read_av3(shared("formats", "au_1.em"), "m")
    assert (len(motl), motl.numbers[0], motl.tomograms[0]) == (64, 1, "160")
    assert np.allclose(motl.coordinates[0], [230, 201, 178])
    motl = read_pytom(shared("formats", "pickpos_format.xml"), "m")
    assert motl.files[0] == "./testparticles/particle_0.em"
    assert motl.tilts[0].tolist() == [-60, 60]


# ---------------------------------------------------------------- files


def test_particles_are_found_by_the_numbers_of_one_kind_of_file(folder, lists):
    made = lists("motl.em")
    write_volume(made.folder / "ref_1.mrc", noise_volumes(1, 8, 9)[0], 5.0)
    assert seal(folder, WEDGE).particles == 4
    assert "1 file was left out, not in motl.em: ref_1.mrc" in remarks(folder)


def test_two_files_of_one_number_are_refused(folder, lists):
    made = lists("motl.star")
    for number in range(1, 5):
        name = f"other_{number}.mrc"
        write_volume(made.folder / name, noise_volumes(1, 8, number)[0], 5.0)
    problem = one_problem(folder)
    assert "row 1: 1 (subtomo_num) is the number of other_1.mrc, sub_1.mrc" in problem.detail


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_without_a_volume_is_named(folder, lists, kind):
    made = lists(kind)
    (made.folder / "sub_3.mrc").unlink()
    problem = one_problem(folder)
    assert (problem.file, problem.row) == (kind, 3)


def test_a_row_named_twice_is_refused(folder, lists):
    lists("motl.star").write(subtomo_num=[1, 2, 2, 4])
    details = " ".join(problem.detail for problem in problems_of(folder))
    assert "is the particle of row 2 as well" in details


def test_two_lists_are_refused(folder, lists):
    made = lists("motl.em")
    (made.folder / "motl_2.em").write_bytes(made.list.read_bytes())
    assert "2 particle tables were uploaded" in one_problem(folder).detail


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_names_no_weights(folder, lists, kind):
    lists(kind)
    assert "a motive list names none" in one_problem(folder, Weights()).detail


def test_a_wedge_which_contradicts_the_dataset_is_refused(folder, lists):
    made = lists("list.xml")
    made.write(wedge=(30, 40))
    problem = one_problem(folder)
    assert "tilts from -60 to 50 degrees about y, contradicts" in problem.detail
    made.write(wedge=(30, 31))
    seal(folder, WEDGE)
    assert "are not quite what was used" in remarks(folder)


def test_an_asymmetric_wedge_is_read_in_its_order(folder, lists):
    lists("list.xml").write(wedge=(30, 50))
    assert seal(folder, Wedge(tilt_min_deg=-60, tilt_max_deg=40)).particles == 4


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("_psi\n", "_gamma\n", "_psi is missing beside"),
        ("_subtomo_num\n", "_number\n", "0 tables with the column _subtomo_num"),
        ("\t1\t1\t1\tA", "\tTS_1\t1\t1\tA", "tomo_num is 'TS_1': a finite number is needed"),
        ("\tA\t", "\tC\t", "halfset is 'C': STOPGAP knows A and B"),
    ],
)
def test_a_bad_stopgap_list_is_refused(folder, lists, old, new, words):
    made = lists("motl.star")
    made.list.write_text(made.list.read_text().replace(old, new))
    assert words in " ".join(problem.detail for problem in problems_of(folder))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('Paradigm="ZXZ"', 'Paradigm="YZX"', "Paradigm is 'YZX': write the list with ZXZ"),
        ("<Shift X=", "<Shift W=", "Shift X is '': a finite number is needed"),
        ("<Rotation ", "<Rotated ", "Rotation is missing: the particle has no pose"),
        ("</ParticleList>", "", "the XML is damaged"),
        ("<ParticleList>", "<!DOCTYPE a><ParticleList>", "a DOCTYPE is not read"),
    ],
)
def test_a_bad_pytom_list_is_refused(folder, lists, old, new, words):
    made = lists("list.xml")
    made.list.write_text(made.list.read_text().replace(old, new))
    assert words in " ".join(problem.detail for problem in problems_of(folder))


def test_a_bad_av3_list_is_refused(folder, lists):
    made = lists("motl.em")
    made.write(c4=[1, 2, 2.5, 4])
    assert "row 3: column 4 is 2.5" in one_problem(folder).detail
    made.write(c17=np.nan)
    assert "column 17 is no finite number" in one_problem(folder).detail
    made.write()
    made.list.write_bytes(made.list.read_bytes()[:-40])
    assert "truncated" in one_problem(folder).detail
    with pytest.raises(InputError, match="not an AV3 motive list"):
        read_av3(shared("formats", "col_missing.em"), "m")


# ---------------------------------------------------------------- not read


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("motl.csv", b"CCC,reserved,reserved,pIndex,wedgeWT\n", "motl.csv belongs to PEET"),
        ("points.mod", b"IMODV1.2", "points.mod belongs to PEET"),
        ("t.csv", b" ".join([b"1.5"] * 26) + b"\n", "t.csv is a list of emClarity"),
        ("p.lst", b"#LSX\n", "p.lst belongs to EMAN2"),
        ("poses.json", b'{"xform.align3d": 1}', "poses.json belongs to EMAN2"),
        ("s.hdf", b"\x89HDF\r\n", "s.hdf is an HDF5 file, as EMAN2 keeps volumes"),
    ],
)
def test_files_of_other_programs_say_what_they_are(folder, name, content, words):
    uploads = folder / "uploads"
    uploads.mkdir(parents=True)
    (uploads / name).write_bytes(content)
    assert words in one_problem(folder).detail
    write_volume(uploads / "p.mrc", noise_volumes(1, 8)[0], 5.0)
    seal(folder, WEDGE)
    assert words in remarks(folder)
