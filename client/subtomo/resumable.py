"""Uploads of big files which go on where they broke off (tus 1.0.0)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import httpx

from subtomo.calls import path_of
from subtomo.errors import ConnectionFailed, HTTPProblem
from subtomo.patience import Patience
from subtomo.transfer import Outgoing
from subtomo.transport import BUSY, Transport

RESUMABLE_FROM = 64 << 20
_TUS = {"Tus-Resumable": "1.0.0"}
_AGAIN = BUSY | {httpx.codes.CONFLICT, httpx.codes.LOCKED, httpx.codes.REQUEST_TIMEOUT}

Counter = Callable[[int], None]


class ResumableUpload:
    """One file on its way into a dataset; what the server has already is not sent again.

    Parameters
    ----------
    transport : Transport
        The connection.
    dataset : str
        Id of the dataset.
    file : Outgoing
        What to send.
    digest : str
        Its SHA-256; the server refuses the file if it does not match.
    count : callable
        Told the bytes which went out; a negative number takes back what was lost.
    """

    def __init__(
        self, transport: Transport, dataset: str, file: Outgoing, *, digest: str, count: Counter
    ):
        self._transport, self._dataset = transport, dataset
        self._file, self._digest, self._count = file, digest, count
        self._counted = 0

    def send(self) -> None:
        """Send all that is missing, again and again as long as the transport has patience.

        Raises
        ------
        ConnectionFailed
            If the connection does not come back; calling once more goes on.
        HTTPProblem
            If the server refuses.
        """
        address, patience, before = self._address(), Patience(self._transport.patience), -1
        while True:
            offset = self._offset(address)
            self._tell(offset)
            if offset > before:
                patience.renew()
            before = offset
            try:
                self._send_from(address, offset)
                return
            except (ConnectionFailed, HTTPProblem) as error:
                passing = not isinstance(error, HTTPProblem) or error.status in _AGAIN
                if not passing or not patience.rest():
                    raise

    def _address(self) -> str:
        """Where an earlier call left off, or a new beginning."""
        known = self._transport.request("GET", self._path(), again=True).json()["items"]
        wanted = (self._file.name, self._file.size, self._digest)
        for upload in known:
            if (upload["name"], upload["size"], upload["sha256"]) == wanted:
                return self._path(str(upload["id"]))
        fields = {"filename": self._file.name, "sha256": self._digest}
        metadata = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in fields.items()
        )
        headers = {**_TUS, "Upload-Length": str(self._file.size), "Upload-Metadata": metadata}
        answer = self._transport.request("POST", self._path(), again=False, headers=headers)
        return str(httpx.URL(answer.headers["Location"]).path)

    def _offset(self, address: str) -> int:
        answer = self._transport.request("HEAD", address, again=True, headers=_TUS)
        return int(answer.headers["Upload-Offset"])

    def _send_from(self, address: str, offset: int) -> None:
        headers = {
            **_TUS,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(self._file.size - offset),
        }

        def content() -> Iterator[bytes]:
            for chunk in self._file.chunks(offset):
                yield chunk
                self._tell(self._counted + len(chunk))

        if offset < self._file.size:
            self._transport.request("PATCH", address, again=False, content=content, headers=headers)

    def _tell(self, place: int) -> None:
        self._count(place - self._counted)
        self._counted = place

    def _path(self, *more: str) -> str:
        return path_of("datasets", self._dataset, "uploads", *more)
