"""Last step of every upload: places the complete file in its dataset; and takes one out."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from subtomo_core.errors import InputError, Problem
from subtomo_store.database.engine import Store
from subtomo_store.database.records import FileRecord
from subtomo_store.database.tables import DatasetFileRow
from subtomo_store.datasets import datasets, uploads
from subtomo_store.errors import NotFoundError
from subtomo_store.files import contents
from subtomo_store.files.whole import Written, storage_error, sync_folder
from subtomo_store.people import quotas


class Arrival(NamedTuple):
    """A file that has come whole and lies, forced to the disk, under a temporary name.

    Attributes
    ----------
    path : Path
        Where it lies, within the data folder.
    written : Written
        Its SHA-256 and size.
    upload_id : str or None
        The resumable upload that brought it.
    """

    path: Path
    written: Written
    upload_id: str | None = None


def check_digest(name: str, written: Written, announced: str | None) -> None:
    """Refuse a file that is not what its sender announced.

    Raises
    ------
    InputError
        With both digests.
    """
    if announced is not None and announced != written.sha256:
        detail = (
            f"{name}: the SHA-256 of what arrived is {written.sha256}, announced was {announced}: "
            "the file was damaged on its way or changed meanwhile; nothing was kept of it, "
            "send it again"
        )
        raise InputError(Problem(detail, file=name))


def file_in(store: Store, dataset_id: str, name: str, arrival: Arrival) -> FileRecord:
    """Let an uploaded file appear in its dataset.

    Its row and its name are given while the dataset's row is locked: a dataset that was sealed
    meanwhile gets nothing.

    Raises
    ------
    ConflictError
        If the dataset takes no more files.
    QuotaError
        If the owner's quota does not hold it.
    """
    target, written = store.files.upload(dataset_id, name), arrival.written
    contents.share(store.files, arrival.path, written)
    try:
        with store.begin() as session:
            replaced = datasets.add_file(session, dataset_id, name, written.size, written.sha256)
            if arrival.upload_id is not None:
                uploads.finish(session, arrival.upload_id)
            owner = datasets.get(session, dataset_id).user_id
            added = written.size - (replaced.size if replaced else 0)
            quotas.check(session, owner, store.settings, more=0, noted=added)
            _place(arrival.path, target)
    except BaseException:
        arrival.path.unlink(missing_ok=True)
        contents.release(store.files, [written.sha256])
        raise
    if replaced is not None:
        contents.release(store.files, [replaced.sha256])
    return FileRecord(name, written.size, written.sha256)


def take_out(store: Store, dataset_id: str, name: str) -> None:
    """Remove an uploaded file from its dataset, and free its bytes.

    Raises
    ------
    ConflictError
        If the dataset is no longer open for files.
    NotFoundError
        If it has no such file.
    """
    path = store.files.upload(dataset_id, name)
    with store.begin() as session:
        datasets.reopen(session, dataset_id)
        row = session.get(DatasetFileRow, (dataset_id, name))
        if row is None:
            raise NotFoundError(f"the dataset has no file {name}")
        sha256 = row.sha256
        session.delete(row)
        session.flush()
        path.unlink(missing_ok=True)
    contents.release(store.files, [sha256])


def _place(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        # Between two links to the same bytes a rename does nothing.
        source.unlink(missing_ok=True)
        sync_folder(target.parent)
    except OSError as error:
        raise storage_error(f"{target.name} could not be written", error) from error
