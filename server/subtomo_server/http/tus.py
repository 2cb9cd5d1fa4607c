"""The words of the tus protocol (1.0.0): its headers, read and written."""

from __future__ import annotations

import base64
import binascii
import hashlib
from email.utils import format_datetime

from fastapi import Depends, Request

from subtomo_server.http.digests import Checksum
from subtomo_server.http.errors import (
    BadRequestError,
    ChecksumMismatchError,
    WrongMediaTypeError,
    WrongTusVersionError,
)
from subtomo_store.database.records import Upload
from subtomo_store.files.incoming import Incoming

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration,termination"
ALGORITHMS = "sha256,sha1"
BODY_TYPE = "application/offset+octet-stream"


def _speaks_tus(request: Request) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        raise WrongTusVersionError(
            f"Resumable uploads speak tus {VERSION}: send the header 'Tus-Resumable: {VERSION}'."
        )


SpeaksTus = Depends(_speaks_tus)


def abilities(max_bytes: int) -> dict[str, str]:
    """Headers that tell what this server can do."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Checksum-Algorithm": ALGORITHMS,
        "Tus-Max-Size": str(max_bytes),
    }


def state(upload: Upload, offset: int) -> dict[str, str]:
    """Headers that tell how far an upload is."""
    return {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(offset),
        "Upload-Length": str(upload.size),
        "Upload-Metadata": metadata_header(upload),
        "Upload-Expires": format_datetime(upload.expires, usegmt=True),
        "Cache-Control": "no-store",
    }


def metadata_header(upload: Upload) -> str:
    """Put an upload's name and digest as its sender gave them."""
    fields = {"filename": upload.name} | ({"sha256": upload.sha256} if upload.sha256 else {})
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in fields.items()
    )


def metadata_of(header: str) -> dict[str, str]:
    """Read ``Upload-Metadata``: keys, each with a value in base64.

    Raises
    ------
    BadRequestError
        If it cannot be understood.
    """
    found = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise BadRequestError(
                f"Upload-Metadata: the value of {key[:40]!r} is not UTF-8 text in base64."
            ) from error
    return found


def check_body_type(request: Request) -> None:
    """Refuse bytes that come under another name than the protocol's.

    Raises
    ------
    WrongMediaTypeError
        Naming the right one.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != BODY_TYPE:
        raise WrongMediaTypeError(f"Send the bytes with 'Content-Type: {BODY_TYPE}'.")


class CheckedPart:
    """Writes one PATCH's bytes, no more than fit, and proves them by their checksum."""

    def __init__(self, incoming: Incoming, size: int, checksum: Checksum | None):
        self._incoming, self._size, self._checksum = incoming, size, checksum
        self._start = incoming.offset
        self._hash = hashlib.new(checksum.algorithm) if checksum else None

    def write(self, piece: bytearray) -> None:
        """Append bytes.

        Raises
        ------
        BadRequestError
            If more comes than was announced.
        """
        if self._incoming.offset + len(piece) > self._size:
            raise BadRequestError(
                f"More bytes came than the {self._size} which this upload announced."
            )
        self._incoming.write(piece)
        if self._hash is not None:
            self._hash.update(piece)

    def prove(self) -> None:
        """Compare the checksum; what does not match is forgotten.

        Raises
        ------
        ChecksumMismatchError
            If the bytes are not those that the sender summed.
        """
        if self._hash is None or self._checksum is None:
            return
        if self._hash.hexdigest() != self._checksum.digest:
            self.forget()
            raise ChecksumMismatchError(
                f"The {self._checksum.algorithm} of this part is {self._hash.hexdigest()}, "
                f"announced was {self._checksum.digest}: nothing was kept of it; send it again."
            )

    def forget(self) -> None:
        """Forget a part whose checksum can no longer be compared."""
        if self._hash is not None:
            self._incoming.cut(self._start)
