"""What is sealed is what was uploaded."""

from __future__ import annotations

import gzip
import json
import shutil
import tracemalloc

import mrcfile
import numpy as np

from subtomo_core.spec.missing_region import Weights
from subtomo_store.datasets.material import Registered
from subtomo_store.datasets.sealing import House, seal
from subtomo_store.datasets.stack import StackParticles, read_record
from subtomo_store.formats.mrc import write_volume
from support.particles import make_particles, noise_volumes, shared
from support.sealing import SEALED, WEDGE, content, names

# ---------------------------------------------------------------- a good dataset


def test_a_sealed_dataset_holds_what_was_uploaded(folder, uploaded):
    seen = []
    summary = seal(folder, WEDGE, progress=lambda done, total: seen.append((done, total)))
    assert (summary.particles, summary.box, summary.voxel_size_angstrom) == (4, 8, 5.0)
    assert summary.missing == WEDGE
    assert seen == [(i, 4) for i in (1, 2, 3, 4)]
    assert names(folder) == SEALED
    assert mrcfile.validate(folder / "particles.mrcs")
    assert np.array_equal(mrcfile.read(folder / "particles.mrcs"), uploaded.volumes)


def test_weights_are_kept_for_their_region_only_and_a_remark_says_so(folder, uploaded):
    shutil.copytree(folder, folder.with_name("ds_2"))
    seal(folder, WEDGE)
    (remark,) = (r for r in read_record(folder).remarks if "were not used" in r)
    assert "--missing-from-weights" in remark
    masked = folder.with_name("ds_2")
    seal(masked, Weights())
    assert names(masked) == sorted([*SEALED, "weights.npy"])
    record = masked / "dataset.json"
    record.write_text(record.read_text().replace('"kind": "weights"', '"kind": "mask"'))
    assert StackParticles(masked).summary.missing == Weights()  # as it was written once
    (remark,) = read_record(masked).remarks
    assert remark.startswith("not in particles.star: ")


def test_the_same_uploads_give_the_same_bytes(folder, uploaded):
    again = folder.with_name("ds_2")
    shutil.copytree(folder, again)
    seal(folder, Weights())
    seal(again, Weights())
    assert content(folder) == content(again)


def test_without_a_star_file_volumes_are_sorted_as_people_count(folder):
    volumes = noise_volumes(12, 8)
    for i, volume in enumerate(volumes):
        write_volume(folder / "uploads" / f"p{i}.mrc", volume, 5.0)
    seal(folder, WEDGE)
    particles = StackParticles(folder)
    assert all(np.array_equal(particles.volume(i), volumes[i]) for i in range(12))
    assert [image.text for image in particles.table().images][:3] == ["p0.mrc", "p1.mrc", "p2.mrc"]


def test_without_a_star_file_a_stack_is_taken_apart(folder):
    volumes = noise_volumes(5, 8)
    write_volume(folder / "uploads" / "all.mrcs", volumes, 5.0)
    assert seal(folder, WEDGE).particles == 5
    assert StackParticles(folder).table().images[4].text == "000005@all.mrcs"


def test_a_star_file_may_pick_from_packed_stacks(folder):
    volumes = noise_volumes(5, 8)
    uploads = folder / "uploads"
    write_volume(uploads / "deep" / "all.mrcs", volumes, 5.0)
    packed = gzip.compress((uploads / "deep" / "all.mrcs").read_bytes())
    (uploads / "deep" / "all.mrcs").unlink()
    (uploads / "deep" / "all.mrcs.gz").write_bytes(packed)
    (uploads / "deep" / "p.star").write_text(
        "data_particles\nloop_\n_rlnImageName\n000005@all.mrcs.gz\n1@./all.mrcs.gz\n"
    )
    assert seal(folder, WEDGE).particles == 2
    assert np.array_equal(StackParticles(folder).volume(0), volumes[4])
    assert np.array_equal(StackParticles(folder).volume(1), volumes[0])


def test_names_may_start_at_the_projects_root(folder, uploaded):
    """RELION writes paths from its project folder, wherever the STAR file lies."""
    moved = folder / "uploads" / "Refine3D" / "job1" / "data.star"
    moved.parent.mkdir(parents=True)
    uploaded.star.rename(moved)
    assert seal(folder, WEDGE).particles == 4


def test_relions_half_weights_and_multiplicities_are_read(folder, uploaded):
    """Half layouts hold the transform with its origin at 0: they must come through unchanged."""
    half = np.random.default_rng(0).uniform(0.1, 1, (8, 8, 5)).astype(np.float32)
    write_volume(folder / "uploads" / "particles" / "p1_ctf.mrc", half, 5.0)
    both = np.concatenate([half * 2, half * 0 + 7])
    write_volume(folder / "uploads" / "particles" / "p2_ctf.mrc", both, 5.0)
    seal(folder, Weights())
    assert np.array_equal(StackParticles(folder).weight(1), half)
    assert np.array_equal(StackParticles(folder).weight(2), half * 2)


def _smooth_weights(box: int, reach: int) -> np.ndarray:
    """Weights (half) whose point-spread function ends ``reach`` voxels from the middle."""
    rng = np.random.default_rng(1)
    spread = np.zeros((box,) * 3)
    near = np.r_[:reach, box - reach + 1 : box]
    spread[np.ix_(near, near, near)] = rng.normal(size=(len(near),) * 3)
    both = spread + np.roll(spread[::-1, ::-1, ::-1], 1, axis=(0, 1, 2))
    weights = np.fft.rfftn(both).real
    return (weights - weights.min() + 1.0).astype(np.float32)


def test_weights_of_a_larger_box_are_cropped_as_the_particles_were(folder, uploaded):
    """What is cut from the middle has the transform's components in between, seen on its own."""
    weights = _smooth_weights(16, 4)
    write_volume(folder / "uploads" / "particles" / "p1_ctf.mrc", weights, 5.0)
    seal(folder, Weights())
    # Every second component of the larger box lies on one of the smaller.
    expected = weights[::2, ::2, ::2]
    assert np.allclose(StackParticles(folder).weight(1), expected, atol=1e-4)
    _, remark = read_record(folder).remarks
    assert remark.startswith("weights of 1 of the 4 particles come for a larger box")


def test_weights_of_a_smaller_voxel_are_cut_off_where_binned_particles_are(folder, uploaded):
    weights = np.random.default_rng(1).uniform(0.1, 1.0, (16, 16, 9)).astype(np.float32)
    write_volume(folder / "uploads" / "particles" / "p1_ctf.mrc", weights, 2.5)
    seal(folder, Weights())
    found = StackParticles(folder).weight(1)
    for k in ((1, 2, 3), (-3, 0, 2), (0, -1, 1), (3, 3, 0)):
        assert found[k] == weights[k]
    _, remark = read_record(folder).remarks
    assert "smaller voxel" in remark


def test_slightly_negative_weights_count_as_0(folder, uploaded):
    """Warp's weights are, where nothing was observed: what its interpolation leaves."""
    rng = np.random.default_rng(2)
    weights = rng.uniform(0.1, 1.0, (8, 8, 5)).astype(np.float32)
    weights[rng.uniform(size=weights.shape) < 0.3] = -0.01
    for number in (1, 2):
        write_volume(folder / "uploads" / "particles" / f"p{number}_ctf.mrc", weights, 5.0)
    seal(folder, Weights())
    assert np.array_equal(StackParticles(folder).weight(1), np.maximum(weights, 0.0))
    _, remark = read_record(folder).remarks
    assert remark == (
        "weights of 2 of the 4 particles are slightly negative in places and were set to 0 there"
    )


def test_registered_files_are_read_and_stay_where_they_are(folder, tmp_path):
    elsewhere = make_particles(tmp_path / "facility")
    house = House(Registered(elsewhere.folder, (tmp_path / "facility",)))
    (elsewhere.folder / "particles" / "round").symlink_to(elsewhere.folder / "particles")
    assert seal(folder, WEDGE, house=house).particles == 4
    assert not (folder / "uploads").exists()
    assert elsewhere.star.exists()
    assert (elsewhere.folder / "particles" / "p0.mrc").exists()


def test_memory_does_not_grow_with_the_number_of_particles(folder):
    peaks = []
    for count in (8, 80):
        make_particles(folder / f"{count}" / "uploads", count=count, box=32)
        tracemalloc.start()
        seal(folder / f"{count}", WEDGE)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    particle = 4 * 32**3
    assert peaks[1] - peaks[0] < 4 * particle


# ---------------------------------------------------------------- real particles


def test_the_experimental_ribosomes_are_sealed(folder):
    shutil.copytree(shared("ribosome-70S", "particles"), folder / "uploads" / "particles")
    shutil.copy(shared("ribosome-70S", "particles.star"), folder / "uploads")
    summary = seal(folder, Weights())
    assert (summary.particles, summary.box, summary.voxel_size_angstrom) == (40, 32, 12.0)
    particles = StackParticles(folder)
    record = json.loads((folder / "dataset.json").read_text())
    assert record["summary"]["missing"] == {"kind": "weights"}
    # Where nothing was observed the particle's transform is 0: volume and weights fit together.
    for i in (0, 17, 39):
        power = np.abs(np.fft.rfftn(particles.volume(i))) ** 2
        weight = particles.weight(i)
        assert power[weight == 0].mean() < 1e-10 * power[weight > 0].mean()
