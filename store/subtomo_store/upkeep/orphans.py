"""Files in the data folder that no record knows."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from subtomo_store.database.tables import DatasetRow, JobRow, MapRow, UploadRow
from subtomo_store.files.data_folder import Files, folder_size
from subtomo_store.files.whole import TEMPORARY

OLDER_THAN_SECONDS = 24 * 3600.0


class Orphan(NamedTuple):
    """A file or folder, its bytes, and what is missing."""

    path: Path
    size: int
    reason: str


def find(session: Session, files: Files) -> Iterator[Orphan]:
    """Look for them; what is younger than a day may still get its record."""
    yield from _unknown(session, files.root / "datasets", DatasetRow.id, "dataset")
    yield from _unknown(session, files.root / "jobs", JobRow.id, "job")
    yield from _unknown(session, files.root / "maps", MapRow.id, "map")
    yield from _unknown(session, files.root / "incoming", UploadRow.id, "upload")
    for content in (files.root / "contents").glob("*/*"):
        found = content.stat()
        if found.st_nlink == 1:
            yield Orphan(content, found.st_size, "a shared content which no file has any more")


def _unknown(
    session: Session, folder: Path, ids: InstrumentedAttribute[str], what: str
) -> Iterator[Orphan]:
    if not folder.is_dir():
        return
    known = set(session.scalars(select(ids)))
    limit = time.time() - OLDER_THAN_SECONDS
    for path in sorted(folder.iterdir()):
        temporary = path.name.startswith(".") or path.name.endswith(TEMPORARY)
        if temporary or path.stem in known or path.lstat().st_mtime > limit:
            continue
        size = folder_size(path) if path.is_dir() else path.lstat().st_size
        yield Orphan(path, size, f"there is no {what} {path.stem}")


def remove(path: Path) -> None:
    """Remove a file or folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
