"""Stacks of tilt images that cannot be put together are refused, each cause in one sentence."""

from __future__ import annotations

import shutil

import mrcfile
import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.simulate import TiltSeries
from subtomo_core.spec.missing_region import Complete, Weights
from subtomo_store.datasets.sealing import House, seal
from subtomo_store.datasets.stack import read_record
from subtomo_store.formats.mrc import write_images
from support.sealing import WEDGE
from support.tilt_stacks import (
    BOX,
    PARTICLES,
    TOMOGRAMS,
    VOXEL,
    simulated_stacks,
    written_stacks,
)

SERIES = "tilt_series/TS_02.star"


@pytest.fixture(scope="module")
def made():
    return simulated_stacks(tilts=TiltSeries(-60, 60, 30, lost=1))


@pytest.fixture
def stacked(tmp_path, made):
    return written_stacks(tmp_path / "files", made)


def refused(stacked, missing=Weights()):  # noqa: B008 - a frozen record
    """The only problem."""
    with pytest.raises(InputError) as caught:
        seal(stacked.folder.parent / "sealed", missing, house=House(uploads=stacked.folder))
    (problem,) = caught.value.problems
    assert not (stacked.folder.parent / "sealed" / "dataset.json").exists()
    return problem


def image(stacked, number: int = 1):
    return stacked.folder / f"Subtomograms/{number}_stack2d.mrcs"


# What is changed, and what the sentence says: file, row and column as well where there are any.
EDITS = {
    "no tilt series of this name": (
        lambda s: s.edit(PARTICLES, "TS_02 ", "TS_09 "),
        "particles.star, row 2: _rlnTomoName is 'TS_09', which tomograms.star does not have",
    ),
    "tilt series file missing": (
        lambda s: (s.folder / SERIES).unlink(),
        "tomograms.star, row 2: _rlnTomoTiltSeriesStarFile names 'tilt_series/TS_02.star', which "
        "was not uploaded",
    ),
    "no column of tilt series": (
        lambda s: s.rename(TOMOGRAMS, "rlnTomoTiltSeriesStarFile", "rlnOther"),
        "neither a column _rlnTomoTiltSeriesStarFile nor a table data_TS_01 tells of the images",
    ),
    "tilt series empty": (
        lambda s: (s.folder / SERIES).write_text("data_TS_02\nloop_\n_rlnTomoYTilt #1\n"),
        "tilt_series/TS_02.star: the tilt series data_TS_02 is empty",
    ),
    "tilt series of two": (
        lambda s: (s.folder / SERIES).write_text("data_a\n_rlnX 1\ndata_b\n_rlnX 1\n"),
        "tilt_series/TS_02.star: 2 tables in it and none is data_TS_02",
    ),
    "flags of other length": (
        lambda s: s.edit(PARTICLES, "[", "[1,"),
        "particles.star, row 1: _rlnTomoVisibleFrames has 6 flags, but the tilt series of 'TS_01' "
        "has 5 images",
    ),
    "flags that are none": (
        lambda s: s.edit(PARTICLES, "[", "[x,"),
        "_rlnTomoVisibleFrames is '[x,",
    ),
    "nothing visible": (
        lambda s: s.set_column(PARTICLES, "rlnTomoVisibleFrames", ["[0,0,0,0,0]"] * 4),
        "particles.star, row 1: _rlnTomoVisibleFrames shows no image of this particle: remove",
    ),
    "voltage missing": (
        lambda s: [s.rename(t, "rlnVoltage", "rlnOld") for t in (TOMOGRAMS, PARTICLES)],
        "tomograms.star, row 1: _rlnVoltage is missing, both in the tomograms file and in "
        "data_optics",
    ),
    "Cs missing": (
        lambda s: [s.rename(t, "rlnSphericalAberration", "rlnOld") for t in (TOMOGRAMS, PARTICLES)],
        "_rlnSphericalAberration is missing, both in",
    ),
    "voltage in volts": (
        lambda s: s.set_column(TOMOGRAMS, "rlnVoltage", ["300000"] * 2),
        "voltage_kv must lie between 10 and 3000",
    ),
    "dose missing": (
        lambda s: s.rename(SERIES, "rlnMicrographPreExposure", "rlnOld"),
        "tilt_series/TS_02.star: _rlnMicrographPreExposure is missing in data_TS_02: the dose",
    ),
    "dose negative": (
        lambda s: s.set_column(SERIES, "rlnMicrographPreExposure", ["-1", "0", "1", "2", "3"]),
        "tilt_series/TS_02.star, row 1: _rlnMicrographPreExposure is -1",
    ),
    "defocus missing": (
        lambda s: s.rename(SERIES, "rlnDefocusV", "rlnOld"),
        "tilt_series/TS_02.star: _rlnDefocusV is missing in data_TS_02",
    ),
    "defocus no number": (
        lambda s: s.set_column(SERIES, "rlnDefocusU", ["1", "2", "nan", "4", "5"]),
        "tilt_series/TS_02.star, row 3: _rlnDefocusU is 'nan': a finite number is needed",
    ),
    "not aligned": (
        lambda s: s.rename(SERIES, "rlnTomoYTilt", "rlnOld"),
        "tilt_series/TS_02.star: _rlnTomoYTilt is missing in data_TS_02: the directions",
    ),
    "matrix that scales": (
        lambda s: [
            s.set_column(SERIES, f"rlnTomoProj{axis}", [row] * 5)
            for axis, row in (("X", "[2,0,0,0]"), ("Y", "[0,1,0,0]"), ("Z", "[0,0,1,0]"))
        ],
        "tilt_series/TS_02.star, row 1: _rlnTomoProjX and the two beside it are no rotation",
    ),
    "matrix that is none": (
        lambda s: [
            s.set_column(SERIES, f"rlnTomoProj{axis}", [row] * 5)
            for axis, row in (("X", "[1,0,0]"), ("Y", "[0,1,0,0]"), ("Z", "[0,0,1,0]"))
        ],
        "_rlnTomoProjX is '[1,0,0]': four numbers",
    ),
    "premultiplied not told": (
        lambda s: s.rename(PARTICLES, "rlnCtfDataAreCtfPremultiplied", "rlnOld"),
        "particles.star: _rlnCtfDataAreCtfPremultiplied is missing in data_optics",
    ),
    "tomogram not told": (
        lambda s: s.rename(PARTICLES, "rlnTomoName", "rlnOld"),
        "particles.star: _rlnTomoName is missing: it names the tilt series",
    ),
    "tomogram twice": (
        lambda s: s.set_column(TOMOGRAMS, "rlnTomoName", ["TS_01", "TS_01"]),
        "tomograms.star, row 2: _rlnTomoName is 'TS_01' again",
    ),
    "one image of a stack": (
        lambda s: s.edit(PARTICLES, "Subtomograms/1_", "000001@Subtomograms/1_"),
        "particles.star, row 1: _rlnImageName names one image, '000001@Subtomograms/1_",
    ),
    "one stack for two": (
        lambda s: s.edit(PARTICLES, "Subtomograms/2_", "Subtomograms/1_"),
        "is the particle of row 1 as well",
    ),
    "too few images": (
        lambda s: write_images(image(s), mrcfile.read(image(s))[:2], VOXEL),
        "Subtomograms/1_stack2d.mrcs: a stack of 2 images where the tables tell of 4 (the visible "
        "ones) or 5 (all of its tilt series): extract the particle again",
    ),
    "not square": (
        lambda s: write_images(image(s), mrcfile.read(image(s))[:, :-2], VOXEL),
        "Subtomograms/1_stack2d.mrcs: images of 16 x 14 pixels are not square",
    ),
    "another box": (
        lambda s: write_images(image(s), mrcfile.read(image(s))[:, 1:-1, 1:-1], VOXEL),
        "its box of 14 voxels differs from the 16 of 3 other particles",
    ),
    "not a number": (
        lambda s: image(s).write_bytes(
            image(s).read_bytes()[:1024] + np.full((4, BOX, BOX), np.inf, "<f4").tobytes()
        ),
        "Subtomograms/1_stack2d.mrcs: 0 voxels are NaN and 1024 infinite",
    ),
    "nothing in it": (
        lambda s: write_images(image(s), 0 * mrcfile.read(image(s)), VOXEL),
        "every visible image has one value throughout: remove this particle",
    ),
    "the same images twice": (
        lambda s: shutil.copy(image(s, 3), image(s, 1)),
        "holds the same voxels as Subtomograms/1_stack2d.mrcs",
    ),
    "no tomograms": (
        lambda s: [(s.folder / n).unlink() for n in (TOMOGRAMS, "optimisation_set.star")],
        "particles.star: its particles are stacks of 2D tilt images, and no table of tomograms was "
        "uploaded: upload tomograms.star",
    ),
    "tomograms of the set missing": (
        lambda s: (s.folder / TOMOGRAMS).unlink(),
        "optimisation_set.star, row 1: _rlnTomoTomogramsFile names 'tomograms.star', which was "
        "not uploaded",
    ),
    "two tables of tomograms": (
        lambda s: [
            (s.folder / "optimisation_set.star").unlink(),
            shutil.copy(s.folder / TOMOGRAMS, s.folder / "other.star"),
        ],
        "there are 2 tables of tomograms (other.star, tomograms.star): upload one",
    ),
    "volumes after all": (
        lambda s: s.edit(PARTICLES, f" {BOX} 2 ", f" {BOX} 3 "),
        "says that its particles are stacks of 2D tilt images, but _rlnImageDimensionality is 3",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_it_is_refused_with_one_cause(name, stacked):
    change, words = EDITS[name]
    change(stacked)
    assert words in refused(stacked).detail


@pytest.mark.parametrize("missing", [WEDGE, Complete()], ids=["wedge", "none"])
def test_images_tell_themselves_what_is_missing(missing, stacked):
    problem = refused(stacked, missing)
    assert "give the missing region 'weights' (--missing-from-weights)" in problem.detail
    assert problem.pointer == "/missing"


def test_an_optimisation_set_chooses_among_tables(stacked):
    shutil.copy(stacked.folder / PARTICLES, stacked.folder / "other_particles.star")
    shutil.copy(stacked.folder / TOMOGRAMS, stacked.folder / "other_tomograms.star")
    seal(stacked.folder.parent / "sealed", Weights(), house=House(uploads=stacked.folder))
    told = "\n".join(read_record(stacked.folder.parent / "sealed").remarks)
    assert "other_particles.star, other_tomograms.star" in told


def test_a_broken_table_beside_them_is_left_out(stacked):
    (stacked.folder / "notes.star").write_text("no STAR file")
    seal(stacked.folder.parent / "sealed", Weights(), house=House(uploads=stacked.folder))
    told = "\n".join(read_record(stacked.folder.parent / "sealed").remarks)
    assert "notes.star" in told


def test_what_makes_progress_may_stop_it(stacked):
    class Stop(Exception):
        pass

    def stop(done, total):
        assert total == 4
        if done == 2:
            raise Stop

    target = stacked.folder.parent / "sealed"
    with pytest.raises(Stop):
        seal(target, Weights(), progress=stop, house=House(uploads=stacked.folder))
    assert not any(target.iterdir())
