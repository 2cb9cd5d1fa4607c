"""The missing region of each particle: by tomogram, by optics group, and against its power."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.data.particle_regions import ParticleRegions
from subtomo_core.fourier.missing import Turned
from subtomo_core.orientation.rotations import random_rotations, relion_angles
from subtomo_core.simulate import asymmetric_blob, simulate
from subtomo_core.spec.missing_region import ByName, Each, FromTable, Wedge
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import StackParticles, read_record
from subtomo_store.errors import StorageError
from subtomo_store.formats.mrc import write_volume
from support.particles import noise_volumes
from support.sealing import WEDGE, content, one_problem
from support.star_files import star, table

NARROW = Wedge(tilt_min_deg=-40, tilt_max_deg=55)
OPTICS = table("rlnOpticsGroup", "rlnOpticsGroupName", block="optics", rows="1 krios\n2 glacios\n")
TOMOGRAMS = ("TS_01", "TS_02", "TS_01", "TS_03")


def write(folder, volumes, columns=(), rows=(), optics="") -> None:
    """Upload volumes with a table of these columns."""
    uploads = folder / "uploads"
    uploads.mkdir(parents=True)
    for i, volume in enumerate(volumes):
        write_volume(uploads / f"p{i}.mrc", volume, 4.0)
    lines = [" ".join([f"p{i}.mrc", *row]) for i, row in enumerate(rows)]
    star(uploads, optics + table("rlnImageName", *columns, rows="\n".join(lines) + "\n"))


@pytest.fixture
def four(folder):
    """Four particles of three tomograms and two optics groups."""
    rows = [(name, str(1 + i % 2)) for i, name in enumerate(TOMOGRAMS)]
    write(folder, noise_volumes(4, 8), ("rlnTomoName", "rlnOpticsGroup"), rows, OPTICS)
    return folder


def test_each_particle_has_the_region_of_its_tomogram(four):
    given = ByName(regions={"TS_01": WEDGE, "TS_02": NARROW, "TS_03": WEDGE, "TS_09": NARROW})
    found = seal(four, given).missing
    assert isinstance(found, Each)
    assert (found.by, found.turned) == ("tomogram", 0)
    assert [(p.region, p.particles, p.names) for p in found.parts] == [
        (WEDGE, 3, ("TS_01", "TS_03")),
        (NARROW, 1, ("TS_02",)),
    ]
    particles = StackParticles(four)
    assert [particles.region(i) for i in range(4)] == [WEDGE, NARROW, WEDGE, WEDGE]
    remarks = read_record(four).remarks
    assert any(remark.startswith("2 missing wedges, by tomogram") for remark in remarks)
    assert "missing regions of tomograms without a particle were not used: TS_09" in remarks


@pytest.mark.parametrize("names", [("1", "2"), ("krios", "glacios"), ("krios", "2")])
def test_optics_groups_go_by_number_or_name(four, names):
    given = ByName(by="optics_group", regions=dict(zip(names, (WEDGE, NARROW), strict=True)))
    found = seal(four, given).missing
    assert [part.names for part in found.parts] == [("krios",), ("glacios",)]
    particles = StackParticles(four)
    assert [particles.region(i) for i in range(4)] == [WEDGE, NARROW, WEDGE, NARROW]


def test_a_group_that_is_told_twice_is_refused(four):
    given = ByName(by="optics_group", regions={"1": WEDGE, "krios": NARROW, "2": WEDGE})
    assert "more than one missing region was given" in one_problem(four, given).detail


def test_a_tomogram_without_a_region_is_refused(four):
    problem = one_problem(four, ByName(regions={"TS_01": WEDGE}))
    assert (problem.row, problem.pointer) == (2, "/missing")
    assert "no missing region was given for the tomogram 'TS_02': give one" in problem.detail
    assert "so in 1 more row: 4" in problem.detail


def test_names_need_a_table_that_has_them(folder):
    write(folder, noise_volumes(2, 8), rows=[(), ()])
    for by in ("tomogram", "optics_group"):
        problem = one_problem(folder, ByName(by=by, regions={"TS_01": WEDGE}))
        assert f"regions are given for each {by.replace('_', ' ')}" in problem.detail
        assert "p.star names none" in problem.detail
    (folder / "uploads" / "p.star").unlink()
    assert "there is no table" in one_problem(folder, ByName(regions={"a": WEDGE})).detail


def test_a_star_table_tells_no_tilts(four):
    assert "only a Dynamo table tells tilts" in one_problem(four, FromTable()).detail


def test_one_region_for_every_tomogram_makes_the_same_dataset(tmp_path):
    made = []
    for name, given in (
        ("one", WEDGE),
        ("each", ByName(regions=dict.fromkeys(TOMOGRAMS, WEDGE))),
    ):
        folder = tmp_path / name
        write(folder, noise_volumes(4, 8), ("rlnTomoName",), [(t,) for t in TOMOGRAMS])
        seal(folder, given)
        made.append(content(folder))
    assert made[0] == made[1]


def test_regions_that_are_lost_are_told(four):
    seal(four, ByName(regions={"TS_01": WEDGE, "TS_02": NARROW, "TS_03": WEDGE}))
    (four / "regions.npz").write_bytes(b"")
    with pytest.raises(StorageError, match="is damaged"):
        StackParticles(four)


# ---------------------------------------------------------------- power

BOX, COUNT = 24, 6
LEFT = Wedge(tilt_min_deg=-60, tilt_max_deg=40)
RIGHT = Wedge(tilt_min_deg=-40, tilt_max_deg=60)
ABOUT_X = LEFT.model_copy(update={"axis": "x"})
TURNED = tuple(f"rlnTomoSubtomogram{part}" for part in ("Rot", "Tilt", "Psi"))


def particles_behind(folder, missing, *, turned=None, snr=0.1, filled=0.0):
    """Upload simulated particles, of boxes that are said to be turned and are, are not, or none.

    ``filled`` is noise in what is missing and all around, in standard deviations.
    """
    turns = random_rotations(np.random.default_rng(3), COUNT)
    behind = ParticleRegions((missing,), np.zeros(COUNT, int), turns if turned else None)
    made = simulate([asymmetric_blob(60.0)], [COUNT], BOX, 4.0, snr=snr, missing=behind)
    volumes = made.particles.volumes
    volumes = volumes + np.float32(filled * volumes.std()) * noise_volumes(COUNT, BOX)
    angles = [[f"{angle:.6f}" for angle in own] for own in relion_angles(turns)]
    rows = angles if turned is not None else [()] * COUNT
    write(folder, volumes, TURNED if turned is not None else (), rows)


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        (RIGHT, "tilts of the opposite sign (tilts from -60 to 40 degrees about y)"),
        (ABOUT_X, "tilts about the other axis (tilts from -60 to 40 degrees about y)"),
    ],
)
def test_a_region_which_particles_contradict_is_refused(folder, stated, words):
    particles_behind(folder, LEFT)
    problem = one_problem(folder, stated)
    assert problem.pointer == "/missing"
    assert f"the particles agree better with {words} than with what was given" in problem.detail


@pytest.mark.parametrize("snr", [0.02, 0.5, np.inf])
@pytest.mark.parametrize("right", [LEFT, RIGHT, ABOUT_X, WEDGE])
def test_the_right_region_is_accepted_without_a_word(folder, right, snr):
    particles_behind(folder, right, snr=snr)
    assert seal(folder, right).missing == right
    assert not any("agree better" in remark for remark in read_record(folder).remarks)


def test_a_doubt_is_told_and_no_more(folder):
    """What is missing may hold something, as where boxes are cut out of a larger volume."""
    particles_behind(folder, LEFT, filled=1.2)
    assert seal(folder, RIGHT).missing == RIGHT
    (doubt,) = (r for r in read_record(folder).remarks if "agree better" in r)
    assert "tilts of the opposite sign" in doubt
    assert doubt.endswith("check the missing region")


def test_boxes_that_were_cut_out_turned_are_told_from_others(folder, tmp_path):
    particles_behind(folder, WEDGE, turned=True)
    assert seal(folder, WEDGE).missing.turned == COUNT
    assert not any("agree better" in remark for remark in read_record(folder).remarks)
    assert isinstance(StackParticles(folder).region(0), Turned)
    particles_behind(tmp_path / "flat", WEDGE, turned=False)
    problem = one_problem(tmp_path / "flat", WEDGE)
    assert "agree better with boxes that were not cut out turned than" in problem.detail
