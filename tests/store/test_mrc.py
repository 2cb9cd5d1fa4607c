from __future__ import annotations

import gzip
import io
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from mrcfile.dtypes import HEADER_DTYPE

from subtomo_core.errors import InputError
from subtomo_store.formats.mrc import write_images, write_volume
from subtomo_store.formats.volumes import FileVolumes, is_volume_name, read_volume
from support.particles import noise_volumes, shared

BOX = 8


@pytest.fixture
def volume():
    return noise_volumes(1, BOX)[0]


@pytest.fixture
def written(tmp_path: Path, volume):
    path = tmp_path / "map.mrc"
    write_volume(path, volume, 4.5)
    return path


def raw_file(path: Path, data: np.ndarray, *, order: str = "<", **fields) -> Path:
    """An MRC file written field by field, as odd programs do."""
    header = np.zeros((), HEADER_DTYPE.newbyteorder(order))
    nz, ny, nx = data.shape
    for name, value in {"nx": nx, "ny": ny, "nz": nz, "mx": nx, "my": ny, "mz": nz}.items():
        header[name] = value
    header["cella"]["x"], header["cella"]["y"], header["cella"]["z"] = nx * 2, ny * 2, nz * 2
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["mode"], header["map"] = 2, b"MAP "
    header["machst"] = (0x44, 0x44, 0, 0) if order == "<" else (0x11, 0x11, 0, 0)
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(header.tobytes() + data.astype(data.dtype.newbyteorder(order)).tobytes())
    return path


def problem_of(path: Path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_volume(path, **options)
    (problem,) = caught.value.problems
    assert problem.file == path.name
    assert path.name in problem.detail
    return problem.detail


# ---------------------------------------------------------------- writing


def test_what_is_written_is_read_back_bit_by_bit(written, volume):
    back = read_volume(written)
    assert np.array_equal(back.array, volume)
    assert back.array.dtype == np.float32
    assert back.voxel_size == 4.5


def test_another_reader_agrees_and_finds_the_file_valid(written, volume):
    report = io.StringIO()
    assert mrcfile.validate(written, print_file=report), report.getvalue()
    with mrcfile.open(written) as mrc:
        assert np.array_equal(mrc.data, volume)
        assert mrc.voxel_size.x == pytest.approx(4.5)
        assert tuple(mrc.header.origin.tolist()) == (0.0, 0.0, 0.0)
        assert mrc.get_labels() == ["Subtomo"]


def test_the_same_volume_gives_the_same_bytes(volume):
    first, second = io.BytesIO(), io.BytesIO()
    write_volume(first, volume, 4.5)
    write_volume(second, volume.copy(order="F"), 4.5)
    assert first.getvalue() == second.getvalue()


def test_a_stack_is_marked_as_volumes(tmp_path):
    volumes = noise_volumes(3, BOX)
    path = tmp_path / "all.mrcs"
    write_volume(path, volumes, 2.0)
    with mrcfile.open(path) as mrc:
        assert mrc.is_volume_stack()
        assert np.array_equal(mrc.data, volumes)
    with FileVolumes(path) as stack:
        assert len(stack) == 3
        assert stack.shape == (BOX, BOX, BOX)
        assert all(np.array_equal(stack[i], volumes[i]) for i in range(3))
    assert "holds 3 volumes" in problem_of(path)


@pytest.mark.parametrize("count", [1, 5])
def test_images_are_marked_as_such_and_are_no_volume(tmp_path, count):
    images = noise_volumes(1, BOX)[0][:count]
    path = tmp_path / "images.mrcs"
    write_images(path, images, 2.0)
    with mrcfile.open(path) as mrc:
        assert mrc.header.ispg == 0
        assert mrc.header.mz == 1
        assert mrc.voxel_size.z == pytest.approx(2.0)
        assert np.array_equal(mrc.data.reshape(images.shape), images)
    assert mrcfile.validate(path)
    problem_of(path)


def test_a_flat_array_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="2 axes"):
        write_volume(io.BytesIO(), np.zeros((4, 4)), 1.0)


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.float16, np.float32])
@pytest.mark.parametrize("suffix", [".mrc", ".map", ".rec", ".st", ".mrc.gz"])
def test_each_mode_is_read(tmp_path, dtype, suffix):
    data = (np.arange(BOX**3) % 100).reshape(BOX, BOX, BOX).astype(dtype)
    path = tmp_path / f"map{suffix}"
    with mrcfile.new(path, data, compression="gzip" if suffix.endswith("gz") else None) as mrc:
        mrc.voxel_size = 3.0
    back = read_volume(path)
    assert is_volume_name(path.name)
    assert np.array_equal(back.array, data.astype(np.float32))
    assert back.voxel_size == pytest.approx(3.0)


@pytest.mark.parametrize(("dtype", "mode"), [("i2", 1), ("f4", 2), ("u2", 6), ("f2", 12)])
def test_both_byte_orders_are_read(tmp_path, dtype, mode):
    data = np.arange(BOX**3).reshape(BOX, BOX, BOX).astype(dtype)
    little = read_volume(raw_file(tmp_path / "l.mrc", data, mode=mode))
    big = read_volume(raw_file(tmp_path / "b.mrc", data, order=">", mode=mode))
    assert np.array_equal(little.array, data.astype(np.float32))
    assert np.array_equal(big.array, little.array)
    assert big.voxel_size == little.voxel_size == 2.0


def test_a_wrong_machine_stamp_does_not_matter(tmp_path, volume):
    path = raw_file(tmp_path / "b.mrc", volume, order=">", machst=(0x44, 0x44, 0, 0))
    assert np.array_equal(read_volume(path).array, volume)


@pytest.mark.parametrize(("flags", "lowest"), [(0, 0), (1, -128)])
def test_the_imod_stamp_tells_signed_from_unsigned_bytes(tmp_path, flags, lowest):
    data = np.arange(512).astype(np.uint8).reshape(BOX, BOX, BOX)
    path = raw_file(tmp_path / "b.mrc", data, mode=0)
    raw = bytearray(path.read_bytes())
    raw[152:160] = np.array([1146047817, flags], "<i4").tobytes()
    path.write_bytes(raw)
    assert read_volume(path).array.min() == lowest


@pytest.mark.parametrize("axes", [(1, 2, 3), (3, 2, 1), (2, 1, 3), (3, 1, 2), (2, 3, 1), (1, 3, 2)])
def test_permuted_axes_come_back_as_zyx(tmp_path, volume, axes):
    """Voxel (x, y, z) must be found under [z, y, x], whichever axis runs fastest in the file."""
    columns, rows, sections = axes
    in_file = volume.transpose([3 - sections, 3 - rows, 3 - columns])
    path = raw_file(tmp_path / "p.mrc", in_file, mapc=columns, mapr=rows, maps=sections)
    assert np.array_equal(read_volume(path).array, volume)


def test_an_extended_header_is_passed_over(tmp_path, volume):
    path = raw_file(tmp_path / "e.mrc", volume, nsymbt=160)
    raw = path.read_bytes()
    path.write_bytes(raw[:1024] + b"x" * 160 + raw[1024:])
    assert np.array_equal(read_volume(path).array, volume)


# ---------------------------------------------------------------- refusals


def test_a_truncated_file_names_both_sizes(written):
    written.write_bytes(written.read_bytes()[:-100])
    detail = problem_of(written)
    assert "2048 bytes of voxels expected, 1948 found" in detail


def test_a_truncated_gzip_file_is_refused(tmp_path, written):
    path = tmp_path / "map.mrc.gz"
    path.write_bytes(gzip.compress(written.read_bytes())[:-300])
    assert "damaged gzip file" in problem_of(path)
    path.write_bytes(gzip.compress(written.read_bytes()[:-300]))
    assert "truncated" in problem_of(path)


def test_a_gzip_file_is_unpacked_no_further_than_its_header_says(tmp_path, written, volume):
    path = tmp_path / "bomb.mrc.gz"
    path.write_bytes(gzip.compress(written.read_bytes() + bytes(50_000_000)))
    with FileVolumes(path, scratch=tmp_path) as volumes:
        assert volumes._file.seek(0, 2) == 1024 + volume.nbytes
        assert np.array_equal(volumes[0], volume)


def test_a_header_alone_is_refused(written):
    written.write_bytes(written.read_bytes()[:1024])
    assert "header without voxels" in problem_of(written)
    written.write_bytes(b"MAP")
    assert "only 3 bytes" in problem_of(written)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mapc": 10, "mapr": 11, "maps": 12}, "invalid axes 10, 11, 12"),
        ({"mapc": 1, "mapr": 1}, "invalid axes"),
        ({"mode": 4}, "data mode 4 (complex 32-bit)"),
        ({"mode": 77}, "data mode 77 (unknown)"),
        ({"nx": -8}, "impossible size"),
        ({"nz": 2**31 - 1, "ny": 60000, "nx": 60000}, "too large"),
        ({"nsymbt": -5}, "impossible extended header"),
        ({"mx": 4}, "not cubic"),
        ({"ispg": 401, "mz": 3}, "stack of 8 sections"),
    ],
)
def test_impossible_headers_are_refused_by_field(tmp_path, volume, fields, words):
    assert words in problem_of(raw_file(tmp_path / "odd.mrc", volume, **fields))


def test_something_else_is_no_mrc_file(tmp_path):
    path = tmp_path / "a.mrc"
    path.write_bytes(b"\x89PNG" * 500)
    assert "not an MRC file" in problem_of(path)


def test_voxels_which_are_no_numbers_are_counted_and_placed(tmp_path, volume):
    volume[2, 3, 4], volume[5, 5, 5], volume[6, 0, 0] = np.nan, np.inf, np.nan
    path = tmp_path / "nan.mrc"
    with np.errstate(invalid="ignore"):
        write_volume(path, volume, 1.0)
    detail = problem_of(path)
    assert "2 voxels are NaN and 1 infinite" in detail
    assert "first at x 4, y 3, z 2" in detail


def test_a_volume_must_be_a_cube(tmp_path):
    write_volume(tmp_path / "slab.mrc", np.ones((4, 8, 10)), 1.0)
    assert "10 x 8 x 4 voxels are not a cube" in problem_of(tmp_path / "slab.mrc")


def test_a_voxel_size_of_zero_needs_one_from_elsewhere(tmp_path, volume):
    path = tmp_path / "zero.mrc"
    write_volume(path, volume, 0.0)
    assert "voxel size in its header is 0" in problem_of(path)
    assert read_volume(path, voxel_size=7.0).voxel_size == 7.0


# ---------------------------------------------------------------- files of other programs


@pytest.mark.parametrize(
    ("name", "first"),
    [("EMD-3197.map", -1.8013091), ("emd_3197.map.gz", -1.8013091), ("signed_ints.mrc", -128.0)],
)
def test_samples_are_read(name, first):
    back = read_volume(shared("formats", name))
    assert back.array.flat[0] == np.float32(first)
    assert back.voxel_size > 10


def test_sample_of_unsigned_bytes_without_a_stamp():
    array = read_volume(shared("formats", "unsigned_ints.mrc")).array
    assert sorted(set(array.flat)) == [0.0, 127.0, 128.0, 255.0]


def test_sample_of_the_other_byte_order():
    path = shared("formats", "swapped_byte_order.mrc")
    with pytest.warns(RuntimeWarning, match="byte order"):
        oracle = mrcfile.open(path, permissive=True)
    with FileVolumes(path) as volumes, oracle:
        assert np.array_equal(volumes[0][0], oracle.data)
        assert volumes.voxel_size is None


def test_sample_of_16_bit_integers():
    with FileVolumes(shared("formats", "new-head_int16.mrc")) as volumes:
        assert volumes.shape == (20, 30, 40)
        assert volumes[0].flat[0] == -6


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("header_only.mrc", "header without voxels"),
        ("invalid_axes.mrc", "invalid axes"),
        ("au_1.em", "a table or picture of 20 x 64 numbers"),
        ("new-head_int16.mrc", "not a cube"),
    ],
)
def test_bad_samples_are_refused(name, words):
    assert words in problem_of(shared("formats", name))


def test_a_real_map_is_read():
    back = read_volume(shared("maps", "EMD-1997.map"))
    assert back.array.shape == (100, 100, 100)
    assert back.voxel_size == pytest.approx(2.02)
