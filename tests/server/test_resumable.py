"""Resumable uploads: what has come stays, and a file appears whole or not at all."""

from __future__ import annotations

import hashlib
import os

import psutil
import pytest

from support.leftovers import left, refused
from support.services import wait_until
from support.serving import WEDGE, Served
from support.tus import TUS, Sender, announce, b64, sha256

CONTENT = os.urandom(1_500_000)


@pytest.fixture
def open_dataset(service: Served) -> str:
    """Id of an empty dataset."""
    made = service.client.post("/datasets", json={"name": "x", "missing": WEDGE})
    return str(made.json()["id"])


def files_of(service: Served, dataset: str) -> list[dict]:
    return list(service.client.get(f"/datasets/{dataset}/files").json()["items"])


def test_a_file_sent_in_parts_is_the_file_which_put_would_have_stored(
    service: Served, open_dataset: str
):
    sender = Sender.begin(service.client, open_dataset, "a/b.mrc", len(CONTENT), sha256(CONTENT))
    place = 0
    for cut in (400_000, 400_000, 1_000_001, len(CONTENT)):
        assert sender.offset() == place
        assert files_of(service, open_dataset) == []
        assert sender.send(CONTENT[place:cut], place).status_code == 204
        place = cut
    stored = {"name": "a/b.mrc", "size": len(CONTENT), "sha256": sha256(CONTENT)}
    assert files_of(service, open_dataset) == [stored]
    assert service.store.files.upload(open_dataset, "a/b.mrc").read_bytes() == CONTENT
    put = service.client.put(f"/datasets/{open_dataset}/files/c.mrc", content=CONTENT)
    assert put.json() == stored | {"name": "c.mrc"}
    assert sender.offset() == len(CONTENT), "a sender whose last answer was lost learns it"
    assert list((service.store.settings.data / "incoming").iterdir()) == []


def test_an_empty_file_is_there_at_once(service: Served, open_dataset: str):
    Sender.begin(service.client, open_dataset, "nothing.txt", 0)
    assert files_of(service, open_dataset)[0]["size"] == 0


def test_a_sender_gone_midway_goes_on_where_it_was(service: Served, open_dataset: str):
    sender = Sender.begin(service.client, open_dataset, "x.mrc", len(CONTENT))
    connection = sender.half_sent(CONTENT[:1_234_567], 0, len(CONTENT))
    connection.close()
    wait_until(lambda: sender.offset() == 1_234_567, "the bytes which came are kept")
    listed = service.client.get(f"/datasets/{open_dataset}/uploads").json()["items"]
    assert [(u["name"], u["size"], u["offset"]) for u in listed] == [
        ("x.mrc", len(CONTENT), 1_234_567)
    ]
    wait_until(lambda: sender.send(CONTENT[1_234_567:], 1_234_567).status_code == 204, "it goes on")
    assert files_of(service, open_dataset)[0]["sha256"] == sha256(CONTENT)
    assert service.client.get(f"/datasets/{open_dataset}/uploads").json()["items"] == []


def test_two_connections_do_not_write_one_file(service: Served, open_dataset: str):
    sender = Sender.begin(service.client, open_dataset, "x.mrc", len(CONTENT))
    with sender.half_sent(CONTENT[:1_100_000], 0, len(CONTENT)):
        # Before the server (of this process) has opened it, a question might take the file first.
        path = str(service.store.files.incoming(sender.address.rpartition("/")[2]))
        this = psutil.Process()
        wait_until(lambda: path in [file.path for file in this.open_files()], "the first one sends")
        told = refused(sender.send(CONTENT, 0), 423)
        assert "another connection is still sending" in told["detail"]
    wait_until(lambda: sender.offset() == 1_100_000, "the first one's bytes are kept")


def test_the_wrong_place_is_refused(service: Served, open_dataset: str):
    sender = Sender.begin(service.client, open_dataset, "x.mrc", len(CONTENT))
    sender.send(CONTENT[:10], 0)
    told = refused(sender.send(CONTENT[5:], 5), 409)
    assert "stands at byte 10, not 5" in told["detail"]
    assert refused(sender.send(CONTENT + b"more", 10), 400)["detail"].startswith("More bytes came")
    assert files_of(service, open_dataset) == []


def test_a_part_with_another_checksum_is_forgotten(service: Served, open_dataset: str):
    sender = Sender.begin(service.client, open_dataset, "x.mrc", 20)
    good, bad = b"0123456789", b"0123456780"
    for algorithm in ("sha1", "sha256"):
        sums = {"Upload-Checksum": f"{algorithm} {b64(hashlib.new(algorithm, good).digest())}"}
        assert sender.send(bad, 0, **sums).status_code == 460
        assert sender.offset() == 0
    assert sender.send(good, 0, **sums).status_code == 204
    assert sender.offset() == 10
    assert "md5" in refused(sender.send(good, 10, **{"Upload-Checksum": "md5 AA=="}), 400)["detail"]


def test_a_whole_file_which_is_another_than_announced_is_not_kept(
    service: Served, open_dataset: str
):
    before = left(service)
    sender = Sender.begin(service.client, open_dataset, "x.mrc", len(CONTENT), sha256(b"other"))
    told = refused(sender.send(CONTENT, 0))
    assert told["file"] == "x.mrc"
    assert sha256(CONTENT) in told["detail"]
    assert "send it again" in told["detail"]
    assert left(service) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload-Checksum": f"sha256 {sha256(b'other')}"},
        {"Upload-Checksum": f"sha256 {b64(hashlib.sha256(b'other').digest())}"},
        {"Content-Digest": f"sha-256=:{b64(hashlib.sha256(b'other').digest())}:"},
    ],
)
def test_put_with_another_checksum_is_refused_and_what_stood_stays(
    service: Served, open_dataset: str, headers: dict[str, str]
):
    address = f"/datasets/{open_dataset}/files/x.mrc"
    assert service.client.put(address, content=b"other", headers=headers).status_code == 200
    before = left(service)
    told = refused(service.client.put(address, content=b"another", headers=headers))
    assert "announced was" in told["detail"]
    assert left(service) == before
    assert service.store.files.upload(open_dataset, "x.mrc").read_bytes() == b"other"


def test_what_cannot_be_understood_is_refused_before_a_byte(service: Served, open_dataset: str):
    client, before = service.client, left(service)
    assert refused(client.post(f"/datasets/{open_dataset}/uploads"), 412)["detail"].startswith(
        "Resumable uploads speak tus 1.0.0"
    )
    told = refused(announce(client, open_dataset, "../up.mrc", 5))
    assert "climbs out" in told["detail"]
    assert "free" not in refused(announce(client, open_dataset, "x", 2**40), 413)["detail"]
    headers = TUS | {"Upload-Length": "5", "Upload-Metadata": "filename ###"}
    refused(client.post(f"/datasets/{open_dataset}/uploads", headers=headers), 400)
    headers = TUS | {"Upload-Length": "-5", "Upload-Metadata": f"filename {b64('x')}"}
    refused(client.post(f"/datasets/{open_dataset}/uploads", headers=headers))
    assert left(service) == before
    sender = Sender.begin(client, open_dataset, "x.mrc", 5)
    refused(sender.send(b"abcde", 0, **{"Content-Type": "text/plain"}), 415)
    assert sender.offset() == 0


def test_giving_up_leaves_nothing(service: Served, open_dataset: str):
    before = left(service)
    sender = Sender.begin(service.client, open_dataset, "x.mrc", 50)
    sender.send(b"12345", 0)
    assert service.client.delete(sender.address, headers=TUS).status_code == 204
    assert service.client.head(sender.address, headers=TUS).status_code == 404
    assert left(service) == before


def test_senders_which_can_only_post_say_what_they_mean(service: Served, open_dataset: str):
    sender = Sender.begin(service.client, open_dataset, "x.mrc", 5)
    headers = TUS | {
        "X-HTTP-Method-Override": "PATCH",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    assert service.client.post(sender.address, content=b"abcde", headers=headers).is_success
    assert files_of(service, open_dataset)[0]["size"] == 5


def test_nobody_else_sees_or_feeds_an_upload(service: Served, open_dataset: str):
    sender = Sender.begin(service.client, open_dataset, "x.mrc", 5)
    with service.another_user() as other:
        stranger = Sender(other, sender.address)
        assert stranger.send(b"abcde", 0).status_code == 404
        assert other.head(sender.address, headers=TUS).status_code == 404
        assert other.delete(sender.address, headers=TUS).status_code == 404
        assert announce(other, open_dataset, "y.mrc", 5).status_code == 404
        assert other.get(f"/datasets/{open_dataset}/uploads").status_code == 404
    assert sender.offset() == 0


def test_what_the_server_can_do_is_told(service: Served, open_dataset: str):
    told = service.client.options(f"/datasets/{open_dataset}/uploads").headers
    assert told["tus-version"] == "1.0.0"
    assert {"creation", "checksum", "expiration", "termination"} == set(
        told["tus-extension"].split(",")
    )
    assert told["tus-max-size"] == str(service.store.settings.max_upload_bytes)


def test_a_sealed_dataset_takes_no_upload_which_began_before(service: Served, dataset: str):
    assert refused(announce(service.client, dataset, "x.mrc", 5), 409)["detail"]
