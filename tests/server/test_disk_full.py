"""A disk that is really full: a small file system of its own, where the tests may mount one."""

from __future__ import annotations

import os
import subprocess

import pytest

from subtomo_store import Settings
from support.leftovers import left, refused
from support.serving import WEDGE, served
from support.tus import Sender, sha256

CONTENT = os.urandom(6 << 20)


@pytest.fixture
def small_disk(tmp_path):
    """A folder of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("nothing may be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_and_with_room_everything_goes_on(small_disk, tmp_path, redis):
    settings = Settings(
        data=small_disk, database_url=f"sqlite:///{tmp_path}/subtomo.db", broker_url=redis.url
    )
    with served(settings) as service:
        made = service.client.post("/datasets", json={"name": "x", "missing": WEDGE}).json()["id"]
        filler = small_disk / "filler"
        filler.write_bytes(bytes(4 << 20))
        before = left(service)
        address = f"/datasets/{made}/files/x.mrc"
        told = refused(service.client.put(address, content=CONTENT), 507)
        assert "x.mrc could not be written: the disk is full: free some space" in told["detail"]
        assert left(service) == before
        sender = Sender.begin(service.client, made, "y.mrc", len(CONTENT), sha256(CONTENT))
        told = refused(sender.send(CONTENT, 0), 507)
        assert "the disk is full" in told["detail"]
        came = sender.offset()
        assert 0 < came < len(CONTENT), "what came before the disk was full stays"
        assert service.client.get(f"/datasets/{made}/files").json()["items"] == []
        filler.unlink()
        assert sender.send(CONTENT[came:], came).status_code == 204
        (file,) = service.client.get(f"/datasets/{made}/files").json()["items"]
        assert file == {"name": "y.mrc", "size": len(CONTENT), "sha256": sha256(CONTENT)}
        service.client.delete(f"/datasets/{made}").raise_for_status()
        assert service.store.files.usage().used < 1 << 20, "the bytes went with the dataset"
