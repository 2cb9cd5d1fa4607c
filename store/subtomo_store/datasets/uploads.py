"""Resumable uploads: their records."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from subtomo_store.database.engine import now
from subtomo_store.database.identity import new_id
from subtomo_store.database.records import Upload, copied
from subtomo_store.database.tables import UploadRow
from subtomo_store.errors import NotFoundError


def create(
    session: Session, *, dataset_id: str, name: str, size: int, sha256: str | None, days: float
) -> Upload:
    """Write the record of an upload that begins."""
    moment = now(session)
    row = UploadRow(
        id=new_id("up"),
        dataset_id=dataset_id,
        name=name,
        size=size,
        sha256=sha256,
        created=moment,
        expires=moment + timedelta(days=days),
    )
    session.add(row)
    session.flush()
    return copied(Upload, row)


def get(session: Session, upload_id: str, dataset_id: str) -> Upload:
    """One upload into a dataset.

    Raises
    ------
    NotFoundError
        If there is none, or it has expired.
    """
    return copied(Upload, _row(session, upload_id, dataset_id))


def under_way(session: Session, dataset_id: str) -> list[Upload]:
    """Uploads into a dataset that have not ended, oldest first."""
    query = (
        select(UploadRow)
        .where(
            UploadRow.dataset_id == dataset_id,
            UploadRow.finished.is_(None),
            UploadRow.expires > now(session),
        )
        .order_by(UploadRow.created, UploadRow.id)
    )
    return [copied(Upload, row) for row in session.scalars(query)]


def prolong(session: Session, upload_id: str, dataset_id: str, days: float) -> Upload:
    """Put off the end of an upload on which somebody works; raises as `get` does."""
    row = _row(session, upload_id, dataset_id)
    row.expires = now(session) + timedelta(days=days)
    session.flush()
    return copied(Upload, row)


def finish(session: Session, upload_id: str) -> None:
    """Note that the file stands in its dataset; the record is kept until it expires."""
    row = session.get_one(UploadRow, upload_id, populate_existing=True)
    row.finished = now(session)
    session.flush()


def remove(session: Session, upload_id: str) -> None:
    """Forget an upload; the caller removes its bytes after the commit."""
    session.execute(delete(UploadRow).where(UploadRow.id == upload_id))


def of_dataset(session: Session, dataset_id: str) -> list[str]:
    """Ids of all uploads into a dataset."""
    return list(
        session.scalars(select(UploadRow.id).where(UploadRow.dataset_id == dataset_id)).all()
    )


def expired(session: Session) -> list[Upload]:
    """Uploads whose time is over."""
    query = select(UploadRow).where(UploadRow.expires <= now(session)).order_by(UploadRow.expires)
    return [copied(Upload, row) for row in session.scalars(query)]


def _row(session: Session, upload_id: str, dataset_id: str) -> UploadRow:
    row = session.get(UploadRow, upload_id, populate_existing=True)
    if row is None or row.dataset_id != dataset_id or row.expires <= now(session):
        raise NotFoundError(
            f"there is no upload {upload_id}: it has expired or was removed; begin a new one"
        )
    return row
