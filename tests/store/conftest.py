"""A migrated store on each kind of database, and a job in its queue."""

from __future__ import annotations

import pytest

from support.particles import make_particles
from support.records import new_job, opened, ready_dataset, user_named


@pytest.fixture
def store(tmp_path, database_url):
    with opened(tmp_path, database_url) as made:
        yield made


@pytest.fixture
def queued(store):
    """A job of 10 particles, three batches, iterations 0 to 2, and its begin message."""
    with store.begin() as session:
        user = user_named(session)
        return new_job(session, ready_dataset(session, user), user)


@pytest.fixture
def folder(tmp_path):
    """Folder of a dataset."""
    return tmp_path / "ds_1"


@pytest.fixture
def uploaded(folder):
    """Four particles with their weights, uploaded into ``folder``."""
    return make_particles(folder / "uploads", count=4, box=8, voxel_size=5.0, weighted=True)
