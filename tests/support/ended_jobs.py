"""Jobs which ended some days ago, with files of each iteration."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from subtomo_store import Store
from subtomo_store.database.engine import now
from subtomo_store.database.records import Job
from subtomo_store.database.tables import FileRow, IterationRow, JobRow
from support.records import new_job, ready_dataset, user_named


def ended_job(store: Store, resolutions: list[Any], days: float = 2) -> Job:
    """A job which ended days ago, with so many ångström for the classes of each iteration."""
    with store.begin() as session:
        user = user_named(session)
        job = new_job(session, ready_dataset(session, user), user).job
        for number, found in enumerate(resolutions):
            moment = now(session)
            session.add(
                IterationRow(
                    job_id=job.id,
                    number=number,
                    batches=1,
                    remaining=0,
                    metrics={"resolution_0143_angstrom": found},
                    started=moment,
                    finished=moment,
                )
            )
            session.add(FileRow(job_id=job.id, iteration=number, name="m", size=9, sha256="0" * 64))
            path = store.files.iteration_file(job.id, number, "m")
            path.parent.mkdir(parents=True)
            path.write_bytes(b"123456789")
        session.execute(
            update(JobRow)
            .where(JobRow.id == job.id)
            .values(status="succeeded", finished=now(session) - timedelta(days=days))
        )
    return job
