"""Datasets: their records. Their files stand in the data folder (see `subtomo_store.files`)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from subtomo_core.errors import Problem
from subtomo_core.spec import MissingRegion
from subtomo_store import tallies
from subtomo_store.database import now
from subtomo_store.errors import ConflictError, NotFoundError
from subtomo_store.identity import new_id
from subtomo_store.paging import newest_first
from subtomo_store.records import Dataset, DatasetStatus, FileRecord, Page, copied
from subtomo_store.tables import DatasetFileRow, DatasetRow, JobRow

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
    missing: MissingRegion,
    voxel_size_angstrom: float | None = None,
    dark_particles: bool = False,
    source: str | None = None,
) -> Dataset:
    """Write a new dataset's record; it is ``open`` for files."""
    row = DatasetRow(
        id=new_id("ds"),
        user_id=user_id,
        name=name,
        status="open",
        problems=[],
        missing=missing.model_dump(mode="json"),
        voxel_size_angstrom=voxel_size_angstrom,
        dark_particles=dark_particles,
        source=source,
        created=now(session),
    )
    session.add(row)
    session.flush()
    return _record(row)


def get(session: Session, dataset_id: str, user_id: str | None = None) -> Dataset:
    """One dataset; with ``user_id``, only if it is this user's.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    return _record(_row(session, dataset_id, user_id))


def page(
    session: Session,
    user_id: str,
    *,
    status: DatasetStatus | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Dataset]:
    """Give the user's datasets, newest first."""
    query = select(DatasetRow).where(DatasetRow.user_id == user_id)
    if status is not None:
        query = query.where(DatasetRow.status == status)
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
    row = _row(session, dataset_id, user_id, lock=True)
    physics = {
        "missing": missing.model_dump(mode="json") if missing is not None else None,
        "voxel_size_angstrom": voxel_size_angstrom,
        "dark_particles": dark_particles,
    }
    given = {key: value for key, value in physics.items() if value is not None}
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


def add_file(session: Session, dataset_id: str, name: str, size: int, sha256: str) -> None:
    """Note an uploaded file; a second upload of a name replaces the first.

    Raises
    ------
    ConflictError
        If the dataset is no longer open for files.
    """
    row = _row(session, dataset_id, None, lock=True)
    _expect_open(row)
    row.status = "open"
    session.merge(DatasetFileRow(dataset_id=dataset_id, name=name, size=size, sha256=sha256))
    tallies.count(session, "uploads", "dataset", size)


def remove_file(session: Session, dataset_id: str, name: str) -> None:
    """Forget an uploaded file; raises as `add_file` does, or `NotFoundError`."""
    _expect_open(_row(session, dataset_id, None, lock=True))
    row = session.get(DatasetFileRow, (dataset_id, name))
    if row is None:
        raise NotFoundError(f"the dataset has no file {name}")
    session.delete(row)
    session.flush()


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
    row = _row(session, dataset_id, user_id, lock=True)
    _move(row, "checking")
    row.problems = []
    session.flush()
    return _record(row)


def accept(
    session: Session, dataset_id: str, *, particles: int, box: int, voxel_size_angstrom: float
) -> Dataset:
    """Seal: everything was checked and the dataset is ``ready`` for jobs."""
    row = _row(session, dataset_id, None, lock=True)
    _move(row, "ready")
    row.particles, row.box, row.voxel_size_angstrom = particles, box, voxel_size_angstrom
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
    row = _row(session, dataset_id, user_id, lock=True)
    used = session.scalar(
        select(func.count()).select_from(JobRow).where(JobRow.dataset_id == row.id)
    )
    if used:
        raise ConflictError(
            f"{used} job{'s use' if used > 1 else ' uses'} this dataset: delete "
            f"{'them' if used > 1 else 'it'} first"
        )
    session.execute(delete(DatasetRow).where(DatasetRow.id == row.id))


def _expect_open(row: DatasetRow) -> None:
    if row.status not in ("open", "rejected"):
        raise ConflictError(
            f"the dataset is {row.status}: its files can no longer change; "
            "make a new dataset for other files"
        )


def _move(row: DatasetRow, status: DatasetStatus) -> None:
    if status not in MOVES[row.status]:
        raise ConflictError(f"the dataset is {row.status} and cannot become {status}")
    row.status = status


def _row(
    session: Session, dataset_id: str, user_id: str | None, *, lock: bool = False
) -> DatasetRow:
    query = select(DatasetRow).where(DatasetRow.id == dataset_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = session.scalar(query)
    if row is None or user_id not in (None, row.user_id):
        raise NotFoundError(f"there is no dataset {dataset_id}")
    return row


def _record(row: DatasetRow) -> Dataset:
    return copied(Dataset, row)
