"""A ZIP archive made while it is sent: memory use does not grow with it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PIECE_BYTES = 256 * 1024
STORED_AS_THEY_ARE = {".png", ".npz", ".gz"}


class Member(NamedTuple):
    """One file of an archive, or its bytes, and its name within."""

    source: Path | bytes
    name: str


class _Pipe:
    """What the ZIP writer writes into: it cannot seek, and is emptied after each piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is held here."""

    def take(self) -> bytes:
        taken = b"".join(self.pieces)
        self.pieces.clear()
        return taken


def stream_zip(members: Iterable[Member]) -> Iterator[bytes]:
    """Give the bytes of an archive of ``members``, piece by piece."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", allowZip64=True) as archive:
        for member in members:
            for _ in _fill(archive, member):
                yield pipe.take()
    yield pipe.take()


def _fill(archive: zipfile.ZipFile, member: Member) -> Iterator[None]:
    if isinstance(member.source, bytes):
        archive.writestr(zipfile.ZipInfo(member.name), member.source, zipfile.ZIP_DEFLATED)
        yield
        return
    info = zipfile.ZipInfo.from_file(member.source, member.name, strict_timestamps=False)
    stored = member.source.suffix in STORED_AS_THEY_ARE
    info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with member.source.open("rb") as source, archive.open(info, "w") as target:
        while piece := source.read(PIECE_BYTES):
            target.write(piece)
            yield
    yield
