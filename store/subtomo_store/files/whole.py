"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Callable
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from subtomo_store.errors import StorageError

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

TEMPORARY = ".tmp"

_REASONS = {
    errno.ENOSPC: "the disk is full: free some space and try again",
    errno.EDQUOT: "the disk quota is used up: free some space or ask for more",
    errno.EROFS: "the data folder is on a read-only file system",
    errno.EACCES: "there is no permission to write there",
    errno.EPERM: "there is no permission to write there",
    errno.EFBIG: "the file grew larger than this system allows",
    errno.EIO: "the disk reported an input/output error",
    errno.ENAMETOOLONG: "the name is too long for this file system",
}


class Written(NamedTuple):
    """What was written: SHA-256 in hexadecimal, and size in bytes."""

    sha256: str
    size: int


def measured(path: Path) -> Written:
    """Hash and size of a file that stands already."""
    with path.open("rb") as file:
        return Written(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def storage_error(action: str, error: OSError) -> StorageError:
    """Put an ``OSError`` into one sentence that says what failed and why."""
    known = _REASONS.get(error.errno or 0)
    return StorageError(f"{action}: {known or error.strerror or error}")


class WholeFile:
    """A file that appears under its name complete, or not at all.

    Use as a context manager and write into ``file`` (binary, seekable). When the block ends
    without an error the bytes are on the disk under ``path`` and ``written`` tells their hash;
    otherwise the temporary file is gone and what stood under ``path`` still stands.
    """

    def __init__(self, path: Path):
        self.path = path
        self._action = f"{path.name} could not be written"
        self._temporary = temporary_beside(path)
        self._written: Written | None = None
        self._hash, self._hashed = hashlib.sha256(), 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file: BufferedRandom = self._temporary.open("xb+")
        except OSError as error:
            raise storage_error(self._action, error) from error

    @property
    def written(self) -> Written:
        """Hash and size, once the file stands under its name."""
        if self._written is None:
            raise RuntimeError(f"{self.path.name} has not been published")
        return self._written

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Append bytes and hash them; a full disk is told as a `StorageError`."""
        try:
            self.file.write(chunk)
        except OSError as error:
            raise storage_error(self._action, error) from error
        self._hash.update(chunk)
        self._hashed += len(chunk)

    @property
    def temporary(self) -> Path:
        """Where the bytes lie until they are published."""
        return self._temporary

    def finish(self) -> Written:
        """Force everything written to the disk; the file still lacks its name."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            size = self.file.seek(0, os.SEEK_END)
            digest = self._hash if size == self._hashed else self._read_again()
            self.file.close()
        except OSError as error:
            self.discard()
            raise storage_error(self._action, error) from error
        self._written = Written(digest.hexdigest(), size)
        return self._written

    def _read_again(self) -> Hash:
        """Hash a file whose writer did not write from front to back, or not by `write`."""
        self.file.seek(0)
        return hashlib.file_digest(self.file, "sha256")

    def publish(self) -> Written:
        """Force everything to the disk and give the file its name."""
        written = self.finish()
        self.place()
        return written

    def place(self) -> None:
        """Give a finished file its name."""
        try:
            self._temporary.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            self.discard()
            raise storage_error(self._action, error) from error

    def discard(self) -> None:
        """Forget everything written."""
        with contextlib.suppress(OSError):  # closing flushes: that fails again on a full disk
            self.file.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> WholeFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.publish()
            return
        self.discard()
        if isinstance(error, OSError):
            raise storage_error(self._action, error) from error


def write_whole(path: Path, writer: Callable[[BinaryIO], object]) -> Written:
    """Write one file whole or not at all: temporary name, fsync, rename, fsync of the folder.

    Parameters
    ----------
    path : Path
        Final name; folders above are made.
    writer : callable
        Gets a binary, seekable file object.

    Raises
    ------
    StorageError
        If the disk refuses; nothing new is left behind, what stood before still stands.
    """
    with WholeFile(path) as whole:
        writer(whole.file)
    return whole.written


def temporary_beside(path: Path) -> Path:
    """Return a hidden name in the same folder, which `Files.clean` knows to be temporary."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}{TEMPORARY}")


def sync(path: Path) -> None:
    """Force a file or folder to the disk."""
    if path.is_dir():
        sync_folder(path)
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
