"""Tables of jobs carry everything through but what was refined."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import starfile

from subtomo_core.orientation.rotations import (
    angular_distance,
    from_relion_angles,
    random_rotations,
    relion_angles,
)
from subtomo_store.errors import StorageError
from subtomo_store.formats.star import ParticleRows, read_particles
from subtomo_store.formats.star_carry import write_carried
from subtomo_store.formats.star_text import parse_star

REFINED = [f"rlnAngle{part}" for part in ("Rot", "Tilt", "Psi")]
REFINED += [f"rlnOrigin{part}Angst" for part in "XYZ"]
REFINED += ["rlnClassNumber", "rlnMaxValueProbDistribution", "rlnLogLikeliContribution"]

FULL = """# made by hand
# Subtomo: converged; an earlier job

data_general

_rlnTomoSubTomosAre2DStacks 0
_labNote 'of two words'

# version 50001

data_optics

loop_
_rlnOpticsGroup #1
_rlnOpticsGroupName #2
_rlnSphericalAberration #3
_rlnVoltage #4
_rlnTomoTiltSeriesPixelSize #5
_rlnTomoSubtomogramBinning #6
7 first 2.7 300 2.0 4
9 "the second" 2.7 200 2.0 4

# version 50001

data_particles

loop_
_rlnTomoName #1
_rlnImageName #2
_rlnOpticsGroup #3
_rlnTomoSubtomogramRot #4
_rlnTomoSubtomogramTilt #5
_rlnTomoSubtomogramPsi #6
_rlnAnglePsi #7
_rlnAngleRot #8
_rlnAngleTilt #9
_odd #10
_rlnOriginXAngst #11
TS_1 a.mrc 7 10 20 30 1 2 3 'a b' 4.0
TS_1 "b c.mrc" 9 -40 50 60 1 2 3 "#x" 4.0 # the odd one

TS_2 c.mrc 7 70 80 90 1 2 3 plain 4.0

data_notes
loop_
_who
_what
lab "two  words"
"""


def job_rows(count: int, **more: object) -> ParticleRows:
    rng = np.random.default_rng(count)
    given: dict[str, object] = {
        "rotations": random_rotations(rng, count),
        "shifts": rng.uniform(-3, 3, (count, 3)),
        "classes": np.arange(count) % 2 + 1,
        "probabilities": np.full(count, 0.5),
        "log_likelihoods": np.arange(count),
        **more,
    }
    return ParticleRows([f"{i}" for i in range(count)], 8.0, 24, **given)


def carried(tmp_path: Path, text: str, rows: ParticleRows) -> Path:
    given, out = tmp_path / "given.star", tmp_path / "out.star"
    given.write_text(text, encoding="utf-8")
    with out.open("wb") as file:
        write_carried(file, given, rows)
    return out


def tables(text: str) -> dict[str, dict[str, list[str]]]:
    """Columns of every block."""
    return {b.name: {c: b.column(c) for c in b.columns} for b in parse_star(text, "t.star")}


def test_every_block_column_and_row_stays_in_its_place(tmp_path):
    rows = job_rows(3)
    text = carried(tmp_path, FULL, rows).read_text()
    before, after = tables(FULL), tables(text)
    assert list(after) == ["general", "optics", "particles", "notes"]
    for name in ("general", "notes"):
        assert after[name] == before[name]
    for name in ("optics", "particles"):
        columns = list(before[name])
        assert list(after[name])[: len(columns)] == columns
        for column in set(columns) - set(REFINED):
            assert after[name][column] == before[name][column], column
    assert after["particles"]["odd"] == ["a b", "#x", "plain"]
    assert "# made by hand" in text
    assert text.count("# version 50001") == 2


@pytest.mark.parametrize("which", ["full", "old"])
def test_a_table_of_a_job_goes_through_another_one_unchanged(tmp_path, which):
    text, rows = {"full": (FULL, job_rows(3)), "old": (OLD, job_rows(2))}[which]
    once = carried(tmp_path, text, rows).read_text()
    assert carried(tmp_path, once, rows).read_text() == once


def test_what_was_refined_is_read_back(tmp_path):
    rows = job_rows(3, half_sets=[2, 1, 1], remark="Subtomo: still moving; noise")
    path = carried(tmp_path, FULL, rows)
    assert path.read_text().startswith("# Subtomo: still moving; noise\n")
    assert path.read_text().count("# Subtomo:") == 1
    back = read_particles(path)
    assert angular_distance(back.rotations, rows.rotations).max() < 1e-5
    np.testing.assert_allclose(back.shifts_angstrom(8.0), rows.shifts * 8.0, atol=1e-6)
    assert back.classes.tolist() == [1, 2, 1]
    assert back.half_sets.tolist() == [2, 1, 1]
    assert set(back.voxel_sizes) == {8.0}
    frame = starfile.read(path)["particles"]
    assert list(frame["rlnLogLikeliContribution"]) == [0, 1, 2]
    assert list(frame["rlnMaxValueProbDistribution"]) == [0.5] * 3


def test_without_halves_the_tables_own_stay(tmp_path):
    text = FULL.replace("_odd", "_rlnRandomSubset").replace("'a b'", "1")
    text = text.replace('"#x"', "2").replace("plain", "2")
    assert read_particles(carried(tmp_path, text, job_rows(3))).half_sets.tolist() == [1, 2, 2]


def relion_matrix(rot: float, tilt: float, psi: float) -> np.ndarray:
    """RELION's ``Euler::anglesToMatrix3``, element by element."""
    (sp, cp), (st, ct), (sc, cc) = ((np.sin(a), np.cos(a)) for a in np.deg2rad([rot, tilt, psi]))
    return np.array(
        [
            [cc * ct * cp - sc * sp, cc * ct * sp + sc * cp, -cc * st],
            [-sc * ct * cp - cc * sp, -sc * ct * sp + cc * cp, sc * st],
            [st * cp, st * sp, ct],
        ]
    )


def test_boxes_that_were_cut_out_turned_keep_their_meaning_in_the_tomogram(tmp_path):
    """RELION composes A(box) A(particle), and moves a coordinate by -A(box) origin.

    A reference point p lies at T p + place in the tomogram; in a box turned by S about its
    centre it lies at ``S^-1 (T p + place - centre)``, which is the pose that a job finds there.
    """
    boxes = [(10.0, 20.0, 30.0), (-40.0, 50.0, 60.0), (70.0, 80.0, 90.0)]
    turned = np.stack([relion_matrix(*angles) for angles in boxes])
    rng = np.random.default_rng(8)
    truth, off = random_rotations(rng, 3), rng.uniform(-20, 20, (3, 3))  # off the centre, in Å
    found = np.einsum("nji,njk->nik", turned, truth)
    shifts = np.einsum("nji,nj->ni", turned, off) / 8.0
    path = carried(tmp_path, FULL, job_rows(3, rotations=found, shifts=shifts))
    frame = starfile.read(path)["particles"]
    for i, row in enumerate(frame.itertuples()):
        box = relion_matrix(
            row.rlnTomoSubtomogramRot, row.rlnTomoSubtomogramTilt, row.rlnTomoSubtomogramPsi
        )
        own = relion_matrix(row.rlnAngleRot, row.rlnAngleTilt, row.rlnAnglePsi)
        origin = np.array([row.rlnOriginXAngst, row.rlnOriginYAngst, row.rlnOriginZAngst])
        np.testing.assert_allclose(box @ own, truth[i], atol=1e-6)
        np.testing.assert_allclose(-box @ origin, off[i], atol=1e-5)


def test_relions_matrix_is_our_rotation():
    angles = relion_angles(random_rotations(np.random.default_rng(2), 5))
    ours = from_relion_angles(angles)
    for one, R in zip(angles, ours, strict=True):
        np.testing.assert_allclose(relion_matrix(*one), R, atol=1e-9)


OLD = """
data_

loop_
_rlnImageName #1
_rlnMicrographName #2
_rlnMagnification #3
_rlnDetectorPixelSize #4
_rlnVoltage #5
_rlnOriginX #6
_rlnOriginY #7
_rlnOriginZ #8
a.mrc "F:/my frames/t.mrc" 10000 8.0 200 1 2 3
b.mrc "F:/my frames/t.mrc" 10000 8.0 200 1 2 3
"""


def test_a_table_without_optics_gets_a_group_and_keeps_its_pixels(tmp_path):
    rows = job_rows(2)
    path = carried(tmp_path, OLD, rows)
    found = tables(path.read_text())
    assert list(found) == ["optics", "particles"]
    assert found["optics"]["rlnImagePixelSize"] == ["8.000000"]
    assert found["optics"]["rlnImageSize"] == ["24"]
    particles = found["particles"]
    assert particles["rlnOpticsGroup"] == ["1", "1"]
    for column in ("rlnImageName", "rlnMicrographName", "rlnMagnification", "rlnVoltage"):
        assert particles[column] == tables(OLD)[""][column]
    for axis, part in enumerate("XYZ"):
        pixels = np.array(particles[f"rlnOrigin{part}"], float)
        angstrom = np.array(particles[f"rlnOrigin{part}Angst"], float)
        np.testing.assert_allclose(pixels, -rows.shifts[:, axis], atol=1e-6)
        np.testing.assert_allclose(angstrom, 8.0 * pixels, atol=1e-5)


@pytest.mark.parametrize(
    ("optics", "numbers"), [("3 a\n", ["3", "3"]), ("3 a\n4 b\n", None), ("", ["1", "1"])]
)
def test_the_particles_of_a_single_group_get_its_number(tmp_path, optics, numbers):
    head = "data_optics\nloop_\n_rlnOpticsGroup\n_rlnOpticsGroupName\n"
    text = f"data_particles\nloop_\n_rlnImageName\na.mrc\nb.mrc\n{head}{optics}"
    found = tables(carried(tmp_path, text, job_rows(2)).read_text())
    assert found["particles"].get("rlnOpticsGroup") == numbers
    # What RELION's ObservationModel asks for.
    for column in ("rlnVoltage", "rlnSphericalAberration", "rlnImagePixelSize", "rlnImageSize"):
        assert len(set(found["optics"][column])) == 1
    assert "rlnAmplitudeContrast" not in found["optics"] or not optics


def test_one_particle_told_in_single_values(tmp_path):
    text = "data_particles\n_rlnImageName 'a b.mrc'\n_odd 5\n\ndata_more\n_x 1\n"
    found = tables(carried(tmp_path, text, job_rows(1)).read_text())
    assert found["particles"]["rlnImageName"] == ["a b.mrc"]
    assert found["particles"]["odd"] == ["5"]
    assert found["more"] == {"x": ["1"]}


def test_a_table_of_other_particles_is_damaged(tmp_path):
    (tmp_path / "given.star").write_text(FULL)
    with pytest.raises(StorageError, match="has 3 particles, not 4"):
        write_carried(io.BytesIO(), tmp_path / "given.star", job_rows(4))


def test_text_passes_line_by_line(tmp_path):
    """What is held of a row are its refined columns, however many others it has."""
    count, wide = 20_000, 40
    names = "".join(f"_c{i}\n" for i in range(wide))
    row = " ".join(["123456.789"] * wide)
    text = f"data_particles\nloop_\n_rlnImageName\n{names}" + f"a.mrc {row}\n" * count
    (tmp_path / "given.star").write_text(text)
    rows = job_rows(count)
    with (tmp_path / "out.star").open("wb") as file:
        tracemalloc.start()
        write_carried(file, tmp_path / "given.star", rows)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # Nine columns of numbers: a string of 57 bytes and more, and its place in the list.
    assert peak < count * 9 * 120


SEVERAL = """
data_particles

loop_
_rlnImageName
_odd
a.mrc x
b.mrc y

data_particles_2

loop_
_odd
_rlnImageName
data_z c.mrc
"""


def test_of_several_tables_each_keeps_its_name_and_its_rows(tmp_path):
    rows = job_rows(3)
    after = tables(carried(tmp_path, SEVERAL, rows).read_text())
    assert list(after) == ["optics", "particles", "particles_2"]
    first, second = after["particles"], after["particles_2"]
    assert (first["rlnImageName"], second["rlnImageName"]) == (["a.mrc", "b.mrc"], ["c.mrc"])
    assert (first["odd"], second["odd"]) == (["x", "y"], ["data_z"])
    assert first["rlnClassNumber"] + second["rlnClassNumber"] == [str(c) for c in rows.classes]
    # Read again, they are the particles of the job in their order.
    back = read_particles(tmp_path / "out.star")
    assert angular_distance(back.rotations, rows.rotations).max() < 1e-3
