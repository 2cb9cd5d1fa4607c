"""Progress of a job and its remaining time."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from subtomo_core.spec.defaults import work_of
from subtomo_store.database.records import Job, Progress
from subtomo_store.database.tables import IterationRow, TaskRow


def progress_of(session: Session, job: Job) -> Progress:
    """How far a job is; the time left is judged by the iterations already done."""
    first, last = job.first_iteration, job.iterations
    if job.started is None:
        return Progress(first, last, first, 0, job.particles, 0.0, None)
    number = _current_iteration(session, job)
    done = particles_done(session, job.id, number) if number <= last else 0
    number_shown = min(number, last)
    share = done / max(job.particles, 1)
    fraction = (number_shown - first + share) / (last + 1 - first)
    if job.status == "succeeded":
        number_shown, done, fraction = number, job.particles, 1.0
    return Progress(
        iteration=number_shown,
        iterations=last,
        first_iteration=first,
        particles_done=done,
        particles=job.particles,
        fraction=min(fraction, 1.0),
        eta_seconds=_eta(session, job, number, share),
    )


def particles_done(session: Session, job_id: str, iteration: int) -> int:
    """Particles of an iteration already aligned, running batches included."""
    total = session.scalar(
        select(func.coalesce(func.sum(TaskRow.particles_done), 0)).where(
            TaskRow.job_id == job_id, TaskRow.iteration == iteration, TaskRow.kind == "align"
        )
    )
    return int(total or 0)


def _current_iteration(session: Session, job: Job) -> int:
    newest = session.scalar(
        select(func.max(IterationRow.number)).where(IterationRow.job_id == job.id)
    )
    return job.first_iteration if newest is None else int(newest)


def _eta(session: Session, job: Job, number: int, share: float) -> float | None:
    """Remaining seconds if no iteration is spared, by the last three that are finished.

    ``share`` of iteration ``number`` is done. An iteration costs as many times as much as starts
    run side by side in it.
    """
    if job.terminal:
        return None
    spec = job.parsed_spec
    rows = session.execute(
        select(IterationRow.number, IterationRow.seconds)
        .where(IterationRow.job_id == job.id, IterationRow.seconds.is_not(None))
        .order_by(IterationRow.number.desc())
        .limit(3)
    ).all()
    if not rows:
        return None
    unit = float(sum(row.seconds / work_of(spec, row.number) for row in rows) / len(rows))
    left = float(sum(work_of(spec, later) for later in range(number + 1, job.iterations + 1)))
    if number <= job.iterations:
        left += (1.0 - share) * work_of(spec, number)
    return max(0.0, unit * left)
