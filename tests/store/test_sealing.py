from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from subtomo_core.errors import Cancelled, InputError
from subtomo_core.spec import Wedge, Weights
from subtomo_store import sealing
from subtomo_store.errors import StorageError
from subtomo_store.formats.mrc import write_volume
from subtomo_store.sealing import seal
from subtomo_store.stack import StackParticles, read_record
from support.particles import make_particles, noise_volumes, shared

SEALED = ["dataset.json", "particles.mrcs", "particles.star"]
WEDGE = Wedge(tilt_min_deg=-60, tilt_max_deg=60)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "ds_1"


@pytest.fixture
def uploaded(folder):
    return make_particles(folder / "uploads", count=4, box=8, voxel_size=5.0, weighted=True)


def names(path: Path) -> list[str]:
    return sorted(child.name for child in path.iterdir())


def content(path: Path) -> dict[str, bytes]:
    return {child.name: child.read_bytes() for child in path.iterdir() if child.is_file()}


def problems_of(folder: Path, missing=WEDGE, **options):
    """Problems of a dataset that must be refused, with nothing left behind but the uploads."""
    with pytest.raises(InputError) as caught:
        seal(folder, missing, **options)
    assert names(folder) == ["uploads"]
    return caught.value.problems


def one_problem(folder: Path, missing=WEDGE, **options):
    (problem,) = problems_of(folder, missing, **options)
    return problem


def edit(uploaded, old: str, new: str) -> None:
    text = uploaded.star.read_text()
    assert old in text
    uploaded.star.write_text(text.replace(old, new))


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


def test_weights_are_kept_for_a_mask_only_and_a_remark_says_so(folder, uploaded):
    shutil.copytree(folder, folder.with_name("ds_2"))
    seal(folder, WEDGE)
    (remark,) = (r for r in read_record(folder).remarks if "rlnCtfImage" in r)
    assert "not used" in remark
    masked = folder.with_name("ds_2")
    seal(masked, Weights())
    assert names(masked) == sorted([*SEALED, "weights.npy"])
    assert read_record(masked).remarks == ()


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


def test_linked_files_are_read_and_stay_where_they_are(folder, tmp_path):
    """Files registered on the facility's disk are links in the uploads."""
    elsewhere = make_particles(tmp_path / "facility")
    (folder / "uploads").mkdir(parents=True)
    for entry in elsewhere.folder.iterdir():
        (folder / "uploads" / entry.name).symlink_to(entry)
    (elsewhere.folder / "particles" / "round").symlink_to(elsewhere.folder / "particles")
    assert seal(folder, WEDGE).particles == 4
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


# ---------------------------------------------------------------- voxel size


def test_the_datasets_own_voxel_size_fills_empty_headers(folder):
    for i, volume in enumerate(noise_volumes(2, 8)):
        write_volume(folder / "uploads" / f"p{i}.mrc", volume, i * 1.0)
    assert seal(folder, WEDGE, voxel_size=5.0).voxel_size_angstrom == 5.0


def test_a_voxel_size_of_zero_everywhere_is_refused(folder):
    write_volume(folder / "uploads" / "p.mrc", noise_volumes(1, 8)[0], 0.0)
    problem = one_problem(folder)
    assert "voxel size in its header is 0" in problem.detail
    assert problem.pointer == "/voxel_size_angstrom"


def test_a_header_that_disagrees_is_named(folder, uploaded):
    write_volume(folder / "uploads" / "particles" / "p2.mrc", uploaded.volumes[2], 5.2)
    problem = one_problem(folder)
    assert problem.file == "particles/p2.mrc"
    assert "5.2 Å" in problem.detail
    assert "5 Å" in problem.detail


def test_one_per_cent_is_tolerated(folder, uploaded):
    write_volume(folder / "uploads" / "particles" / "p2.mrc", uploaded.volumes[2], 5.04)
    assert seal(folder, WEDGE).voxel_size_angstrom == 5.0


def test_a_star_file_that_disagrees_with_the_dataset_is_named(folder, uploaded):
    problems = problems_of(folder, voxel_size=6.0)
    assert [p.file for p in problems] == ["particles.star", "particles/p0.mrc"]
    assert "4 such rows" in problems[0].detail


# ---------------------------------------------------------------- bad input


def test_the_odd_box_is_named_with_both_sizes(folder, uploaded):
    write_volume(folder / "uploads" / "particles" / "p2.mrc", noise_volumes(1, 10)[0], 5.0)
    problem = one_problem(folder)
    assert problem.file == "particles/p2.mrc"
    assert problem.row == 3
    assert "box of 10 voxels differs from the 8 of 3 other" in problem.detail


@pytest.mark.parametrize("box", [6, 9])
def test_a_box_that_cannot_be_used_is_refused(folder, box):
    make_particles(folder / "uploads", box=box)
    assert f"a box of {box} voxels cannot be used" in one_problem(folder).detail


def test_a_truncated_particle_is_named_with_its_bytes(folder, uploaded):
    path = folder / "uploads" / "particles" / "p1.mrc"
    path.write_bytes(path.read_bytes()[:-8])
    problem = one_problem(folder)
    assert (problem.file, problem.row) == ("particles/p1.mrc", 2)
    assert "2048 bytes of voxels expected, 2040 found" in problem.detail


def test_nan_and_constant_particles_are_each_named(folder, uploaded):
    uploaded.volumes[0][1, 2, 3] = np.nan
    write_volume(folder / "uploads" / "particles" / "p0.mrc", uploaded.volumes[0], 5.0)
    write_volume(folder / "uploads" / "particles" / "p3.mrc", np.zeros((8, 8, 8)), 5.0)
    nan, flat = problems_of(folder)
    assert "1 voxels are NaN" in nan.detail
    assert (nan.row, flat.row) == (1, 4)
    assert "every voxel is 0" in flat.detail


def test_a_missing_file_is_named_with_row_and_column(folder, uploaded):
    (folder / "uploads" / "particles" / "p2.mrc").unlink()
    problem = one_problem(folder)
    assert (problem.file, problem.row, problem.column) == ("particles.star", 3, "rlnImageName")
    assert "'particles/p2.mrc', which was not uploaded" in problem.detail


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../../secret.mrc", "climbs out"),
        ("particles/../../x.mrc", "climbs out"),
        ("/etc/passwd", "absolute path"),
        ("F:/a.mrc", "absolute path"),
        ("000009@particles/p1.mrc", "volume 9 is named, but it holds 1"),
        ("", "names no volume"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(folder, uploaded, name, words):
    (folder.parent / "secret.mrc").write_bytes((uploaded.folder / "particles/p1.mrc").read_bytes())
    edit(uploaded, " particles/p1.mrc ", f" {name} " if name else ' "" ')
    problem = one_problem(folder)
    assert problem.row == 2
    assert words in problem.detail


def test_a_stack_needs_a_place_in_it(folder, uploaded):
    write_volume(folder / "uploads" / "particles" / "p1.mrc", noise_volumes(3, 8), 5.0)
    assert "a stack of 3 volumes: name one" in one_problem(folder).detail


def test_a_short_row_is_named(folder, uploaded):
    edit(uploaded, "particles/p1.mrc", "")
    problem = one_problem(folder)
    assert (problem.file, problem.row) == ("particles.star", 2)


def test_all_problems_come_at_once_but_no_more_than_a_hundred(folder):
    uploaded = make_particles(folder / "uploads", count=3)
    for i in range(3):
        (uploaded.folder / "particles" / f"p{i}.mrc").unlink()
    assert len(problems_of(folder)) == 3
    rows = "".join(f"gone{i}.mrc\n" for i in range(300))
    uploaded.star.write_text("data_\nloop_\n_rlnImageName\n" + rows)
    problems = problems_of(folder)
    assert len(problems) == 101
    assert "stopped after 100 problems" in problems[-1].detail


def test_nothing_uploaded_is_said(folder):
    folder.mkdir()
    with pytest.raises(InputError, match="no particles were uploaded"):
        seal(folder, WEDGE)
    assert names(folder) == []


def test_two_particle_tables_are_too_many(folder, uploaded):
    shutil.copy(uploaded.star, uploaded.folder / "other.star")
    assert "2 particle tables were uploaded" in one_problem(folder).detail


def test_other_star_files_beside_the_particles_do_no_harm(folder, uploaded):
    (uploaded.folder / "set.star").write_text("data_\n_rlnTomoParticlesFile particles.star\n")
    assert seal(folder, WEDGE).particles == 4


# ---------------------------------------------------------------- weights


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones((10, 10, 10)), "weights of 10 x 10 x 10 do not fit particles of 8 voxels"),
        (np.zeros((8, 8, 8)), "no weight is above 0"),
        (np.linspace(-1, 1, 512).reshape(8, 8, 8), "256 weights are negative"),
        (np.full((8, 8, 8), np.inf), "512 weights are NaN or infinite"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(folder, uploaded, weights, words):
    with np.errstate(invalid="ignore"):
        write_volume(folder / "uploads" / "particles" / "p3_ctf.mrc", weights, 5.0)
    problem = one_problem(folder, Weights())
    assert (problem.file, problem.row) == ("particles/p3_ctf.mrc", 4)
    assert words in problem.detail


def test_a_mask_needs_weights_for_every_particle(folder, uploaded):
    (folder / "uploads" / "particles" / "p1_ctf.mrc").unlink()
    problem = one_problem(folder, Weights())
    assert (problem.row, problem.column) == (2, "rlnCtfImage")
    edit(uploaded, "_rlnCtfImage", "_rlnOther")
    assert "_rlnCtfImage is missing" in one_problem(folder, Weights()).detail
    uploaded.star.unlink()
    assert one_problem(folder, Weights()).pointer == "/missing"


# ---------------------------------------------------------------- nothing lost


KILL_AT = """
import os, signal, sys
from pathlib import Path
from subtomo_core.spec import Weights
from subtomo_store import sealing
folder, where = Path(sys.argv[1]), sys.argv[2]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
original = os.replace
def replace(source, target):
    if Path(target).name == where:
        die()
    original(source, target)
sealing.os.replace = replace
sealing.seal(folder, Weights(), progress=lambda d, n: die() if where == "packing" and d == 2 else 0)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize(
    "where", ["packing", "particles.mrcs", "weights.npy", "particles.star", "dataset.json"]
)
def test_a_kill_at_any_time_changes_nothing_in_the_end(folder, uploaded, where):
    undisturbed = folder.with_name("ds_2")
    shutil.copytree(folder, undisturbed)
    seal(undisturbed, Weights())
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    killed = subprocess.run(
        [sys.executable, "-c", KILL_AT, str(folder), where], env=environment, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert not (folder / "dataset.json").exists()
    seal(folder, Weights())
    assert content(folder) == content(undisturbed)
    assert not (folder / "uploads").exists()


def test_sealing_a_sealed_dataset_changes_nothing_and_clears_uploads(folder, uploaded):
    summary = seal(folder, Weights())
    before = content(folder)
    (folder / "uploads").mkdir()
    assert seal(folder, WEDGE) == summary
    assert content(folder) == before
    assert not (folder / "uploads").exists()


def test_a_full_disk_is_told_and_leaves_the_uploads(folder, uploaded, monkeypatch):
    full = shutil._ntuple_diskusage(10**6, 10**6, 100)
    monkeypatch.setattr(sealing.shutil, "disk_usage", lambda _: full)
    with pytest.raises(StorageError, match="the disk is full: the dataset needs"):
        seal(folder, WEDGE)
    assert names(folder) == ["uploads"]


def test_a_disk_that_fills_up_meanwhile_is_told(folder, uploaded, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealing, "write_particles", fail)
    with pytest.raises(StorageError, match="the disk is full"):
        seal(folder, WEDGE)
    assert names(folder) == ["uploads"]


def test_a_stop_from_the_progress_leaves_the_uploads(folder, uploaded):
    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        seal(folder, WEDGE, progress=stop)
    assert names(folder) == ["uploads"]


# ---------------------------------------------------------------- real particles


def test_the_experimental_ribosomes_are_sealed(folder):
    shutil.copytree(shared("ribosome-70S", "particles"), folder / "uploads" / "particles")
    shutil.copy(shared("ribosome-70S", "particles.star"), folder / "uploads")
    summary = seal(folder, Weights())
    assert (summary.particles, summary.box, summary.voxel_size_angstrom) == (40, 32, 12.0)
    particles = StackParticles(folder)
    record = json.loads((folder / "dataset.json").read_text())
    assert record["summary"]["missing"] == {"kind": "mask"}
    # Where nothing was observed the particle's transform is 0: volume and weights fit together.
    for i in (0, 17, 39):
        power = np.abs(np.fft.rfftn(particles.volume(i))) ** 2
        weight = particles.weight(i)
        assert power[weight == 0].mean() < 1e-10 * power[weight > 0].mean()
