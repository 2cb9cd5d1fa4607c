"""Files on their way: what to upload, its checksum, and downloads that are whole or not there."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import httpx

from subtomo.dynamo import TABLE, only_table, particles_beside
from subtomo.errors import ChecksumMismatch, ConnectionFailed, InvalidInput
from subtomo.motive_lists import AV3, PYTOM, is_stopgap, pytom_list, volumes_beside
from subtomo.patience import Patience
from subtomo.stacks import holds_stacks, stack_files
from subtomo.star import make_portable
from subtomo.transport import Transport
from subtomo.volume_names import VOLUME_ENDINGS, is_volume_name, refuse_unreadable

CHUNK = 1 << 20
NO_PARTICLES = "neither a volume (MRC, EM) nor a table (RELION STAR, Dynamo)"
_TOLD_AT_MOST = 10
_SHA256 = re.compile(r'^(?:W/)?"(?:sha-?256[:=-])?([0-9a-f]{64})"$')

Counter = Callable[[int], None]


class Outgoing(NamedTuple):
    """A file to upload: its name there, and its bytes here (a path, or the bytes themselves)."""

    name: str
    source: Path | bytes

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    def chunks(self, start: int = 0) -> Iterator[bytes]:
        """Read the content piece by piece, from byte ``start`` on."""
        if isinstance(self.source, bytes):
            yield self.source[start:]
            return
        with self.source.open("rb") as stream:
            stream.seek(start)
            while chunk := stream.read(CHUNK):
                yield chunk

    def sha256(self) -> str:
        """Return the content's SHA-256 in hexadecimal digits."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()


def outgoing(path: Path, tomograms: Path | None = None) -> list[Outgoing]:
    """List everything to upload for a table with its volumes, or for a folder of volumes.

    Parameters
    ----------
    path : Path
        A ``.star`` file (particles, or RELION's optimisation set), a Dynamo table (``.tbl``), a
        motive list (STOPGAP's ``.star``, AV3's ``.em``, PyTom's ``.xml``), or a folder.
    tomograms : Path, optional
        The tomograms of particles that are stacks of tilt images; found beside them by default.

    Returns
    -------
    list of Outgoing
        Volumes first, the table last.

    Raises
    ------
    InvalidInput
        If there is nothing to upload, a named file is not there, or one is not read.
    """
    files = _folder(path) if path.is_dir() else _table(path, tomograms)
    for file in files:
        refuse_unreadable(file.name)
    return files


def left_out(path: Path, files: list[Outgoing]) -> list[str]:
    """Say what of a folder is not sent, and why; nothing of what a table alone names."""
    if not path.is_dir():
        return []
    sent = {file.name for file in files}
    table = next((name for name in sent if name.lower().endswith(TABLE)), "")
    reason = f"not in {table}" if table else NO_PARTICLES
    others = [
        f"{entry.name}/" if entry.is_dir() else entry.name
        for entry in sorted(path.iterdir())
        if entry.name not in sent and not entry.name.startswith(".")
    ]
    if not others:
        return []
    were = "1 file was" if len(others) == 1 else f"{len(others)} files were"
    more = len(others) - _TOLD_AT_MOST
    names = ", ".join(others[:_TOLD_AT_MOST]) + (f" and {more} more" if more > 0 else "")
    return [f"{were} left out, {reason}: {names}"]


def _table(path: Path, tomograms: Path | None) -> list[Outgoing]:
    if not path.is_file():
        raise InvalidInput(f"There is no file or folder {path}.")
    if path.suffix.lower() == TABLE:
        return _dynamo(path)
    if path.suffix.lower() == PYTOM:
        listed = pytom_list(path)
        named = [Outgoing(name, place) for name, place in listed.files.items()]
        return [*named, Outgoing(path.name, listed.text.encode())]
    if path.suffix.lower() == AV3:
        return [*_beside(path), Outgoing(path.name, path)]
    if path.suffix.lower() != ".star":
        raise InvalidInput(
            f"{path.name} is neither a STAR file, a Dynamo table nor a motive list: give the "
            "particles' table or a folder of volumes."
        )
    if tomograms is not None or holds_stacks(path):
        return [Outgoing(name, content) for name, content in stack_files(path, tomograms)]
    portable = make_portable(path)
    if not portable.files:
        volumes = _beside(path) if is_stopgap(portable.text) else []
        return [*volumes, Outgoing(path.name, path)]
    volumes = [Outgoing(name, place) for name, place in portable.files.items()]
    return [*volumes, Outgoing(path.name, portable.text.encode())]


def _beside(listing: Path) -> list[Outgoing]:
    return [Outgoing(entry.name, entry) for entry in volumes_beside(listing)]


def _folder(folder: Path) -> list[Outgoing]:
    files = sorted(entry for entry in folder.iterdir() if entry.is_file())
    stars = [entry.name for entry in files if entry.suffix.lower() == ".star"]
    if stars:
        raise InvalidInput(
            f"{folder} holds {stars[0]}: push the STAR file itself, "
            "or a folder with nothing but volumes."
        )
    table = only_table(files, folder)
    if table is not None:
        return _dynamo(table)
    volumes = [entry for entry in files if is_volume_name(entry.name)]
    if not volumes:
        remarks = left_out(folder, [])
        raise InvalidInput(
            "; ".join([f"{folder} holds no volumes ({', '.join(VOLUME_ENDINGS)})", *remarks]) + "."
        )
    return [Outgoing(entry.name, entry) for entry in volumes]


def _dynamo(table: Path) -> list[Outgoing]:
    return [Outgoing(entry.name, entry) for entry in (*particles_beside(table), table)]


def download(transport: Transport, path: str, to: Path, count: Counter | None = None) -> Path:
    """Download one file: to a temporary name, checked against its ETag, then renamed.

    A connection that breaks on the way is taken up again where it broke.

    Parameters
    ----------
    transport : Transport
        The connection.
    path : str
        Path of the file on the server.
    to : Path
        The file to write, or an existing folder: then the server's own file name is used.
    count : callable, optional
        Told the number of bytes after each piece.

    Raises
    ------
    ChecksumMismatch
        If the bytes are not those which the server announced; nothing is kept.
    """
    folder = to if to.is_dir() else to.parent
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".subtomo-{secrets.token_hex(8)}.part"
    try:
        with temporary.open("xb") as stream:
            etag, name = _fill(transport, path, stream, count)
        _check(temporary, path, etag)
        target = to / (name or path.rpartition("/")[2]) if to.is_dir() else to
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return target


def _fill(
    transport: Transport, path: str, stream: BinaryIO, count: Counter | None
) -> tuple[str, str]:
    etag, name, patience = "", "", Patience(transport.patience)
    while True:
        ahead = stream.tell()
        further = {"Range": f"bytes={ahead}-", "If-Range": etag} if ahead and etag else {}
        try:
            with transport.stream(path, headers=further) as response:
                if response.status_code != httpx.codes.PARTIAL_CONTENT:
                    stream.seek(0)
                    stream.truncate()
                etag = response.headers.get("ETag", "")
                name = _file_name(response.headers.get("Content-Disposition", "")) or name
                for chunk in response.iter_raw():
                    stream.write(chunk)
                    patience.renew()
                    if count:
                        count(len(chunk))
                return etag, name
        except httpx.TransportError as error:
            if not patience.rest():
                raise ConnectionFailed(f"The download of {path} broke off: {error}.") from error


def _check(file: Path, path: str, etag: str) -> None:
    announced = _SHA256.match(etag)
    if announced and Outgoing(file.name, file).sha256() != announced.group(1):
        raise ChecksumMismatch(
            f"The download of {path} does not have the SHA-256 which the server announced; "
            "nothing was kept of it. Try again."
        )


def _file_name(disposition: str) -> str:
    match = re.search(r'filename="?([^";]+)"?', disposition)
    return Path(match.group(1)).name if match else ""
