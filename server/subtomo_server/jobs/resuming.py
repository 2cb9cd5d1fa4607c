"""Resuming a failed job: what has to be there, and what the user may take."""

from __future__ import annotations

from sqlalchemy.orm import Session

from subtomo_server.jobs.continuing import KEPT_FILES
from subtomo_server.jobs.posting import highest_priority
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.database.records import Job
from subtomo_store.errors import ConflictError
from subtomo_store.jobs import resuming
from subtomo_store.people import quotas


def resumed(session: Session, store: Store, user: User, job_id: str) -> resuming.Resumed:
    """Let a failed job go on, with the disk which it may take held for it again.

    Raises
    ------
    ConflictError
        If it did not fail, or what it would go on from is gone.
    QuotaError
        If the quota of its maker does not hold it.
    """
    found = resuming.resume(
        session,
        job_id,
        user.id,
        window=store.settings.window,
        highest_priority=highest_priority(session, store, user),
    )
    if found.messages:
        _require_model(store, found.job)
        quotas.check(session, found.job.user_id, store.settings, more=0, noted=found.disk_bytes)
    return found


def _require_model(store: Store, job: Job) -> None:
    if job.iteration is None:
        return
    paths = [store.files.iteration_file(job.id, job.iteration, name) for name in KEPT_FILES]
    if not all(path.exists() for path in paths):
        raise ConflictError(
            f"the model of iteration {job.iteration} is not on the disk any more: clone the job, "
            "which begins anew, or put the file back"
        )
