"""Jobs on particles which are read where they were registered."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from subtomo_store.datasets.material import Registered
from subtomo_store.datasets.sealing import House, seal
from subtomo_store.formats.mrc import write_volume
from support.records import REGION
from support.workplace import workplace


@pytest.fixture
def place(tmp_path, broker, postgres_database):
    with workplace(tmp_path / "work", postgres_database, broker) as made:
        yield made


def registered(place, tmp_path):
    """Let the dataset be one of a stack which lies elsewhere; the stack's path."""
    folder = place.store.files.dataset(place.dataset.id)
    stack = tmp_path / "facility" / "all.mrcs"
    stack.parent.mkdir()
    record = json.loads((folder / "dataset.json").read_text())["summary"]
    shape = (record["particles"], *(record["box"],) * 3)
    volumes = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    write_volume(stack, volumes, record["voxel_size_angstrom"])
    for path in folder.iterdir():
        path.unlink()
    seal(folder, REGION, house=House(Registered(stack.parent, (stack.parent,))))
    return stack


def test_jobs_share_a_dataset_and_fail_in_words_once_it_changes(place, tmp_path, standard):
    stack = registered(place, tmp_path)
    first, second = place.submit(**standard), place.submit(**standard)
    place.worker(ADDING_SECONDS="0.05")
    assert place.wait(first).status == place.wait(second).status == "succeeded"
    third = place.submit(**standard)
    place.wait_for_particles(third, 0, 1)
    os.utime(stack, (1, 1))
    ended = place.wait(third)
    assert ended.status == "failed"
    assert "all.mrcs" in ended.status_reason
    assert "has changed since it was checked: put it back as it was" in ended.status_reason
    stack.unlink()
    fourth = place.wait(place.submit(**standard))
    assert fourth.status == "failed"
    assert "is gone" in fourth.status_reason
