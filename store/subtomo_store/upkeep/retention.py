"""Files and records that the retention settings no longer keep, with the reason.

`plan` looks and says what would go; `apply` removes one thing of a plan, after looking again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from subtomo_store.database.engine import Store, now
from subtomo_store.database.records import TERMINAL
from subtomo_store.database.tables import DatasetFileRow, DatasetRow, FileRow, IterationRow, JobRow
from subtomo_store.datasets import uploads
from subtomo_store.datasets.removal import remove_dataset
from subtomo_store.errors import ConflictError, NotFoundError
from subtomo_store.files.data_folder import folder_size
from subtomo_store.upkeep import orphans

RESOLUTION = "resolution_0143_angstrom"


class Removal(NamedTuple):
    """One thing that would go.

    Attributes
    ----------
    kind : str
    record_id : str
        Of the job, dataset or upload; empty for what has no record.
    path : Path
        What goes from the disk.
    size : int
        Its bytes. Bytes which it shares with others stay until the last of them goes.
    reason : str
        Why, in a sentence.
    iteration : int or None
        Of a job.
    """

    kind: Literal["iteration", "dataset", "upload", "orphan"]
    record_id: str
    path: Path
    size: int
    reason: str
    iteration: int | None = None


def plan(store: Store, *, with_orphans: bool = False) -> list[Removal]:
    """List what the settings' rules do not keep.

    ``with_orphans`` lists files without a record too. Where a data folder is opened with the
    wrong database that is everything: a person should look at the list first.
    """
    with store.read() as session:
        found = [
            *_uploads(session, store),
            *_datasets(session, store),
            *_iterations(session, store),
        ]
        if with_orphans:
            found += [
                Removal("orphan", "", orphan.path, orphan.size, orphan.reason)
                for orphan in orphans.find(session, store.files)
            ]
    return found


def apply(store: Store, removal: Removal) -> None:
    """Remove one thing of a plan; what somebody uses again meanwhile stays."""
    if removal.kind == "upload":
        with store.begin() as session:
            uploads.remove(session, removal.record_id)
        removal.path.unlink(missing_ok=True)
    elif removal.kind == "dataset":
        _remove_open(store, removal.record_id)
    elif removal.kind == "iteration":
        _remove_iteration(store, removal)
    else:
        orphans.remove(removal.path)


def clean(store: Store) -> int:
    """Apply the rules; returns the bytes of what went."""
    found = plan(store)
    for removal in found:
        apply(store, removal)
    return sum(removal.size for removal in found)


def require_kept(session: Session, job_id: str, number: int) -> None:
    """Refuse to go on from an iteration whose files were cleaned up.

    Raises
    ------
    NotFoundError
        Naming those that were kept.
    """
    kept = session.scalars(
        select(FileRow.iteration).where(FileRow.job_id == job_id).distinct()
    ).all()
    if kept and number not in kept:
        raise NotFoundError(
            f"the files of iteration {number} of the job {job_id} were cleaned up: "
            f"kept are {', '.join(str(n) for n in sorted(kept))}"
        )


def _uploads(session: Session, store: Store) -> Iterator[Removal]:
    for upload in uploads.expired(session):
        path = store.files.incoming(upload.id)
        size = path.stat().st_size if path.exists() else 0
        reason = f"the upload of {upload.name} expired at {upload.expires:%Y-%m-%d %H:%M} UTC"
        yield Removal("upload", upload.id, path, size, reason)


def _datasets(session: Session, store: Store) -> Iterator[Removal]:
    days = store.settings.keep_open_days
    if days is None:
        return
    size = func.coalesce(func.sum(DatasetFileRow.size), 0)
    untouched = (
        select(DatasetRow, size)
        .outerjoin(DatasetFileRow, DatasetFileRow.dataset_id == DatasetRow.id)
        .where(
            DatasetRow.status.in_(("open", "rejected")),
            DatasetRow.touched < now(session) - timedelta(days=days),
        )
        .group_by(DatasetRow.id)
    )
    for row, taken in session.execute(untouched):
        if not uploads.under_way(session, row.id):
            reason = f"{row.status}, and no file has come for {days:g} days"
            yield Removal("dataset", row.id, store.files.dataset(row.id), int(taken), reason)


def _remove_open(store: Store, dataset_id: str) -> None:
    with store.read() as session:
        row = session.get(DatasetRow, dataset_id)
        if row is None or row.status not in ("open", "rejected"):
            return
        owner = row.user_id
    try:
        remove_dataset(store, dataset_id, owner)
    except (ConflictError, NotFoundError):
        return  # sealed or deleted in this moment


def _iterations(session: Session, store: Store) -> Iterator[Removal]:
    days = store.settings.keep_iterations_days
    if days is None:
        return
    ended = select(JobRow).where(
        JobRow.status.in_(TERMINAL), JobRow.finished < now(session) - timedelta(days=days)
    )
    for job in session.scalars(ended):
        kept = _kept(session, job)
        for number in _numbers(session, job.id):
            path = store.files.iteration(job.id, number)
            if number not in kept and path.exists():
                reason = f"the job ended {days:g} days ago or more, and it is neither last nor best"
                yield Removal("iteration", job.id, path, folder_size(path), reason, number)


def _numbers(session: Session, job_id: str) -> list[int]:
    query = select(IterationRow.number).where(
        IterationRow.job_id == job_id, IterationRow.finished.is_not(None)
    )
    return list(session.scalars(query.order_by(IterationRow.number)))


def _kept(session: Session, job: JobRow) -> set[int]:
    """The last iteration, the best of each class, and those from which jobs wait to start."""
    rows = session.execute(
        select(IterationRow.number, IterationRow.metrics)
        .where(IterationRow.job_id == job.id, IterationRow.finished.is_not(None))
        .order_by(IterationRow.number)
    ).all()
    best: dict[int, tuple[float, int]] = {}
    for number, metrics in rows:
        for k, resolution in enumerate((metrics or {}).get(RESOLUTION) or ()):
            if resolution is not None and resolution <= best.get(k, (float("inf"), 0))[0]:
                best[k] = (resolution, number)
    last = max((number for number, _ in rows), default=0)
    return {last, *(number for _, number in best.values()), *_wanted(session, job.id, last)}


def _wanted(session: Session, job_id: str, last: int) -> Iterator[int]:
    waiting = select(JobRow.spec).where(JobRow.status.not_in(TERMINAL))
    for spec in session.scalars(waiting):
        start: Any = spec.get("start") or {}
        if start.get("job") == job_id:
            number = start.get("iteration")
            yield last if number is None else int(number)


def _remove_iteration(store: Store, removal: Removal) -> None:
    with store.begin() as session:
        job = session.scalar(select(JobRow).where(JobRow.id == removal.record_id).with_for_update())
        if job is None or removal.iteration in _kept(session, job):
            return
        session.execute(
            delete(FileRow).where(
                FileRow.job_id == removal.record_id, FileRow.iteration == removal.iteration
            )
        )
    shutil.rmtree(removal.path, ignore_errors=True)
