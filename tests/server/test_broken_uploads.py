"""Uploads which break off leave nothing, and spare what stood."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from support.leftovers import left
from support.services import wait_until
from support.serving import WEDGE, Served

SIZE = 3 * 2**20


@pytest.mark.parametrize("sent", [0, 2**20])
def test_an_upload_which_breaks_off_leaves_what_stood(service: Served, sent: int):
    made = service.client.post("/datasets", json={"name": "x", "missing": WEDGE}).json()["id"]
    service.client.put(f"/datasets/{made}/files/x.mrc", content=b"first").raise_for_status()
    before = left(service)
    path = service.store.files.upload(made, "x.mrc")
    url = urlsplit(service.url)
    with socket.create_connection((url.hostname, url.port)) as connection:
        head = (
            f"PUT /api/v1/datasets/{made}/files/x.mrc HTTP/1.1\r\nhost: {url.netloc}\r\n"
            f"authorization: Bearer {service.token}\r\ncontent-length: {SIZE}\r\n\r\n"
        )
        connection.sendall(head.encode() + b"x" * sent)
        wait_until(lambda: len(list(path.parent.iterdir())) > 1, "the upload has begun")
        assert path.read_bytes() == b"first"
    wait_until(lambda: left(service) == before, "nothing is left of it")
    assert path.read_bytes() == b"first"
    listed = service.client.get(f"/datasets/{made}/files").json()["items"]
    assert [file["size"] for file in listed] == [5]
