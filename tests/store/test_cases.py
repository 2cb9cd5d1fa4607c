"""Inputs which users reported: each is read, or refused with one cause, or remarked on."""

from __future__ import annotations

import shutil

import pytest

from subtomo_core.errors import InputError
from subtomo_core.spec.missing_region import Wedge, Weights
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import read_record
from support.shared_data import shared_data

WEDGE = Wedge(tilt_min_deg=-60, tilt_max_deg=60)

# Particles, voxel size, and words of a remark.
READ = {
    "d11-excluded": (6, 8.0, "2 rows were left out of crop.tbl"),
    "m20-bz2": (8, 8.0, "p.star: "),
    "m23-stack-ispg0": (8, 8.0, "all.mrcs is not marked as a stack of volumes"),
    "r01-turned-boxes": (16, 8.0, "16 of the boxes were cut out turned"),
    "o01-roundtrip": (8, 8.0, "_rlnVoltage is 300, 200; 300 stands in the dataset's own table"),
    "s04b-one-particle-simple-block": (1, 8.0, "8 files were left out, not named in p.star"),
    "s07-colon-mrc": (8, 8.0, "p.star: "),
    "s16-float-optics": (8, 8.0, "p.star: "),
    "s19c-noise-single": (24, 8.0, "p.star: "),
    "s22c-two-groups-no-number": (8, 10.5, "10.5 Å was used"),
    "s23-latin1": (8, 8.0, "p.star: "),
    "x-motl-star": (1, 8.0, "not in motl.star: README.txt, particle_2.mrc"),
    "s24-two-particle-blocks": (8, 8.0, "the particles of 2 tables were joined"),
}

# Words of the one problem.
REFUSED = {
    "m04-nsymbt-leftover": "set nsymbt, bytes 93 to 96, to 0",
    "m18b-voxel-1": "is 1 Å, as many programs write where they know none",
    "m25-folder-mixed": "p3.mrc.bz2: not an MRC file",
    "s02-duplicate-optics-column": "has the column _rlnOpticsGroup twice (as number 1 and 8)",
    "s08-flag-2d-but-3d": "set _rlnTomoSubTomosAre2DStacks to 0 if the files hold 3D volumes",
    "s12-nan-pixel": "_rlnPixelSize is 'nan': a finite number is needed; give the voxel size",
    "s19-duplicate-rows": "sub/p1.mrc is the particle of row 1 as well (3 such rows)",
    "s19c-noise-duplicates": "n0.mrc is the particle of row 1 as well (24 such rows)",
    "w01-signed-ctf": "so in 7 more rows: 2, 3, 4, 5, 6, 7, 8",
    "x-tomograms-star": "it is a table of tomograms",
}


@pytest.fixture
def case(folder):
    """Upload a case, all its files."""

    def upload(name):
        shutil.copytree(shared_data("cases", name), folder / "uploads")
        return folder, Weights() if name == "w01-signed-ctf" else WEDGE

    return upload


@pytest.mark.parametrize("name", READ)
def test_it_is_read(case, name):
    folder, missing = case(name)
    count, size, words = READ[name]
    summary = seal(folder, missing, 8.0 if name == "d11-excluded" else None)
    assert (summary.particles, summary.voxel_size_angstrom) == (count, size)
    assert any(words in remark for remark in read_record(folder).remarks)
    assert any("README.txt" in remark for remark in read_record(folder).remarks)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_one_cause(case, name):
    folder, missing = case(name)
    with pytest.raises(InputError) as caught:
        seal(folder, missing)
    (problem,) = caught.value.problems
    assert REFUSED[name] in problem.detail


def test_turned_boxes_are_read_with_the_weights_that_were_turned_with_them(case):
    folder, _ = case("r01-turned-boxes")
    assert seal(folder, Weights()).particles == 16
