"""Checksums that senders announce, in the headers of two standards."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import NamedTuple

from subtomo_server.http.errors import BadRequestError

_HEX = re.compile(r"[0-9a-fA-F]{64}")
_FIELD = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")
LENGTHS = {"sha1": 20, "sha256": 32}


class Checksum(NamedTuple):
    """An algorithm (``sha1`` or ``sha256``) and a digest in hexadecimal."""

    algorithm: str
    digest: str


def announced_digest(headers: Mapping[str, str]) -> str | None:
    """SHA-256 of a whole body, in hexadecimal; None where the sender announced none.

    Read from ``Upload-Checksum: sha256 DIGEST`` (hexadecimal or base64), or from
    ``Content-Digest`` or ``Repr-Digest`` (RFC 9530: ``sha-256=:BASE64:``).

    Raises
    ------
    BadRequestError
        If a header cannot be understood.
    """
    checksum = announced_checksum(headers)
    if checksum is not None:
        if checksum.algorithm != "sha256":
            raise BadRequestError("Upload-Checksum: for a whole file give sha256.")
        return checksum.digest
    for name in ("content-digest", "repr-digest"):
        found = _FIELD.search(headers.get(name, ""))
        if found:
            return _hexadecimal(found.group(1), "sha256", name)
    return None


def announced_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """Read ``Upload-Checksum`` (tus 1.0); None without one.

    Raises
    ------
    BadRequestError
        If it cannot be understood.
    """
    given = headers.get("upload-checksum")
    if given is None:
        return None
    algorithm, _, text = given.strip().partition(" ")
    if algorithm not in LENGTHS:
        raise BadRequestError(
            f"Upload-Checksum: {algorithm[:40]!r} is not supported: use sha256 or sha1."
        )
    return Checksum(algorithm, _hexadecimal(text.strip(), algorithm, "Upload-Checksum"))


def _hexadecimal(text: str, algorithm: str, header: str) -> str:
    if algorithm == "sha256" and _HEX.fullmatch(text):
        return text.lower()
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != LENGTHS[algorithm]:
        raise BadRequestError(
            f"{header}: this is no {algorithm} digest: give {LENGTHS[algorithm]} bytes in base64."
        )
    return raw.hex()
