"""The dataset's voxel size: measured, given, or asked for; never a default."""

from __future__ import annotations

import mrcfile
import pytest

from subtomo_core.errors import InputError
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import read_record
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.volumes import read_volume
from support.particles import make_particles, noise_volumes
from support.sealing import WEDGE, edit, one_problem

SIZE = 5.0


def theirs(path, volume, size):
    """A volume as another program writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path, volume, overwrite=True) as file:
        file.voxel_size = size
        file.set_volume()


@pytest.mark.parametrize(("size", "said"), [(1.0, "is 1 Å, as many programs"), (0.0, "is 0")])
def test_a_default_is_asked_for(folder, size, said):
    for i, volume in enumerate(noise_volumes(3, 8)):
        theirs(folder / "uploads" / f"p{i}.mrc", volume, size)
    problem = one_problem(folder)
    assert f"the voxel size in its header {said}" in problem.detail
    assert problem.detail.endswith("so in 2 more files: p1.mrc, p2.mrc")
    assert problem.pointer == "/voxel_size_angstrom"
    assert seal(folder, WEDGE, SIZE).voxel_size_angstrom == SIZE


def test_the_table_leads_where_headers_say_1_with_a_remark(folder):
    uploaded = make_particles(folder / "uploads")
    for i, volume in enumerate(uploaded.volumes):
        theirs(folder / "uploads" / "particles" / f"p{i}.mrc", volume, 1.0)
    assert seal(folder, WEDGE).voxel_size_angstrom == SIZE
    (remark,) = (told for told in read_record(folder).remarks if "1 Å" in told)
    assert remark.startswith("4 headers say no voxel size, or 1 Å")
    assert remark.endswith("particles/p3.mrc): 5 Å was used")


def test_headers_without_a_size_take_that_of_the_others_with_a_remark(folder):
    first, second, third = noise_volumes(3, 8)
    theirs(folder / "uploads" / "a.mrc", first, 0.0)
    theirs(folder / "uploads" / "b.mrc", second, SIZE)
    theirs(folder / "uploads" / "c.mrc", third, 1.0)
    assert seal(folder, WEDGE).voxel_size_angstrom == SIZE
    (remark,) = read_record(folder).remarks
    assert "2 headers say no voxel size, or 1 Å" in remark
    assert "(a.mrc, c.mrc): 5 Å was used" in remark


def test_1_in_the_table_is_a_size(folder):
    uploaded = make_particles(folder / "uploads", voxel_size=1.0)
    for i, volume in enumerate(uploaded.volumes):
        theirs(folder / "uploads" / "particles" / f"p{i}.mrc", volume, 1.0)
    assert seal(folder, WEDGE).voxel_size_angstrom == 1.0
    assert len(read_record(folder).remarks) == 1


def test_a_size_which_is_no_number_is_named_once(folder):
    uploaded = make_particles(folder / "uploads")
    edit(uploaded, "_rlnImagePixelSize", "_rlnDropped")
    edit(uploaded, "_rlnClassNumber", "_rlnPixelSize")
    for value in ("1\n", "2\n"):
        edit(uploaded, f" {value}", " nan\n")
    problem = one_problem(folder)
    assert "_rlnPixelSize is 'nan': a finite number is needed; give the voxel size" in (
        problem.detail
    )
    assert problem.detail.endswith("so in 3 more rows: 2, 3, 4")


def test_a_map_of_ours_may_have_1_and_one_of_others_must_be_asked_for(tmp_path):
    volume = noise_volumes(1, 8)[0]
    write_volume(tmp_path / "ours.mrc", volume, 1.0)
    assert read_volume(tmp_path / "ours.mrc").voxel_size == 1.0
    theirs(tmp_path / "theirs.mrc", volume, 1.0)
    with pytest.raises(InputError, match=r"1 Å, as many programs .* give voxel_size_angstrom"):
        read_volume(tmp_path / "theirs.mrc")
    assert read_volume(tmp_path / "theirs.mrc", voxel_size=1.0).voxel_size == 1.0
