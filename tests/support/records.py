"""Users, datasets and jobs for tests of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Wedge
from subtomo_store import Settings, Store, open_store
from subtomo_store.database.people_records import User
from subtomo_store.database.records import Dataset
from subtomo_store.datasets import datasets
from subtomo_store.jobs import jobs
from subtomo_store.jobs.orders import Orders
from subtomo_store.people import users

REGION = Wedge(tilt_min_deg=-60, tilt_max_deg=60)
SUMMARY = DatasetSummary(particles=10, box=16, voxel_size_angstrom=5.0, missing=REGION)
USUAL = Orders()
LEASE = {"lease_seconds": 30.0, "max_attempts": 3}


@contextmanager
def opened(data: Path, database_url: str, **changes: Any) -> Iterator[Store]:
    """A migrated store, closed at the end."""
    store = open_store(Settings(data=data, database_url=database_url, **changes))
    try:
        store.migrate()
        yield store
    finally:
        store.close()


def ready_dataset(session: Session, user: User, particles: int = 10, box: int = 16) -> Dataset:
    """A sealed dataset's record."""
    dataset = datasets.create(session, user_id=user.id, name="dots", missing=REGION)
    datasets.start_check(session, dataset.id, user.id)
    summary = SUMMARY.model_copy(update={"particles": particles, "box": box})
    return datasets.accept(session, dataset.id, summary=summary)


def new_job(
    session: Session,
    dataset: Dataset,
    user: User,
    orders: Orders = USUAL,
    **changes: Any,
) -> jobs.NewJob:
    """A queued job of three iterations (0, 1, 2) and batches of four particles."""
    wanted = {
        "algorithm": "faml",
        "dataset": dataset.id,
        "iterations": 2,
        "batch_particles": 4,
        **changes,
    }
    summary: DatasetSummary = dataset.summary
    spec = resolve(job_spec_adapter.validate_python(wanted), summary)
    return jobs.create(session, user_id=user.id, dataset=dataset, spec=spec, orders=orders)


def user_named(session: Session, name: str = "ada") -> User:
    """A user."""
    return users.ensure(session, name)
