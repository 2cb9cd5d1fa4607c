"""Iterations: cut into batches, released in order, published once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from subtomo_store.database.engine import now
from subtomo_store.database.identity import new_id
from subtomo_store.database.records import FileRecord, Iteration, Lease, Message, Task, copied
from subtomo_store.database.tables import FileRow, IterationRow, JobRow, TaskRow
from subtomo_store.errors import NotFoundError
from subtomo_store.jobs import events, tasks
from subtomo_store.jobs.transitions import move


class Range(NamedTuple):
    """Particles ``first`` to ``last`` (excluded)."""

    first: int
    last: int


def cut(particles: int, size: int) -> list[Range]:
    """Cut a dataset into batches of ``size``; the last takes what is left.

    Depends on the two numbers alone, as `subtomo_core.run` cuts: sums of batches round alike.
    """
    return [Range(first, min(first + size, particles)) for first in range(0, particles, size)]


@dataclass(frozen=True)
class Published:
    """What a reduce task hands over: everything readers may know of an iteration.

    ``ended`` says, in a sentence, why no further iteration is needed; None where one is.
    ``verdict`` says what the averages of a job's last iteration are worth.
    """

    metrics: dict[str, Any]
    files: tuple[FileRecord, ...]
    alarms: tuple[str, ...]
    notes: tuple[str, ...] = ()
    ended: str | None = None
    verdict: str | None = None


def begin(
    session: Session, lease: Lease, ranges: Sequence[Range], *, window: int, seconds: float
) -> list[Message]:
    """End the ``begin`` task and release the first iteration; raises as `tasks.held` does."""
    job = tasks.complete(session, lease, seconds=seconds)
    return _open(session, job, job.first_iteration, ranges, window)


def finish_batch(session: Session, lease: Lease, *, seconds: float) -> list[Message]:
    """End an ``align`` task: whoever ends the last one releases the ``reduce``.

    Raises as `tasks.held` does.
    """
    task = lease.task
    job = tasks.complete(session, lease, seconds=seconds)
    remaining = session.execute(
        update(IterationRow)
        .where(IterationRow.job_id == task.job_id, IterationRow.number == task.iteration)
        .values(remaining=IterationRow.remaining - 1)
        .returning(IterationRow.remaining)
        .execution_options(synchronize_session=False)
    ).scalar_one()
    if remaining == 0:
        return [_release_reduce(session, job, task)]
    return _release_next(session, job, task)


def publish(
    session: Session,
    lease: Lease,
    published: Published,
    place: Callable[[], None],
    ranges: Sequence[Range],
    *,
    window: int,
    seconds: float,
) -> list[Message]:
    """End a ``reduce`` task: its files become visible, and the next step is released.

    ``place`` moves the iteration's folder to its final name. It runs here, while the job's
    row is locked and the fence is known to hold, so that no older attempt can place its own
    folder in between. Raises as `tasks.held` does.
    """
    job = tasks.complete(session, lease, seconds=seconds)
    number = lease.task.iteration
    row = session.get_one(IterationRow, (job.id, number), populate_existing=True)
    row.metrics, row.finished = published.metrics, now(session)
    row.seconds = (row.finished - row.started).total_seconds()
    for file in published.files:
        session.add(FileRow(job_id=job.id, iteration=number, **file.__dict__))
    job.iteration = number
    events.append(
        session,
        job.id,
        "iteration",
        {"iteration": number, "seconds": row.seconds, "metrics": published.metrics},
    )
    for sentence in published.notes:
        events.append(session, job.id, "note", {"iteration": number, "detail": sentence})
    for sentence in _newly(session, job.id, number, published.alarms):
        events.append(session, job.id, "alarm", {"iteration": number, "detail": sentence})
    messages: list[Message] = []
    if number < int(job.spec["iterations"]) and published.ended is None:
        messages = _open(session, job, number + 1, ranges, window)
    else:
        said = [sentence for sentence in (published.ended, published.verdict) if sentence]
        move(session, job, "succeeded", "; ".join(said) or None)
    session.flush()
    place()
    return messages


def _newly(session: Session, job_id: str, number: int, alarms: Sequence[str]) -> list[str]:
    """Alarms that did not stand in the iteration before, as its metrics were stored.

    What an alarm is about stands before its colon; numbers and advice behind it may change.
    """
    before = session.get(IterationRow, (job_id, number - 1))
    metrics = (before.metrics if before else None) or {}
    stood = {sentence.partition(":")[0] for sentence in metrics.get("alarms") or ()}
    return [sentence for sentence in alarms if sentence.partition(":")[0] not in stood]


def get(session: Session, job_id: str, number: int | None = None) -> Iteration:
    """One published iteration; the last one without a number.

    Raises
    ------
    NotFoundError
        If it is not there, or not finished yet.
    """
    query = select(IterationRow).where(
        IterationRow.job_id == job_id, IterationRow.finished.is_not(None)
    )
    if number is not None:
        query = query.where(IterationRow.number == number)
    row = session.scalar(query.order_by(IterationRow.number.desc()).limit(1))
    if row is None:
        which = "no finished iteration yet" if number is None else f"no finished iteration {number}"
        raise NotFoundError(f"the job {job_id} has {which}")
    return copied(Iteration, row)


def published(session: Session, job_id: str) -> list[Iteration]:
    """All published iterations of a job, in order."""
    query = (
        select(IterationRow)
        .where(IterationRow.job_id == job_id, IterationRow.finished.is_not(None))
        .order_by(IterationRow.number)
    )
    return [copied(Iteration, row) for row in session.scalars(query)]


def files(session: Session, job_id: str, number: int) -> list[FileRecord]:
    """List the published files of an iteration, by name."""
    query = (
        select(FileRow)
        .where(FileRow.job_id == job_id, FileRow.iteration == number)
        .order_by(FileRow.name)
    )
    return [FileRecord(row.name, row.size, row.sha256) for row in session.scalars(query)]


def file(session: Session, job_id: str, number: int, name: str) -> FileRecord:
    """One published file of an iteration.

    Raises
    ------
    NotFoundError
        If the iteration has no such file.
    """
    row = session.get(FileRow, (job_id, number, name))
    if row is None:
        raise NotFoundError(f"iteration {number} of the job {job_id} has no file {name}")
    return FileRecord(row.name, row.size, row.sha256)


def batches(session: Session, job_id: str, number: int) -> list[Task]:
    """Batches of an iteration in batch order."""
    query = (
        select(TaskRow)
        .where(TaskRow.job_id == job_id, TaskRow.iteration == number, TaskRow.kind == "align")
        .order_by(TaskRow.batch)
    )
    return [tasks.record(row) for row in session.scalars(query)]


def _open(
    session: Session, job: JobRow, number: int, ranges: Sequence[Range], window: int
) -> list[Message]:
    session.add(
        IterationRow(
            job_id=job.id,
            number=number,
            batches=len(ranges),
            remaining=len(ranges),
            started=now(session),
        )
    )
    session.flush()
    rows = [
        _task(job.id, number, "align", batch=index, span=span, ready=index < window)
        for index, span in enumerate(ranges)
    ]
    session.execute(insert(TaskRow), rows)
    return [tasks.message(job, "align", row["id"]) for row in rows[:window]]


def _task(
    job_id: str, number: int, kind: str, *, batch: int, span: Range, ready: bool
) -> dict[str, Any]:
    return {
        "id": new_id("task"),
        "job_id": job_id,
        "iteration": number,
        "kind": kind,
        "batch": batch,
        "first": span.first,
        "last": span.last,
        "state": "ready" if ready else "waiting",
        "attempts": 0,
        "fence": 0,
        "particles_done": 0,
    }


def _release_reduce(session: Session, job: JobRow, task: Task) -> Message:
    row = _task(job.id, task.iteration, "reduce", batch=0, span=Range(0, 0), ready=True)
    session.execute(insert(TaskRow), [row])
    return tasks.message(job, "reduce", row["id"])


def _release_next(session: Session, job: JobRow, task: Task) -> list[Message]:
    following = session.scalar(
        select(func.min(TaskRow.batch)).where(
            TaskRow.job_id == task.job_id,
            TaskRow.iteration == task.iteration,
            TaskRow.kind == "align",
            TaskRow.state == "waiting",
        )
    )
    if following is None:
        return []
    released = session.execute(
        update(TaskRow)
        .where(
            TaskRow.job_id == task.job_id,
            TaskRow.iteration == task.iteration,
            TaskRow.kind == "align",
            TaskRow.batch == following,
        )
        .values(state="ready")
        .returning(TaskRow.id)
        .execution_options(synchronize_session=False)
    ).scalar_one()
    return [tasks.message(job, "align", released)]
