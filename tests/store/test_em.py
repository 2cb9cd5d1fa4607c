"""EM files: read like MRC files, but for the voxel size, which they do not tell."""

from __future__ import annotations

import gzip

import emfile
import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.formats.em import write_em
from subtomo_store.formats.volumes import FileVolumes, is_volume_name, read_volume
from support.particles import noise_volumes, shared
from support.sealing import WEDGE, one_problem


@pytest.fixture
def volume():
    return (10 * noise_volumes(1, 8)[0]).astype(np.float32)


def written(path, array, **header):
    path.parent.mkdir(parents=True, exist_ok=True)
    emfile.write(path, array, header_params=header)
    return path


def refusal(path, name=None):
    with pytest.raises(InputError) as caught:
        read_volume(path, name, 2.0)
    (problem,) = caught.value.problems
    return problem.detail


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.float32, np.float64])
def test_every_kind_of_number_is_read(tmp_path, volume, kind):
    path = written(tmp_path / "a.em", volume.astype(kind))
    back = read_volume(path, voxel_size=2.0)
    assert np.array_equal(back.array, volume.astype(kind).astype(np.float32))
    assert (back.voxel_size, back.kind) == (2.0, "EM")


@pytest.mark.parametrize("machine", [3, 5])
def test_the_other_byte_order_is_read(tmp_path, volume, machine):
    raw = bytearray(written(tmp_path / "a.em", volume).read_bytes())
    sides = np.frombuffer(raw[4:16], "<i4").astype(">i4").tobytes()
    path = tmp_path / "b.em"
    path.write_bytes(
        bytes([machine, 0, 0, 5]) + sides + raw[16:512] + volume.astype(">f4").tobytes()
    )
    assert np.array_equal(read_volume(path, voxel_size=2.0).array, volume)


def test_axes_are_z_y_x(tmp_path):
    array = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    with FileVolumes(written(tmp_path / "a.em", array)) as volumes:
        assert np.array_equal(volumes[0], array)


def test_content_tells_it_under_any_name(tmp_path, volume):
    path = written(tmp_path / "a.em", volume).rename(tmp_path / "map_1")
    assert np.array_equal(read_volume(path, "Ribosome", 2.0).array, volume)


def test_packed_ones_are_read(tmp_path, volume):
    path = tmp_path / "a.em.gz"
    path.write_bytes(gzip.compress(written(tmp_path / "a.em", volume).read_bytes()))
    assert is_volume_name(path.name)
    assert np.array_equal(read_volume(path, voxel_size=2.0).array, volume)


def test_bad_files_are_refused_in_words(tmp_path, volume):
    raw = written(tmp_path / "a.em", volume).read_bytes()
    bad = tmp_path / "b.em"
    for content, words in (
        (raw[:100], "only 100 bytes: an EM file begins with 512"),
        (raw[:512], "a header without voxels (2048 bytes expected)"),
        (raw[:-8], "truncated: 2048 bytes of voxels expected, 2040 found"),
        (raw[:3] + b"\x08" + raw[4:], "data type 8 (complex) is not read"),
        (raw[:3] + b"\x63" + raw[4:], "data type 99 (unknown) is not read"),
        (raw[:4] + b"\0" * 12 + raw[16:], "impossible sides"),
        (raw[:4] + b"\4" + raw[5:], "4 x 8 x 8 voxels are not a cube"),
    ):
        bad.write_bytes(content)
        assert words in refusal(bad)


def test_a_voxel_size_must_be_given(tmp_path, volume):
    path = written(tmp_path / "a.em", volume)
    with pytest.raises(InputError, match="EM files do not tell their voxel size: give"):
        read_volume(path)


def test_a_folder_of_them_is_sealed_once_the_voxel_size_is_known(folder):
    volumes = noise_volumes(3, 8)
    for i, array in enumerate(volumes):
        written(folder / "uploads" / f"p{i}.em", array)
    problem = one_problem(folder)
    assert (problem.file, problem.column) == ("p0.em", "")
    assert problem.pointer == "/voxel_size_angstrom"
    assert "EM files do not tell their voxel size" in problem.detail
    assert seal(folder, WEDGE, voxel_size=5.0).particles == 3
    assert np.array_equal(StackParticles(folder).volume(2), volumes[2])


def test_a_single_one_is_packed(folder, volume):
    """Jobs read MRC stacks; this file would do as it is, but for its name."""
    written(folder / "uploads" / "p.em", volume)
    seal(folder, WEDGE, voxel_size=5.0)
    assert np.array_equal(StackParticles(folder).volume(0), volume)
    assert read_volume(folder / "particles.mrcs").kind == "MRC"


def test_a_star_file_may_name_them(folder, volume):
    written(folder / "uploads" / "sub" / "p.em", volume)
    (folder / "uploads" / "p.star").write_text(
        "data_particles\nloop_\n_rlnImageName\n_rlnPixelSize\nsub/p.em 3.0\n"
    )
    assert seal(folder, WEDGE).voxel_size_angstrom == 3.0


def test_a_voxel_which_is_not_finite_is_named(folder, volume):
    volume[1, 2, 3] = np.inf
    written(folder / "uploads" / "p.em", volume)
    assert "1 infinite, the first at x 3, y 2, z 1" in one_problem(folder, voxel_size=5.0).detail


@pytest.mark.parametrize("name", ["au_1.em", "col_missing.em"])
def test_motive_lists_are_no_volumes(name):
    assert "a motive list?" in refusal(shared("formats", name))


def test_a_real_map_is_read():
    path = shared("maps", "pytom_ribo.em")
    _, oracle = emfile.read(path)
    back = read_volume(path, voxel_size=2.62)
    assert back.array.shape == (100, 100, 100)
    assert np.array_equal(back.array, oracle)


# ---------------------------------------------------------------- written


def test_another_reader_reads_the_em_file_that_is_written(tmp_path):
    volume = noise_volumes(1, 8)[0]
    with (tmp_path / "a.em").open("wb") as file:
        write_em(file, volume, 6.5)
    header, read = emfile.read(tmp_path / "a.em", mmap=False)
    assert np.array_equal(read, volume)
    assert (header["machine"], header["dtype"]) == (6, 5)
    assert [header[f"{axis}dim"] for axis in "xyz"] == [8, 8, 8]
    assert (tmp_path / "a.em").stat().st_size == 512 + 4 * 8**3


def test_axes_of_a_written_em_file_are_those_of_the_map(tmp_path):
    volume = np.zeros((8, 8, 8), np.float32)
    volume[1, 2, 3] = 1.0  # z, y, x
    with (tmp_path / "a.em").open("wb") as file:
        write_em(file, volume, 4.0)
    assert np.array_equal(read_volume(tmp_path / "a.em", voxel_size=4.0).array, volume)
    raw = np.frombuffer((tmp_path / "a.em").read_bytes()[512:], "<f4")
    assert raw[3 + 8 * (2 + 8 * 1)] == 1.0  # x runs fastest
