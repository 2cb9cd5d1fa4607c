"""Bytes of a resumable upload, kept as they arrive from one connection at a time."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType

from subtomo_store.errors import LockedError, NotFoundError, StorageError
from subtomo_store.files.whole import Written, storage_error, sync_folder, temporary_beside

BUSY = frozenset({errno.EAGAIN, errno.EACCES})


class Incoming:
    """An upload's file, open and locked for this connection alone. Use as a context manager.

    The file's length is the upload's offset: nothing beside it can say something else, however
    a server ends. The lock is the system's own (``flock``) and ends with the process.

    Raises
    ------
    LockedError
        If another connection is writing.
    NotFoundError
        If there is no such file: the upload is over.
    """

    def __init__(self, path: Path):
        self.path = path
        self._action = "the upload could not be written"
        try:
            self._file = path.open("r+b", buffering=0)
        except FileNotFoundError as error:
            raise NotFoundError("there is no such upload: it is over, or was removed") from error
        except OSError as error:
            raise storage_error(self._action, error) from error
        try:
            self._lock()
            self.offset = self._file.seek(0, os.SEEK_END)
        except BaseException:
            self._file.close()
            raise
        self._hash = hashlib.sha256()
        self._hashed = 0 if self.offset == 0 else None

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in BUSY:
                raise LockedError(
                    "another connection is still sending this file: wait until it has ended, "
                    "then ask for the offset and go on"
                ) from error
            if error.errno in (errno.ENOLCK, errno.ENOTSUP):
                raise StorageError(
                    "the data folder's file system knows no locks (flock): mount it with them"
                ) from error
            raise
        # Whoever held it before may have ended the upload: then this is another file's name.
        try:
            same = os.path.samestat(os.fstat(self._file.fileno()), self.path.stat())
        except FileNotFoundError:
            same = False
        if not same:
            raise NotFoundError("there is no such upload: it is over, or was removed")

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        """Append bytes and hash them.

        Raises
        ------
        StorageError
            If the disk refuses; what was written before stays.
        """
        rest = memoryview(piece)
        try:
            while rest:
                count = self._file.write(rest) or 0
                if self._hashed is not None:
                    self._hash.update(rest[:count])
                    self._hashed += count
                self.offset += count
                rest = rest[count:]
        except OSError as error:
            raise storage_error(self._action, error) from error

    def cut(self, offset: int) -> None:
        """Forget what came after ``offset``."""
        self._file.truncate(offset)
        self.offset, self._hashed = self._file.seek(offset), None

    def sync(self) -> None:
        """Force what has come to the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise storage_error(self._action, error) from error

    def written(self) -> Written:
        """Hash and length of everything; read once more if it came in several parts."""
        if self._hashed == self.offset:
            return Written(self._hash.hexdigest(), self.offset)
        with self.path.open("rb") as file:
            return Written(hashlib.file_digest(file, "sha256").hexdigest(), self.offset)

    def another_name(self) -> Path:
        """Give the file a second, temporary name, by which it can be moved on.

        The first one stays until the caller has noted the file: a server that is killed
        before that finds the upload as it was.
        """
        private = temporary_beside(self.path)
        try:
            os.link(self.path, private)
        except OSError:  # no links on this file system
            self.path.rename(private)
        return private

    def __enter__(self) -> Incoming:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def begin(path: Path) -> None:
    """Make the empty file of an upload."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(exist_ok=False)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error("the upload could not begin", error) from error


def length(path: Path) -> int:
    """Bytes that have come.

    Raises
    ------
    NotFoundError
        If the upload is over.
    """
    try:
        return path.stat().st_size
    except FileNotFoundError as error:
        raise NotFoundError("there is no such upload: it is over, or was removed") from error
