"""Folders and arrays: whole or not at all, and damage told in words."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_store.errors import StorageError
from subtomo_worker.arrays import prefixed, read_arrays, unprefixed, write_arrays
from subtomo_worker.publication import IterationFolder
from subtomo_worker.results import plain


def test_a_folder_appears_when_it_is_placed(tmp_path):
    final = tmp_path / "iteration_001"
    final.mkdir()
    (final / "left by an attempt that died").write_bytes(b"old")
    with IterationFolder(final) as folder:
        folder.write("a.txt", lambda file: file.write(b"new"))
        assert not (final / "a.txt").exists()
        folder.place()
    assert [path.name for path in final.iterdir()] == ["a.txt"]
    assert [(record.name, record.size) for record in folder.records] == [("a.txt", 3)]
    assert [path.name for path in tmp_path.iterdir()] == ["iteration_001"]


def test_a_folder_which_is_not_placed_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), IterationFolder(tmp_path / "iteration_001") as folder:
        _write_and_fail(folder)
    assert list(tmp_path.iterdir()) == []


def _write_and_fail(folder):
    folder.write("a.txt", lambda file: file.write(b"new"))
    raise ZeroDivisionError


def test_arrays_return_and_give_the_same_bytes(tmp_path):
    arrays = {"maps": np.arange(8.0, dtype=np.float32), "xi": np.asarray(2.5)}
    first = write_arrays(tmp_path / "a.npz", prefixed("model_", arrays))
    assert write_arrays(tmp_path / "b.npz", prefixed("model_", arrays)) == first
    back = unprefixed("model_", read_arrays(tmp_path / "a.npz"))
    assert back["maps"].dtype == np.float32
    np.testing.assert_array_equal(back["maps"], arrays["maps"])
    assert back["xi"] == 2.5


def test_damaged_and_missing_arrays_are_told_in_words(tmp_path):
    path = tmp_path / "batch.npz"
    with pytest.raises(StorageError, match="is gone"):
        read_arrays(path)
    write_arrays(path, {"maps": np.arange(1000)})
    content = bytearray(path.read_bytes())
    content[500] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(StorageError, match="is damaged"):
        read_arrays(path)
    path.write_bytes(bytes(content[:300]))
    with pytest.raises(StorageError, match="is damaged"):
        read_arrays(path)


def test_a_pickle_is_never_loaded(tmp_path):
    path = tmp_path / "batch.npz"
    np.savez(path, evil=np.array([{"a": 1}], dtype=object))
    with pytest.raises(StorageError, match="is damaged"):
        read_arrays(path)


def test_json_holds_finite_numbers_only():
    record = {"a": float("nan"), "b": (1, np.float32("inf")), "c": {"d": np.int64(3)}}
    assert plain(record) == {"a": None, "b": [1, None], "c": {"d": 3}}
