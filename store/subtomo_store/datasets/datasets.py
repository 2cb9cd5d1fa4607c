"""Datasets: their records. Their files stand in the data folder (`files.data_folder`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from subtomo_core.errors import Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import FoundRegion, MissingRegion, in_present_words
from subtomo_store.database import tallies
from subtomo_store.database.engine import now
from subtomo_store.database.identity import new_id
from subtomo_store.database.paging import newest_first
from subtomo_store.database.people_records import Role
from subtomo_store.database.records import Dataset, DatasetStatus, FileRecord, Page, copied
from subtomo_store.database.tables import DatasetFileRow, DatasetRow, JobRow
from subtomo_store.errors import ConflictError
from subtomo_store.people.permissions import permitted, placed, readable

MOVES: dict[str, frozenset[str]] = {
    "open": frozenset({"checking"}),
    "checking": frozenset({"ready", "rejected", "open"}),
    "rejected": frozenset({"checking", "open"}),
    "ready": frozenset(),
}


def create(
    session: Session,
    *,
    user_id: str,
    name: str,
    missing: MissingRegion | FoundRegion,
    voxel_size_angstrom: float | None = None,
    dark_particles: bool = False,
    source: str | None = None,
    simulation: dict[str, Any] | None = None,
    selection: dict[str, Any] | None = None,
    group: str | None = None,
) -> Dataset:
    """Write a new dataset's record; it is ``open`` for files."""
    moment = now(session)
    row = DatasetRow(
        id=new_id("ds"),
        user_id=user_id,
        group_id=placed(session, user_id, group),
        name=name,
        status="open",
        problems=[],
        missing=missing.model_dump(mode="json"),
        voxel_size_angstrom=voxel_size_angstrom,
        dark_particles=dark_particles,
        source=source,
        simulation=simulation,
        selection=selection,
        created=moment,
        touched=moment,
    )
    session.add(row)
    session.flush()
    return _record(row)


def get(
    session: Session, dataset_id: str, user_id: str | None = None, need: Role = "viewer"
) -> Dataset:
    """One dataset; with ``user_id``, only if this user has the role ``need`` over it.

    Raises
    ------
    NotFoundError, NotAllowedError
        As `permissions.permitted` does.
    """
    return _record(_row(session, dataset_id, user_id, need))


def page(
    session: Session,
    user_id: str,
    *,
    status: DatasetStatus | None = None,
    name: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Dataset]:
    """Give the datasets which the user may read, newest first."""
    query = select(DatasetRow).where(readable(session, DatasetRow, user_id))
    if status is not None:
        query = query.where(DatasetRow.status == status)
    if name is not None:
        query = query.where(DatasetRow.name == name)
    rows, following = newest_first(
        session,
        query,
        created=DatasetRow.created,
        row_id=DatasetRow.id,
        limit=limit,
        cursor=cursor,
    )
    return Page([_record(row) for row in rows], following)


def change(
    session: Session,
    dataset_id: str,
    user_id: str,
    *,
    name: str | None = None,
    missing: MissingRegion | None = None,
    voxel_size_angstrom: float | None = None,
    dark_particles: bool | None = None,
) -> Dataset:
    """Change what is given. Once the dataset is sealed only its name may change.

    Raises
    ------
    ConflictError
        If a sealed dataset's physics would change.
    """
    row = _row(session, dataset_id, user_id, "editor", lock=True)
    physics = {
        "missing": missing.model_dump(mode="json") if missing is not None else None,
        "voxel_size_angstrom": voxel_size_angstrom,
        "dark_particles": dark_particles,
    }
    given = {key: value for key, value in physics.items() if value is not None}
    if given and row.simulation is not None:
        raise ConflictError("a simulated dataset is what its recipe says: only its name can change")
    if given and row.status not in ("open", "rejected"):
        raise ConflictError(
            f"the dataset is {row.status}: only its name can still be changed; "
            "upload it again as a new dataset to change the rest"
        )
    for key, value in given.items():
        setattr(row, key, value)
    if name is not None:
        row.name = name
    session.flush()
    return _record(row)


def move_to_group(session: Session, dataset_id: str, user_id: str, group: str | None) -> Dataset:
    """Hand the dataset to a group, or with None back to its maker alone; its jobs stay."""
    row = _row(session, dataset_id, user_id, "owner", lock=True)
    row.group_id = placed(session, user_id, group)
    session.flush()
    session.expire(row)
    return _record(row)


def add_file(
    session: Session, dataset_id: str, name: str, size: int, sha256: str
) -> FileRecord | None:
    """Note an uploaded file; a second upload of a name replaces the first, which is returned.

    Refused as by `expect_open`.
    """
    reopen(session, dataset_id)
    before = session.get(DatasetFileRow, (dataset_id, name))
    replaced = FileRecord(name, before.size, before.sha256) if before else None
    session.merge(DatasetFileRow(dataset_id=dataset_id, name=name, size=size, sha256=sha256))
    session.flush()
    tallies.count(session, "uploads", "dataset", size)
    return replaced


def reopen(session: Session, dataset_id: str) -> None:
    """Let files change, or refuse it as `expect_open` does; others wait until the session ends."""
    row = _row(session, dataset_id, None, lock=True)
    expect_open(row)
    row.status, row.touched = "open", now(session)


def files(session: Session, dataset_id: str) -> list[FileRecord]:
    """List the uploaded files of a dataset, by name."""
    query = (
        select(DatasetFileRow)
        .where(DatasetFileRow.dataset_id == dataset_id)
        .order_by(DatasetFileRow.name)
    )
    return [FileRecord(row.name, row.size, row.sha256) for row in session.scalars(query)]


def start_check(session: Session, dataset_id: str, user_id: str) -> Dataset:
    """Move to ``checking``; from here on no file may change.

    Raises
    ------
    ConflictError
        If it is already being checked or sealed.
    """
    row = _row(session, dataset_id, user_id, "editor", lock=True)
    _move(row, "checking")
    row.problems = []
    session.flush()
    return _record(row)


def accept(
    session: Session,
    dataset_id: str,
    *,
    summary: DatasetSummary,
    size_bytes: int = 0,
    remarks: Sequence[str] = (),
) -> Dataset:
    """Seal: everything was checked and the dataset is ``ready`` for jobs.

    Its missing region is from here on the one that the check found.
    """
    row = _row(session, dataset_id, None, lock=True)
    _move(row, "ready")
    row.size_bytes, row.remarks = size_bytes, list(remarks)
    row.particles, row.box = summary.particles, summary.box
    row.voxel_size_angstrom = summary.voxel_size_angstrom
    row.missing = summary.missing.model_dump(mode="json")
    row.sealed = now(session)
    tallies.count(session, "datasets_checked", "ready")
    session.flush()
    return _record(row)


def reject(session: Session, dataset_id: str, problems: Sequence[Problem]) -> Dataset:
    """Write down everything wrong with the dataset; its files may then be replaced."""
    row = _row(session, dataset_id, None, lock=True)
    _move(row, "rejected")
    row.problems = [problem._asdict() for problem in problems]
    tallies.count(session, "datasets_checked", "rejected")
    session.flush()
    return _record(row)


def remove(session: Session, dataset_id: str, user_id: str) -> None:
    """Delete the record; the caller removes the folder after the commit.

    Raises
    ------
    ConflictError
        If jobs use it.
    """
    row = _row(session, dataset_id, user_id, "owner", lock=True)
    used = session.scalar(
        select(func.count()).select_from(JobRow).where(JobRow.dataset_id == row.id)
    )
    if used:
        raise ConflictError(
            f"{used} job{'s use' if used > 1 else ' uses'} this dataset: delete "
            f"{'them' if used > 1 else 'it'} first"
        )
    session.execute(delete(DatasetRow).where(DatasetRow.id == row.id))


def expect_open(dataset: Dataset | DatasetRow) -> None:
    """Refuse a dataset which takes no more files.

    Raises
    ------
    ConflictError
        Saying what to do.
    """
    if dataset.status not in ("open", "rejected"):
        raise ConflictError(
            f"the dataset is {dataset.status}: its files can no longer change; "
            "make a new dataset for other files"
        )
    if dataset.selection is not None:
        raise ConflictError(
            "the particles of this dataset are chosen from a job's result: it takes no files"
        )


def _move(row: DatasetRow, status: DatasetStatus) -> None:
    if status not in MOVES[row.status]:
        raise ConflictError(f"the dataset is {row.status} and cannot become {status}")
    row.status = status


def _row(
    session: Session,
    dataset_id: str,
    user_id: str | None,
    need: Role = "viewer",
    *,
    lock: bool = False,
) -> DatasetRow:
    query = select(DatasetRow).where(DatasetRow.id == dataset_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return permitted(session, session.scalar(query), f"dataset {dataset_id}", user_id, need)


def _record(row: DatasetRow) -> Dataset:
    return replace(copied(Dataset, row), missing=in_present_words(row.missing))
