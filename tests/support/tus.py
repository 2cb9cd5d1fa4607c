"""The tus protocol as a sender speaks it, by plain HTTP."""

from __future__ import annotations

import base64
import hashlib
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

TUS = {"Tus-Resumable": "1.0.0"}
BODY = {"Content-Type": "application/offset+octet-stream"}


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Sender:
    """One upload, from a sender's side."""

    client: httpx.Client
    address: str

    @classmethod
    def begin(
        cls, client: httpx.Client, dataset: str, name: str, size: int, digest: str | None = None
    ) -> Sender:
        """Announce a file."""
        answer = announce(client, dataset, name, size, digest)
        assert answer.status_code == 201, answer.text
        return cls(client, answer.headers["location"].removeprefix("/api/v1"))

    def offset(self) -> int:
        """Ask how far it is."""
        answer = self.client.head(self.address, headers=TUS)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    def send(self, content: bytes, offset: int, **headers: str) -> httpx.Response:
        """Send bytes."""
        given = {**TUS, **BODY, "Upload-Offset": str(offset), **headers}
        return self.client.patch(self.address, content=content, headers=given)

    def half_sent(self, content: bytes, offset: int, announced: int) -> socket.socket:
        """Send less than announced, and keep the connection open."""
        url = urlsplit(str(self.client.base_url))
        connection = socket.create_connection((url.hostname or "", url.port or 80))
        head = (
            f"PATCH {url.path.rstrip('/')}{self.address} HTTP/1.1\r\nHost: {url.netloc}\r\n"
            f"Authorization: {self.client.headers['authorization']}\r\n"
            f"Tus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n"
            f"Content-Type: {BODY['Content-Type']}\r\nContent-Length: {announced}\r\n\r\n"
        )
        connection.sendall(head.encode() + content)
        return connection


def announce(
    client: httpx.Client, dataset: str, name: str, size: int, digest: str | None = None
) -> httpx.Response:
    """Ask to begin an upload."""
    metadata = f"filename {b64(name)}" + (f",sha256 {b64(digest)}" if digest else "")
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata}
    return client.post(f"/datasets/{dataset}/uploads", headers=headers)
