"""The job that a new one is made from, if the user may read it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from subtomo_store.database.people_records import User
from subtomo_store.database.records import Job
from subtomo_store.jobs import jobs, webhooks


def origin(session: Session, user: User, job_id: str) -> tuple[Job, str | None]:
    """A job to continue or clone, and its webhook where that is the user's own.

    Raises
    ------
    NotFoundError, NotAllowedError
        If the user may not work with it.
    """
    job = jobs.get(session, job_id, user.id, "editor")
    hook = webhooks.of_jobs(session, [job.id]).get(job.id)
    return job, hook.url if hook and job.user_id == user.id else None
