"""Files which are not used are named, by server and client in the same words."""

from __future__ import annotations

import mrcfile
import numpy as np
import pytest

from subtomo import transfer
from subtomo_core.errors import InputError
from subtomo_core.spec.missing_region import Weights
from subtomo_store.datasets.intake_parts import NO_PARTICLES
from subtomo_store.datasets.material import Registered
from subtomo_store.datasets.sealing import House, seal
from subtomo_store.datasets.stack import StackParticles, read_record
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.mrc_header import HEADER_BYTES
from subtomo_store.formats.star import ParticleRows, write_particles
from support.particles import make_particles, noise_volumes
from support.sealing import WEDGE, edit, one_problem, problems_of

LISTS = ("all.lst", "coords.json", "list.xml", "motl.csv", "p4.hdf", "tilt.mod")


def remarks(folder):
    return read_record(folder).remarks


# ---------------------------------------------------------------- files


def test_lists_of_other_programs_beside_volumes_are_named(folder):
    uploads = folder / "uploads"
    uploads.mkdir(parents=True)
    for i, volume in enumerate(noise_volumes(2, 8)):
        write_volume(uploads / f"p{i}.mrc", volume, 4.0)
    for name in LISTS:
        (uploads / name).write_text("1")
    files = transfer.outgoing(uploads)
    assert [file.name for file in files] == ["p0.mrc", "p1.mrc"]
    told = transfer.left_out(uploads, files)
    assert seal(folder, WEDGE).particles == 2
    assert remarks(folder) == (f"6 files were left out, {NO_PARTICLES}: {', '.join(LISTS)}",)
    assert tuple(told) == remarks(folder)


def test_lists_alone_are_refused_by_name(folder):
    (folder / "uploads").mkdir(parents=True)
    (folder / "uploads" / "list.xml").write_text("<ParticleList/>")
    sentence = f"1 file was left out, {NO_PARTICLES}: list.xml"
    assert one_problem(folder).detail.endswith(sentence)
    with pytest.raises(transfer.InvalidInput, match=r"holds no volumes .*list\.xml"):
        transfer.outgoing(folder / "uploads")


def test_the_client_names_folders_and_no_hidden_files(tmp_path):
    write_volume(tmp_path / "p.mrc", noise_volumes(1, 8)[0], 4.0)
    (tmp_path / ".DS_Store").write_text("")
    (tmp_path / "more").mkdir()
    told = transfer.left_out(tmp_path, transfer.outgoing(tmp_path))
    assert told == [f"1 file was left out, {NO_PARTICLES}: more/"]
    assert transfer.left_out(tmp_path / "p.star", []) == []


def test_what_the_client_does_not_send_it_refuses_in_the_servers_words(folder):
    uploads = folder / "uploads"
    uploads.mkdir(parents=True)
    (uploads / "p.mrc.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(2000))
    with pytest.raises(transfer.InvalidInput) as caught:
        transfer.outgoing(uploads)
    assert str(caught.value) == one_problem(folder).detail


def test_more_than_ten_are_counted(folder, uploaded):
    for i in range(12):
        (uploaded.folder / f"x{i}.txt").write_text("")
    seal(folder, Weights())
    told = next(remark for remark in remarks(folder) if "left out" in remark)
    assert told.startswith("12 files were left out, not named in particles.star: x0.txt, x1.txt,")
    assert told.endswith("x9.txt and 2 more")


def test_weights_which_are_not_used_are_counted_as_named(folder, uploaded):
    seal(folder, WEDGE)
    assert not any("not named" in remark for remark in remarks(folder))
    assert any("the 4 files of weights that it names" in remark for remark in remarks(folder))


def test_a_dropped_row_leaves_its_file_named(folder, uploaded):
    text = uploaded.star.read_text().splitlines(keepends=True)
    uploaded.star.write_text("".join(line for line in text if "/p2.mrc" not in line))
    assert seal(folder, Weights()).particles == 3
    assert any("p2.mrc, particles/p2_ctf.mrc" in remark for remark in remarks(folder))


# ---------------------------------------------------------------- stacks


@pytest.fixture
def stack(folder):
    """A stack of four which a table names."""
    uploads = folder / "uploads"
    uploads.mkdir(parents=True)
    rows = ParticleRows([f"{i + 1}@all.mrcs" for i in range(4)], 4.0, 8)
    write_particles(uploads / "p.star", rows)
    write_volume(uploads / "all.mrcs", noise_volumes(4, 8), 4.0)
    return uploads


def test_volumes_of_a_stack_which_no_row_names_are_named(folder, stack):
    text = (stack / "p.star").read_text()
    (stack / "p.star").write_text(text.replace("2@all.mrcs 1\n", ""))
    assert seal(folder, WEDGE).particles == 3
    told = "1 of the 4 volumes in all.mrcs were left out, not named in p.star: 000002"
    assert told in remarks(folder)


@pytest.mark.parametrize("mz", [1, 32])
def test_a_stack_which_is_not_marked_is_read_as_its_table_counts(folder, stack, mz):
    volumes = noise_volumes(4, 8)
    with mrcfile.new(stack / "all.mrcs", volumes.reshape(32, 8, 8), overwrite=True) as file:
        file.voxel_size = 4.0
        file.header.ispg, file.header.mz = 0, mz
    assert seal(folder, WEDGE).voxel_size_angstrom == 4.0
    assert all(np.array_equal(StackParticles(folder).volume(i), volumes[i]) for i in range(4))
    assert any("read as 4 volumes of 8 sections, as p.star counts" in r for r in remarks(folder))


def test_without_a_table_it_is_no_cube(folder, stack):
    (stack / "p.star").unlink()
    with mrcfile.new(stack / "all.mrcs", noise_volumes(4, 8).reshape(32, 8, 8), overwrite=True):
        pass
    details = " ".join(problem.detail for problem in problems_of(folder))
    assert "8 x 8 x 32 voxels are not a cube: if they are 4 volumes, name them in a STAR" in details


def test_a_table_for_another_box_is_told(folder, stack):
    text = (stack / "p.star").read_text()
    (stack / "p.star").write_text(text.replace(" 8 3\n", " 16 3\n"))
    seal(folder, WEDGE)
    told = "_rlnImageSize is 16 in p.star, but the boxes have 8 voxels: check that"
    assert any(remark.startswith(told) for remark in remarks(folder))


# ---------------------------------------------------------------- bytes


def test_bytes_behind_the_voxels_are_told(folder, stack):
    with (stack / "all.mrcs").open("ab") as file:
        file.write(bytes(2048))
    seal(folder, WEDGE)
    told = "bytes behind the voxels which the header announces were not read, in all.mrcs: check"
    assert any(remark.startswith(told) for remark in remarks(folder))


def test_an_extended_header_which_is_not_there_is_the_one_cause(folder):
    uploaded = make_particles(folder / "uploads")
    for path in (uploaded.folder / "particles").iterdir():
        raw = bytearray(path.read_bytes())
        raw[92:96] = (131072).to_bytes(4, "little")
        path.write_bytes(raw)
    problem = one_problem(folder)
    assert problem.column == "nsymbt"
    assert "behind it lie its 2048 bytes of voxels alone: set nsymbt, bytes 93 to 96, to 0" in (
        problem.detail
    )
    assert problem.detail.endswith("so in 3 more rows: 2, 3, 4")
    for path in (uploaded.folder / "particles").iterdir():
        raw = bytearray(path.read_bytes())
        raw[92:96] = bytes(4)
        assert len(raw) == HEADER_BYTES + 2048
        path.write_bytes(raw)
    assert seal(folder, WEDGE).particles == 4


# ---------------------------------------------------------------- weights


def test_problems_of_weights_are_one_for_each_cause(folder, uploaded):
    for i in (0, 2, 3):
        signed = np.random.default_rng(i).normal(size=(8, 8, 8))
        write_volume(folder / "uploads" / "particles" / f"p{i}_ctf.mrc", signed, 5.0)
    problem = one_problem(folder, Weights())
    assert problem.file == "particles/p0_ctf.mrc"
    assert problem.detail.endswith("(particles.star, row 1); so in 2 more rows: 3, 4")


def test_different_causes_stay_apart(folder, uploaded):
    edit(uploaded, " particles/p1.mrc ", " gone.mrc ")
    write_volume(folder / "uploads" / "particles" / "p3_ctf.mrc", np.zeros((8, 8, 8)), 5.0)
    with pytest.raises(InputError) as caught:
        seal(folder, Weights())
    assert [problem.row for problem in caught.value.problems] == [2, 4]


def test_a_folder_which_is_too_deep_is_named(folder, tmp_path):
    top = tmp_path / "facility"
    deep = top.joinpath(*"abcdefghi")
    deep.mkdir(parents=True)
    for path, volume in zip((top, deep), noise_volumes(2, 8), strict=True):
        write_volume(path / "p.mrc", volume, 4.0)
    summary = seal(folder, WEDGE, house=House(Registered(top, (top,))))
    assert summary.particles == 1
    assert f"1 file was left out, {NO_PARTICLES}: a/b/c/d/e/f/g/h/" in remarks(folder)
