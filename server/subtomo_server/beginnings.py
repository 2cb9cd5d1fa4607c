"""Writing a new job, whoever asks for it: the page or the API."""

from __future__ import annotations

from sqlalchemy.orm import Session

from subtomo_core.spec import AnySpec
from subtomo_server.estimates import estimate
from subtomo_store import jobs, quotas
from subtomo_store.jobs import NewJob
from subtomo_store.records import Dataset, User
from subtomo_store.settings import Settings


def begin_job(
    session: Session, settings: Settings, user: User, dataset: Dataset, spec: AnySpec
) -> NewJob:
    """Write a job, and hold for it the disk which it is estimated to take.

    Raises
    ------
    QuotaError
        If the user's quota does not hold that.
    ConflictError
        If the dataset is not ready.
    """
    disk = estimate(spec, dataset.summary, settings.threads).disk_bytes
    quotas.check(session, user.id, settings, more=disk)
    return jobs.create(session, user_id=user.id, dataset=dataset, spec=spec, disk_bytes=disk)
