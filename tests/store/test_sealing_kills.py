"""A kill, a stop or a full disk leaves the uploads, or the whole dataset."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest

from subtomo_core.errors import Cancelled
from subtomo_core.spec.missing_region import Weights
from subtomo_store.datasets import sealing
from subtomo_store.datasets.sealing import seal
from subtomo_store.errors import StorageError
from support.sealing import WEDGE, content, names

KILL_AT = """
import os, signal, sys
from pathlib import Path
from subtomo_core.spec.missing_region import Weights
from subtomo_store.datasets import sealing
folder, where = Path(sys.argv[1]), sys.argv[2]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
original = os.replace
def replace(source, target):
    if Path(target).name == where:
        die()
    original(source, target)
os.replace = replace
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
