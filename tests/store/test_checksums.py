"""One bit that flips in a stored particle, or in its weights, is told and never averaged."""

from __future__ import annotations

import json

import mrcfile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from subtomo_core.spec.missing_region import Complete, Weights
from subtomo_store.datasets.checksums import CHECKSUMS, checksum
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import RECORD, WEIGHTS, StackParticles
from subtomo_store.datasets.stack_file import PARTICLES
from subtomo_store.errors import DamagedError, StorageError
from support.particles import make_particles
from support.verifying import flip

COUNT, BOX = 4, 8


@pytest.fixture
def sealed(tmp_path):
    folder = tmp_path / "ds_1"
    make_particles(folder / "uploads", count=COUNT, box=BOX, voxel_size=5.0, weighted=True)
    seal(folder, Weights())
    return folder


@given(st.integers(0, 31), st.integers(0, 511))
def test_every_bit_counts(bit, voxel):
    volume = np.random.default_rng(1).normal(size=(BOX,) * 3).astype(np.float32)
    before = checksum(volume)
    volume.reshape(-1).view(np.uint32)[voxel] ^= np.uint32(1 << bit)
    assert checksum(volume) != before


@pytest.mark.parametrize("name", [PARTICLES, WEIGHTS])
def test_a_flipped_bit_is_told_with_dataset_particle_and_remedy(sealed, name):
    size = (sealed / name).stat().st_size
    flip(sealed / name, size - 7)  # in the last one
    particles = StackParticles(sealed)
    assert particles.damaged(range(COUNT)) == [COUNT - 1]
    read = particles.volume if name == PARTICLES else particles.weight
    assert read(0) is not None
    with pytest.raises(
        DamagedError, match=f"particle {COUNT} of the dataset ds_1 is damaged"
    ) as told:
        read(COUNT - 1)
    assert "put the dataset's files back" in str(told.value)


def test_a_dataset_of_before_there_were_checksums_is_read_as_ever(sealed):
    record = json.loads((sealed / RECORD).read_text())
    del record["files"]
    (sealed / RECORD).write_text(json.dumps(record))
    (sealed / CHECKSUMS).unlink()
    flip(sealed / PARTICLES, 2000)
    assert StackParticles(sealed).damaged(range(COUNT)) == []


def test_checksums_which_are_gone_or_damaged_are_told(sealed):
    flip(sealed / CHECKSUMS, 200)
    with pytest.raises(StorageError, match=f"{CHECKSUMS} of dataset ds_1 is damaged"):
        StackParticles(sealed)
    (sealed / CHECKSUMS).unlink()
    with pytest.raises(StorageError, match=f"{CHECKSUMS} is gone"):
        StackParticles(sealed)


@pytest.mark.parametrize("dtype", ["<f4", "<f2"])
def test_a_stack_that_stays_as_it_is_has_checksums_too(tmp_path, dtype):
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    volumes = np.random.default_rng(2).normal(size=(3, BOX, BOX, BOX)).astype(dtype)
    with mrcfile.new(uploads / "all.mrcs") as file:
        file.set_data(volumes)
        file.voxel_size = 5.0
    seal(tmp_path, Complete(), dark_particles=True)
    particles = StackParticles(tmp_path)
    for index, volume in enumerate(volumes):
        assert np.array_equal(particles.volume(index), -volume.astype(np.float32))
    flip(tmp_path / PARTICLES, 1024 + np.dtype(dtype).itemsize * BOX**3 + 3)
    assert particles.damaged(range(3)) == [1]
