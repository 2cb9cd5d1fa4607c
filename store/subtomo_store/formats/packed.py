"""Packed files: gzip, bzip2 and xz are unpacked on the fly, zstd is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal, Protocol

from subtomo_store.files.readable import Readable
from subtomo_store.formats.volume_header import refuse

Packing = Literal["gzip", "bzip2", "xz", "zstd"]

ENDINGS = (".gz", ".bz2", ".xz", ".zst")
XZ_MEMORY = 1 << 28  # the dictionary of 'xz -9' takes a quarter of it

_CHUNK = 1 << 16
_STAMPS: dict[bytes, Packing] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_DAMAGE = (gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)


class Unpacked(Protocol):
    """What a packed file holds."""

    def read(self, size: int, /) -> bytes:
        """Read ``size`` bytes, or what is left."""


def plain_name(name: str) -> str:
    """Name in small letters without the ending of a packing."""
    lower = name.lower()
    ending = next(filter(lower.endswith, ENDINGS), "")
    return lower.removesuffix(ending)


def packing_of(path: Readable) -> Packing | None:
    """Tell how a file is packed, by its first bytes; None where it is not."""
    with path.open("rb") as file:
        first = file.read(6)
    return next((kind for stamp, kind in _STAMPS.items() if first.startswith(stamp)), None)


@contextmanager
def unpacked(path: Readable, packing: Packing, name: str) -> Iterator[Unpacked]:
    """Read what a packed file holds; no more is unpacked, or kept, than is asked for.

    Raises
    ------
    InputError
        If the packing is zstd, or the file is damaged.
    """
    if packing == "zstd":
        raise refuse(
            name, "packed by zstd, which is not read: unpack it (unzstd), or pack it by gzip"
        )
    with path.open("rb") as file:
        try:
            yield _opened(file, packing)
        except (*_DAMAGE, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk, not the file's content
            if "memory" in str(error).lower():
                raise refuse(
                    name, "packed by xz with too large a dictionary: pack it by xz -9"
                ) from error
            raise refuse(name, f"a damaged {packing} file ({error}): upload it again") from error


def _opened(file: BinaryIO, packing: Packing) -> Unpacked:
    if packing == "gzip":
        return gzip.GzipFile(fileobj=file)
    if packing == "bzip2":
        return bz2.BZ2File(file)
    return io.BufferedReader(_Xz(file))


class _Xz(io.RawIOBase):
    """What xz files hold, one behind the other; `lzma.open` sets no limit to a dictionary."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._stream = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
        self._waiting = b""

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from its beginning; 0 at the end of the file."""
        room = memoryview(buffer).cast("B")
        found = b""
        while not found:
            if self._stream.eof and not self._next():
                return 0
            found = self._stream.decompress(self._more(), len(room))
        room[: len(found)] = found
        return len(found)

    def _more(self) -> bytes:
        """Return packed bytes where some are needed."""
        if not self._stream.needs_input:
            return b""
        given, self._waiting = self._waiting or self._file.read(_CHUNK), b""
        if not given:
            raise EOFError("it ends too early")
        return given

    def _next(self) -> bool:
        """Begin with the next stream in the file, if there is one."""
        rest = (self._stream.unused_data or self._file.read(_CHUNK)).lstrip(b"\0")
        if not rest:
            return False
        self._stream, self._waiting = lzma.LZMADecompressor(memlimit=XZ_MEMORY), rest
        return True
