"""Paths of all files in the data folder, each confined to its place."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from subtomo_core.errors import InputError, Problem
from subtomo_store.errors import StorageError
from subtomo_store.files.whole import (
    TEMPORARY,
    WholeFile,
    Written,
    storage_error,
    temporary_beside,
    write_whole,
)

__all__ = [
    "Files",
    "StorageError",
    "Usage",
    "WholeFile",
    "Written",
    "confined",
    "folder_size",
    "storage_error",
    "temporary_beside",
    "write_whole",
]

DEEPEST_NAME = 8

_IDENTIFIER = re.compile(r"[a-z]+_[A-Za-z0-9-]{1,64}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,126}")


class Usage(NamedTuple):
    """Bytes of the disk that holds the data folder."""

    total: int
    used: int
    free: int


def confined(root: Path, name: str) -> Path:
    """Path of ``name`` below ``root``; refuses every name that could lead elsewhere.

    Raises
    ------
    InputError
        If the name is empty, absolute, hidden, climbs out with ``..`` or holds odd characters.
    """
    reason = _unfit(name)
    if reason:
        shown = name if name.isprintable() else ascii(name)
        raise InputError(Problem(f"the file name {shown[:200]!r} {reason}", file=shown[:200]))
    return root.joinpath(*name.split("/"))


def _unfit(name: str) -> str:
    parts = name.split("/")
    if not name.isprintable() or "\\" in name:
        return "holds a backslash or a control character: use plain names with '/'"
    if name.startswith(("/", "~")) or re.match(r"[A-Za-z]:", name):
        return "is an absolute path: give a path relative to the dataset"
    if ".." in parts:
        return "climbs out of the dataset with '..': give a path inside it"
    if any(not part or part.startswith(".") for part in parts):
        return "has an empty or hidden part: start every part with a letter or digit"
    if len(parts) > DEEPEST_NAME or any(len(part.encode()) > 200 for part in parts):
        return f"is too long or deeper than {DEEPEST_NAME} folders"
    return ""


def folder_size(folder: Path) -> int:
    """Bytes of all files below ``folder``; 0 where it does not exist."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue  # removed meanwhile
    return total


class Files:
    """Paths below the data folder, each confined to it.

    ``datasets/<id>/`` holds a sealed dataset, ``datasets/<id>/uploads/`` what was uploaded until
    then; ``incoming/<id>`` what has come of a resumable upload; ``contents/`` the second name of
    every large file; ``maps/<id>.mrc`` an uploaded map; ``jobs/<id>/iteration_003/`` an
    iteration's files.
    """

    def __init__(self, root: Path):
        self.root = root

    def dataset(self, dataset_id: str) -> Path:
        """Folder of a dataset."""
        return self.root / "datasets" / _identifier(dataset_id)

    def uploads(self, dataset_id: str) -> Path:
        """Folder of a dataset's uploaded files, until it is sealed."""
        return self.dataset(dataset_id) / "uploads"

    def upload(self, dataset_id: str, name: str) -> Path:
        """Path of one uploaded file; ``name`` may have folders and is confined."""
        return confined(self.uploads(dataset_id), name)

    def map(self, map_id: str) -> Path:
        """Path of an uploaded map."""
        return self.root / "maps" / f"{_identifier(map_id)}.mrc"

    def incoming(self, upload_id: str) -> Path:
        """Path of a resumable upload's bytes, as far as they have come."""
        return self.root / "incoming" / _identifier(upload_id)

    def content(self, sha256: str) -> Path:
        """Path by which files of the same content find each other (`files.contents`)."""
        return self.root / "contents" / sha256[:2] / sha256

    def job(self, job_id: str) -> Path:
        """Folder of a job."""
        return self.root / "jobs" / _identifier(job_id)

    def iteration(self, job_id: str, number: int) -> Path:
        """Folder of one iteration of a job."""
        return self.job(job_id) / f"iteration_{number:03d}"

    def iteration_file(self, job_id: str, number: int, name: str) -> Path:
        """Path of one file of an iteration; ``name`` is plain, without folders."""
        if not _FILE_NAME.fullmatch(name):
            raise InputError(Problem(f"{name!r} is not the name of an iteration's file"))
        return self.iteration(job_id, number) / name

    def delete_dataset(self, dataset_id: str) -> None:
        """Remove a dataset's folder; nothing happens when it is gone."""
        _remove(self.dataset(dataset_id))

    def delete_job(self, job_id: str) -> None:
        """Remove a job's folder; nothing happens when it is gone."""
        _remove(self.job(job_id))

    def delete_map(self, map_id: str) -> None:
        """Remove a map; nothing happens when it is gone."""
        _remove(self.map(map_id))

    def usage(self) -> Usage:
        """Disk space where the data folder lies."""
        return Usage(*shutil.disk_usage(self.root))

    def clean(self, older_than_seconds: float) -> int:
        """Remove temporary files and folders that a killed process left; returns how many."""
        limit = time.time() - older_than_seconds
        removed = 0
        for parent, folders, names in os.walk(self.root):
            strays = [name for name in (*folders, *names) if _is_temporary(name)]
            folders[:] = [name for name in folders if not _is_temporary(name)]
            for name in strays:
                removed += _remove_older(Path(parent, name), limit)
        return removed


def _identifier(value: str) -> str:
    if not _IDENTIFIER.fullmatch(value):
        raise InputError(Problem(f"{value[:100]!r} is not an identifier"))
    return value


def _is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(TEMPORARY)


def _newest(path: Path) -> float:
    """Time of the last change at or right below ``path``: a folder in use is not stray."""
    times = [path.lstat().st_mtime]
    if path.is_dir():
        times += [child.lstat().st_mtime for child in path.iterdir()]
    return max(times)


def _remove_older(path: Path, limit: float) -> int:
    try:
        if _newest(path) > limit:
            return 0
        _remove(path)
    except FileNotFoundError:
        return 0  # its owner finished meanwhile
    return 1


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(f"{path.name} could not be removed", error) from error
