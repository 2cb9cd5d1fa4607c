from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from subtomo_core.data.particles import Particles
from subtomo_core.orientation.rotations import angular_distance
from subtomo_core.spec.missing_region import Complete, Weights
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.errors import StorageError
from support.particles import make_particles


@pytest.fixture
def uploaded(tmp_path):
    return make_particles(tmp_path / "uploads", count=5, voxel_size=5.0, weighted=True)


def test_particles_come_back_as_they_were(tmp_path, uploaded):
    seal(tmp_path, Complete())
    particles: Particles = StackParticles(tmp_path)
    assert len(StackParticles(tmp_path)) == particles.summary.particles == 5
    for i, volume in enumerate(uploaded.volumes):
        assert np.array_equal(particles.volume(i), volume)
        assert particles.volume(i).flags.owndata
        assert particles.weight(i) is None


def test_dark_particles_are_inverted_as_they_come_in(tmp_path, uploaded):
    seal(tmp_path, Complete(), dark_particles=True)
    particles = StackParticles(tmp_path)
    assert particles.summary.dark_particles
    assert np.array_equal(particles.volume(2), -uploaded.volumes[2])


def test_a_particle_in_hand_does_not_change_the_dataset(tmp_path, uploaded):
    seal(tmp_path, Complete())
    particles = StackParticles(tmp_path)
    particles.volume(0)[:] = 0.0
    assert np.array_equal(particles.volume(0), uploaded.volumes[0])


def test_weights_have_the_layout_of_rfftn(tmp_path, uploaded):
    """The weight of frequency (kx, ky, kz) stands at [c + kz, c + ky, c + kx] of the full grid."""
    seal(tmp_path, Weights())
    particles = StackParticles(tmp_path)
    n = particles.summary.box
    c = n // 2
    for kx, ky, kz in [(0, 0, 0), (1, 0, 0), (2, -3, 1), (3, 2, -1)]:
        there = uploaded.weights[1][c + kz, c + ky, c + kx]
        assert particles.weight(1)[kz, ky, kx] == pytest.approx(there, rel=1e-6)
    assert particles.weight(1).shape == (n, n, c + 1)


def test_many_threads_read_the_same(tmp_path, uploaded):
    seal(tmp_path, Weights())
    particles = StackParticles(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        volumes = list(pool.map(particles.volume, [i % 5 for i in range(200)]))
    assert all(np.array_equal(v, uploaded.volumes[i % 5]) for i, v in enumerate(volumes))


def test_given_poses_are_kept(tmp_path, uploaded):
    seal(tmp_path, Complete())
    poses = StackParticles(tmp_path).given_poses()
    assert angular_distance(poses.rotations, uploaded.rotations).max() < 1e-5
    np.testing.assert_allclose(poses.shifts, uploaded.shifts, atol=1e-6)
    assert list(poses.classes) == [1, 2, 1, 2, 1]


def test_no_poses_where_none_were_given(tmp_path):
    make_particles(tmp_path / "uploads").star.unlink()
    seal(tmp_path, Complete())
    poses = StackParticles(tmp_path).given_poses()
    assert poses.rotations is None
    assert poses.classes is None


def test_the_original_names_are_kept(tmp_path, uploaded):
    seal(tmp_path, Weights())
    table = StackParticles(tmp_path).table()
    assert [image.text for image in table.images] == [f"particles/p{i}.mrc" for i in range(5)]
    assert table.ctf_images[3].text == "particles/p3_ctf.mrc"
    assert set(table.tomograms) == {"TS_01"}


def test_a_dataset_that_is_not_sealed_or_damaged_is_told(tmp_path, uploaded):
    with pytest.raises(StorageError, match="has not been sealed"):
        StackParticles(tmp_path)
    seal(tmp_path, Weights())
    stack = tmp_path / "particles.mrcs"
    stack.write_bytes(stack.read_bytes()[:-4])
    with pytest.raises(StorageError, match="damaged"):
        StackParticles(tmp_path)
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        StackParticles(tmp_path)
