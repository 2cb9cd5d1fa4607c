"""Packed volumes: read whole, unpacked no further than needed, or refused in words."""

from __future__ import annotations

import bz2
import gzip
import lzma

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.formats import packed
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.volumes import FileVolumes, is_volume_name, read_header, read_volume
from support.particles import noise_volumes
from support.sealing import WEDGE

PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
ZEROS = bytes(20_000_000)


@pytest.fixture
def plain(tmp_path):
    write_volume(tmp_path / "v.mrc", noise_volumes(1, 8)[0], 4.0)
    return (tmp_path / "v.mrc").read_bytes()


@pytest.mark.parametrize("ending", PACK)
def test_a_packed_volume_is_the_volume(tmp_path, plain, ending):
    path = tmp_path / f"v.mrc{ending}"
    path.write_bytes(PACK[ending](plain))
    assert is_volume_name(path.name)
    assert np.array_equal(read_volume(path).array, noise_volumes(1, 8)[0])
    assert read_header(path).voxel_size == 4.0


@pytest.mark.parametrize("ending", PACK)
def test_what_was_packed_in_two_pieces_is_one(tmp_path, plain, ending):
    path = tmp_path / f"v.mrc{ending}"
    path.write_bytes(PACK[ending](plain[:700]) + PACK[ending](plain[700:]))
    assert np.array_equal(read_volume(path).array, noise_volumes(1, 8)[0])


@pytest.mark.parametrize("ending", PACK)
def test_a_bomb_is_unpacked_no_further_than_its_header_says(tmp_path, plain, ending):
    path = tmp_path / f"v.mrc{ending}"
    path.write_bytes(PACK[ending](plain + ZEROS))
    with FileVolumes(path, scratch=tmp_path) as volumes:
        assert volumes._file.seek(0, 2) == len(plain)
        assert volumes.goes_on


@pytest.mark.parametrize("ending", PACK)
def test_a_damaged_file_is_refused_by_name(tmp_path, plain, ending):
    path = tmp_path / f"v.mrc{ending}"
    path.write_bytes(PACK[ending](plain)[:-20])
    with pytest.raises(InputError, match=rf"v\.mrc{ending}: a damaged \w+ file"):
        read_volume(path)


def test_an_xz_file_with_a_huge_dictionary_is_refused(tmp_path, plain, monkeypatch):
    monkeypatch.setattr(packed, "XZ_MEMORY", 1 << 20)
    path = tmp_path / "v.mrc.xz"
    path.write_bytes(lzma.compress(plain, preset=9))
    with pytest.raises(InputError, match="too large a dictionary: pack it by xz -9"):
        read_volume(path)


def test_zstd_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "v.mrc.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    assert is_volume_name(path.name)
    with pytest.raises(InputError, match=r"packed by zstd, which is not read: unpack it"):
        read_header(path)


def test_packed_particles_and_stacks_are_sealed(folder):
    (folder / "uploads").mkdir(parents=True)
    volumes = noise_volumes(3, 8)
    for name, content in (("a.mrcs", volumes[:2]), ("b.mrc", volumes[2])):
        write_volume(folder / "uploads" / name, content, 4.0)
        path = folder / "uploads" / name
        path.with_name(f"{name}.bz2").write_bytes(bz2.compress(path.read_bytes()))
        path.unlink()
    assert seal(folder, WEDGE).particles == 3
    assert all(np.array_equal(StackParticles(folder).volume(i), volumes[i]) for i in range(3))
