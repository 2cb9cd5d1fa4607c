"""Stacks which are read as they are: where they lie, from nowhere else, and unchanged."""

from __future__ import annotations

import os

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_store.datasets.material import Registered
from subtomo_store.datasets.sealing import House, seal
from subtomo_store.datasets.stack import StackParticles, read_record
from subtomo_store.errors import QuotaError
from subtomo_store.files.confinement import Below, below, open_below
from subtomo_store.files.volume_file import Layout, VolumeFile
from subtomo_store.formats.mrc import volume_header, write_volume
from support.particles import make_particles, noise_volumes
from support.sealing import WEDGE, names

VOLUMES = noise_volumes(5, 8)


@pytest.fixture
def root(tmp_path):
    """An allowed folder with one stack in it."""
    made = tmp_path / "facility" / "grid"
    made.mkdir(parents=True)
    write_volume(made / "all.mrcs", VOLUMES, 5.0)
    return made.parent


def house(root, **more) -> House:
    return House(Registered(root / "grid", (root,)), **more)


def half_floats(path, order: str) -> None:
    """A stack of mode 12, in either byte order."""
    header = np.frombuffer(volume_header((8, 8, 8), 5.0, 5), "<i4").copy()
    header[3] = 12
    raw = header.astype(f"{order}i4").tobytes()
    if order == ">":
        raw = raw[:208] + b"MAP " + b"\x11\x11\x00\x00" + raw[216:]
    data = VOLUMES.astype(f"{order}f2").tobytes()
    path.write_bytes(raw + data)


def test_a_registered_stack_is_read_where_it_lies(folder, root):
    summary = seal(folder, WEDGE, house=house(root))
    assert summary.particles == 5
    assert names(folder) == ["checksums.npz", "dataset.json", "particles.star"]
    particles = StackParticles(folder)
    assert all(np.array_equal(particles.volume(i), VOLUMES[i]) for i in range(5))
    (remark,) = read_record(folder).remarks
    assert f"{root}/grid/all.mrcs, and were not copied" in remark
    assert read_record(folder).size_bytes < 2000


@pytest.mark.parametrize("order", ["<", ">"])
def test_half_floats_are_read_as_they_are(folder, root, order):
    path = root / "grid" / "all.mrcs"
    half_floats(path, order)
    if order == ">":
        pytest.importorskip("mrcfile")
    seal(folder, WEDGE, house=house(root))
    assert not (folder / "particles.mrcs").exists()
    expected = VOLUMES.astype(np.float16).astype(np.float32)
    particles = StackParticles(folder)
    assert all(np.array_equal(particles.volume(i), expected[i]) for i in range(5))


def test_an_uploaded_stack_becomes_the_datasets_own_without_a_copy(folder):
    (folder / "uploads").mkdir(parents=True)
    path = folder / "uploads" / "all.mrcs"
    write_volume(path, VOLUMES, 5.0)
    before = path.stat().st_ino
    seal(folder, WEDGE)
    assert (folder / "particles.mrcs").stat().st_ino == before
    assert np.array_equal(StackParticles(folder).volume(4), VOLUMES[4])


def test_single_files_are_copied_and_the_record_says_so(folder, root):
    elsewhere = make_particles(root / "grid", count=4)
    (root / "grid" / "all.mrcs").unlink()
    seal(folder, WEDGE, house=house(root))
    assert (folder / "particles.mrcs").exists()
    assert np.array_equal(StackParticles(folder).volume(2), elsewhere.volumes[2])
    _, remark = read_record(folder).remarks
    assert "were copied into the data folder" in remark


def test_what_is_copied_is_asked_for_first(folder, root):
    make_particles(root / "grid", count=4)
    (root / "grid" / "all.mrcs").unlink()
    asked = []

    def refuse(size: int) -> None:
        asked.append(size)
        raise QuotaError("no")

    with pytest.raises(QuotaError):
        seal(folder, WEDGE, house=house(root, allow=refuse))
    assert asked == [4 * 4 * 8**3]
    assert names(folder) == []


def longer(path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def touched(path) -> None:
    os.utime(path, (1, 1))


def gone(path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("change", "words"), [(longer, "has changed"), (touched, "has changed"), (gone, "is gone")]
)
def test_a_registered_stack_which_is_another_now_is_refused(folder, root, change, words):
    seal(folder, WEDGE, house=house(root))
    laid_out = StackParticles(folder)
    change(root / "grid" / "all.mrcs")
    for refuse in (laid_out.check, lambda: StackParticles(folder)):
        with pytest.raises(InputError, match=f"all.mrcs.*{words}.*put it back as it was"):
            refuse()


def test_a_stack_cut_short_while_it_is_read_is_told_and_kills_nobody(folder, root):
    seal(folder, WEDGE, house=house(root))
    particles = StackParticles(folder)
    os.truncate(root / "grid" / "all.mrcs", 2000)
    with pytest.raises(InputError, match="has changed"):
        particles.volume(4)


def test_a_file_can_be_removed_while_a_job_has_it_open(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(VOLUMES.tobytes())
    reader = VolumeFile(os.open(path, os.O_RDONLY), Layout(0, np.dtype("<f4"), (8, 8, 8)))
    path.unlink()
    assert np.array_equal(reader.read(3), VOLUMES[3])


# ---------------------------------------------------------------- never out of the root


def test_links_are_resolved_and_only_then_judged(folder, root, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    write_volume(secret / "s.mrcs", VOLUMES, 5.0)
    (root / "kept").mkdir()
    (root / "grid" / "all.mrcs").rename(root / "kept" / "all.mrcs")
    (root / "grid" / "in.mrcs").symlink_to(root / "kept" / "all.mrcs")
    seal(folder, WEDGE, house=house(root))
    assert read_record(folder).stack.file == "kept/all.mrcs"
    for target in (secret, secret / "s.mrcs"):
        (root / "grid" / "out").symlink_to(target)
        with pytest.raises(InputError, match="leads out of the folders"):
            seal(tmp_path / "ds_2", WEDGE, house=house(root))
        (root / "grid" / "out").unlink()


def test_a_part_of_the_way_exchanged_for_a_link_is_not_followed(root, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "all.mrcs").write_bytes(b"secret")
    place = below(root / "grid" / "all.mrcs", [root])
    assert place == Below(root.resolve(), "grid/all.mrcs")
    os.close(open_below(place))
    (root / "grid").rename(root / "was")
    (root / "grid").symlink_to(secret)
    with pytest.raises(OSError, match=r"grid|directory|levels"):
        open_below(place)
    (root / "was" / "all.mrcs").unlink()
    (root / "was" / "all.mrcs").symlink_to(secret / "all.mrcs")
    with pytest.raises(OSError, match=r"levels|symbolic"):
        open_below(Below(root.resolve(), "was/all.mrcs"))


def test_a_pipe_keeps_nobody_waiting(root):
    os.mkfifo(root / "pipe.mrc")
    with pytest.raises(OSError, match="not a plain file"):
        open_below(Below(root, "pipe.mrc"))
