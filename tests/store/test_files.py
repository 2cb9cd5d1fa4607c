from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from subtomo_core.errors import InputError
from subtomo_store.files.data_folder import (
    Files,
    StorageError,
    WholeFile,
    confined,
    folder_size,
    write_whole,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class FullDisk:
    """A file on a disk with room for a few bytes."""

    def __init__(self, room: int, code: int = errno.ENOSPC):
        self.room, self.code = room, code

    def __call__(self, file) -> None:
        file.write(b"x" * self.room)
        raise OSError(self.code, os.strerror(self.code))


# ---------------------------------------------------------------- whole or not at all


def test_a_file_is_written_with_its_hash_and_size(tmp_path):
    written = write_whole(tmp_path / "deep" / "a.bin", lambda file: file.write(b"subtomo"))
    assert (tmp_path / "deep" / "a.bin").read_bytes() == b"subtomo"
    assert written == (hashlib.sha256(b"subtomo").hexdigest(), 7)
    assert names(tmp_path / "deep") == ["a.bin"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "input/output error"),
    ],
)
def test_a_failing_disk_leaves_what_stood_before(tmp_path, code, words):
    path = tmp_path / "model.npz"
    write_whole(path, lambda file: file.write(b"before"))
    with pytest.raises(StorageError, match=words) as caught:
        write_whole(path, FullDisk(3, code))
    assert "model.npz" in str(caught.value)
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["model.npz"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_on_flush_is_told(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    whole = WholeFile(path)
    with open("/dev/full", "wb", buffering=0) as full:
        os.dup2(full.fileno(), whole.file.fileno())
    whole.write(b"x" * 10)
    with pytest.raises(StorageError, match="disk is full"):
        whole.publish()
    assert names(tmp_path) == []


def test_another_error_passes_through_and_leaves_nothing(tmp_path):
    def stop(file) -> None:
        file.write(b"half")
        raise KeyError("stop")

    with pytest.raises(KeyError):
        write_whole(tmp_path / "a.bin", stop)
    assert names(tmp_path) == []


def test_a_reader_sees_the_old_or_the_new_file_never_half(tmp_path):
    path = tmp_path / "a.bin"
    write_whole(path, lambda file: file.write(b"old"))
    with WholeFile(path) as whole:
        whole.write(b"new")
        whole.file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"a\.bin could not be written"):
        write_whole(tmp_path / "file" / "a.bin", FullDisk(0))


# ---------------------------------------------------------------- confined names


@pytest.mark.parametrize("name", ["a.mrc", "TS_01/p 1.mrc", "a/b/c.star", "Ω.mrc", "a..b.mrc"])
def test_ordinary_names_stay_below_the_root(tmp_path, name):
    assert confined(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../a.mrc", r"climbs out of the dataset with '\.\.'"),
        ("a/../../b", "climbs out"),
        ("/etc/passwd", "absolute path"),
        ("~/a", "absolute path"),
        ("C:/a.mrc", "absolute path"),
        ("a\\b", "backslash"),
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("", "empty or hidden"),
        ("a//b", "empty or hidden"),
        (".hidden", "empty or hidden"),
        ("./a", "empty or hidden"),
        ("a/" * 9 + "b", "deeper"),
        ("x" * 300, "too long"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name, words):
    with pytest.raises(InputError, match=words):
        confined(tmp_path, name)


@pytest.mark.parametrize("value", ["..", "ds_1/..", "", "ds", "DS_1", "ds_a/b", "ds_"])
def test_an_identifier_cannot_be_a_path(tmp_path, value):
    with pytest.raises(InputError, match="not an identifier"):
        Files(tmp_path).dataset(value)


def test_the_layout(tmp_path):
    files = Files(tmp_path)
    assert files.upload("ds_1", "a/b.mrc") == tmp_path / "datasets/ds_1/uploads/a/b.mrc"
    assert files.map("map_1") == tmp_path / "maps/map_1.mrc"
    assert files.iteration("job_1", 3) == tmp_path / "jobs/job_1/iteration_003"
    assert files.iteration_file("job_1", 3, "class_1.mrc").name == "class_1.mrc"
    for name in ("../spec.json", "a/b", ".x", ""):
        with pytest.raises(InputError):
            files.iteration_file("job_1", 3, name)


# ---------------------------------------------------------------- delete, count, clean


def test_deleting_twice_does_no_harm(tmp_path):
    files = Files(tmp_path)
    for remove, path in (
        (files.delete_dataset, files.dataset("ds_1") / "particles.mrcs"),
        (files.delete_job, files.iteration("job_1", 0) / "model.npz"),
    ):
        write_whole(path, lambda file: file.write(b"1234"))
        assert folder_size(tmp_path) == 4
        for _ in range(2):
            remove(path.relative_to(tmp_path).parts[1])
        assert folder_size(tmp_path) == 0
    write_whole(files.map("map_1"), lambda file: file.write(b"1"))
    files.delete_map("map_1")
    files.delete_map("map_1")
    assert not files.map("map_1").exists()


def test_usage_is_that_of_the_disk(tmp_path):
    usage = Files(tmp_path).usage()
    assert 0 <= usage.free <= usage.total


def test_only_old_temporary_files_are_cleaned(tmp_path):
    job = tmp_path / "jobs" / "job_1"
    (job / ".sealing.aa.tmp" / "inside").mkdir(parents=True)
    for name in ("model.npz", ".model.npz.aa.tmp", ".fresh.bb.tmp", "mine.tmp"):
        (job / name).write_text("x")
    old = 1_000_000_000
    for path in (job / ".model.npz.aa.tmp", job / ".sealing.aa.tmp" / "inside"):
        os.utime(path, (old, old))
    os.utime(job / ".sealing.aa.tmp", (old, old))
    assert Files(tmp_path).clean(older_than_seconds=3600) == 2
    assert names(job) == [".fresh.bb.tmp", "mine.tmp", "model.npz"]
    assert Files(tmp_path).clean(older_than_seconds=-1) == 1
