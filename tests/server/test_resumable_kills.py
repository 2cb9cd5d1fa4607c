"""A server killed in the middle of an upload: the next one goes on from what has come."""

from __future__ import annotations

import json
import os

import pytest

from subtomo import Client, ConnectionFailed
from support.embedded import Embedded
from support.services import wait_until
from support.serving import WEDGE
from support.tus import Sender, sha256

CONTENT = os.urandom(24 << 20)


@pytest.fixture
def service(tmp_path):
    running = Embedded(tmp_path / "data", worker_wanted=False).start()
    yield running
    running.stop()


def new_dataset(client) -> str:
    return str(client.post("/datasets", json={"name": "x", "missing": WEDGE}).json()["id"])


def test_a_killed_server_loses_no_byte_that_came(service: Embedded):
    with service.client() as client:
        dataset = new_dataset(client)
        sender = Sender.begin(client, dataset, "x.mrc", len(CONTENT), sha256(CONTENT))
        connection = sender.half_sent(CONTENT[: 20 << 20], 0, len(CONTENT))
        path = service.data / "incoming" / sender.address.rpartition("/")[2]
        wait_until(lambda: path.stat().st_size >= 8 << 20, "some bytes have come")
        service.kill()
        connection.close()
    came = path.stat().st_size
    assert 8 << 20 <= came < len(CONTENT)
    service.start()
    with service.client() as client:
        sender = Sender(client, sender.address)
        assert client.get(f"/datasets/{dataset}/files").json()["items"] == []
        assert sender.offset() == came
        assert sender.send(CONTENT[came:], came).status_code == 204
        (file,) = client.get(f"/datasets/{dataset}/files").json()["items"]
    assert (file["size"], file["sha256"]) == (len(CONTENT), sha256(CONTENT))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with one file which counts as big."""
    monkeypatch.setattr("subtomo.datasets.RESUMABLE_FROM", 1 << 20)
    made = tmp_path / "volumes"
    made.mkdir()
    (made / "big.mrc").write_bytes(CONTENT)
    return made


def test_a_client_goes_on_with_a_second_call_and_by_itself(service: Embedded, folder):
    note = json.loads((service.data / "connection.json").read_text())
    port = int(note["url"].rpartition(":")[2])
    told: list[int] = []
    kills = [service.kill, lambda: (service.kill(), service.start(port))]
    incoming = service.data / "incoming"

    def kill_in_the_middle(done: int, total: int) -> None:
        told.append(done)
        if kills and done > (0.4 if len(kills) == 2 else 0.7) * total:
            # What was sent may still wait in the sockets: some of it must have come.
            wait_until(lambda: any(f.stat().st_size for f in incoming.iterdir()), "bytes have come")
            kills.pop(0)()

    with Client(note["url"], note["token"], patience=0.5) as client:
        dataset = client.create_dataset("big", missing={"kind": "none"})
        with pytest.raises(ConnectionFailed):
            client.upload(dataset, folder, on_progress=kill_in_the_middle)
    service.start(port)
    with Client(note["url"], note["token"], patience=30) as client:
        (waiting,) = client._get("datasets", dataset.id, "uploads")["items"]
        assert 0 < waiting["offset"] < len(CONTENT)
        told.clear()
        client.upload(dataset, folder, on_progress=kill_in_the_middle)
        assert told[0] == waiting["offset"]
        assert told[-1] == len(CONTENT)
        assert not kills
        (file,) = client.files(dataset)
    assert file.sha256 == sha256(CONTENT)
