"""Quotas: refused before a byte is sent, by the size which a user sees."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import update

from subtomo_store.database.people_tables import UserRow
from subtomo_store.files.contents import SHARED_FROM_BYTES
from subtomo_store.people import users
from support.leftovers import left, refused
from support.serving import WEDGE, Served, ready_dataset, small_spec
from support.tus import TUS, Sender, announce


@pytest.fixture
def quota(service: Served):
    """Sets the tester's quota to what is used and so many bytes more; none again at the end."""

    def used() -> int:
        return int(service.client.get("/usage").json()["used_bytes"])

    def give(more: int | None) -> None:
        with service.store.begin() as session:
            user = users.ensure(session, "tester")
            value = None if more is None else used() + more
            session.execute(
                update(UserRow).where(UserRow.id == user.id).values(disk_quota_bytes=value)
            )

    yield give
    give(None)


@pytest.fixture
def open_dataset(service: Served) -> str:
    made = service.client.post("/datasets", json={"name": "x", "missing": WEDGE})
    return str(made.json()["id"])


def usage(service: Served) -> dict:
    return dict(service.client.get("/usage").json())


def test_what_does_not_fit_is_refused_with_numbers(service: Served, open_dataset: str, quota):
    quota(2000)
    before = left(service)
    address = f"/datasets/{open_dataset}/files/x.mrc"
    told = refused(service.client.put(address, content=b"x" * 2001), 507)
    assert told["type"] == "urn:subtomo:problem:quota"
    assert "1.954 KiB" in told["detail"]
    assert "1.953 KiB are free: delete datasets or jobs" in told["detail"]
    unannounced = service.client.put(address, content=iter([b"x" * 1001, b"x" * 1000]))
    assert refused(unannounced, 507)["detail"] == told["detail"]
    refused(announce(service.client, open_dataset, "x.mrc", 2001), 507)
    refused(service.client.post("/maps", params={"name": "m"}, content=b"x" * 2001), 507)
    assert left(service) == before
    assert service.client.put(address, content=b"x" * 2000).status_code == 200
    assert usage(service)["free_bytes"] == 0
    assert service.client.put(address, content=b"y" * 2000).status_code == 200, "it replaces"
    refused(service.client.put(f"{address}2", content=b"x"), 507)
    assert service.client.delete(f"/datasets/{open_dataset}").status_code == 204
    assert usage(service)["free_bytes"] == 2000


def test_an_upload_which_has_begun_has_its_place(service: Served, open_dataset: str, quota):
    quota(2000)
    sender = Sender.begin(service.client, open_dataset, "x.mrc", 1500)
    refused(announce(service.client, open_dataset, "y.mrc", 501), 507)
    sender.send(b"x" * 1500, 0)
    told = usage(service)
    assert (told["uploads_bytes"], told["free_bytes"]) == (0, 500)
    other = Sender.begin(service.client, open_dataset, "y.mrc", 500)
    assert usage(service)["free_bytes"] == 0
    service.client.delete(other.address, headers=TUS)
    assert usage(service)["free_bytes"] == 500


def test_a_job_is_refused_before_it_begins(service: Served, dataset: str, quota):
    expected = service.client.post("/jobs/estimate", json=small_spec(dataset)).json()["disk_bytes"]
    quota(expected - 1)
    told = refused(service.client.post("/jobs", json=small_spec(dataset)), 507)
    assert "quota" in told["detail"]
    quota(expected)
    made = service.client.post("/jobs", json=small_spec(dataset))
    assert made.status_code == 201
    assert usage(service)["free_bytes"] == 0
    service.client.post(f"/jobs/{made.json()['id']}/cancel")
    assert usage(service)["free_bytes"] == expected, "an ended job takes what its files take"


def test_a_sealed_dataset_takes_what_it_keeps(service: Served, tmp_path):
    before = usage(service)["datasets_bytes"]
    made = ready_dataset(service.client, tmp_path)
    document = service.client.get(f"/datasets/{made}").json()
    kept = service.store.files.dataset(made)
    assert document["size_bytes"] == sum(
        path.stat().st_size for path in kept.iterdir() if path.name != "dataset.json"
    )
    assert usage(service)["datasets_bytes"] - before == document["size_bytes"]


def test_the_same_file_of_two_users_lies_on_the_disk_once_and_counts_for_each(
    service: Served, open_dataset: str
):
    content = os.urandom(SHARED_FROM_BYTES + 1)
    address = f"/datasets/{open_dataset}/files/x.mrc"
    first = service.client.put(address, content=content)
    with service.another_user() as other:
        body = {"name": "y", "missing": WEDGE}
        theirs = str(other.post("/datasets", json=body).json()["id"])
        second = other.put(f"/datasets/{theirs}/files/z.mrc", content=content)
        assert second.json() == first.json() | {"name": "z.mrc"}, "nothing tells of the other"
        assert set(second.headers) == set(first.headers)
        assert other.get("/usage").json()["datasets_bytes"] == len(content)
        files = service.store.files
        mine, yours = files.upload(open_dataset, "x.mrc"), files.upload(theirs, "z.mrc")
        assert mine.samefile(yours)
        content_file = files.content(first.json()["sha256"])
        assert content_file.samefile(mine)
        service.client.delete(f"/datasets/{open_dataset}")
        assert yours.read_bytes() == content
        other.put(f"/datasets/{theirs}/files/z.mrc", content=b"small")
        assert not content_file.exists(), "with the last file the bytes go"
        assert yours.read_bytes() == b"small"


def test_service_info_tells_the_disk_roughly(service: Served):
    with service.stranger as stranger:
        disk = stranger.get("/api/v1/service-info").json()["storage"]
    real = service.store.files.usage()
    assert disk["total_bytes"] == real.total
    assert disk["free_bytes"] % (real.total // 100) == 0
    assert abs(disk["free_bytes"] - real.free) < 0.05 * real.total
