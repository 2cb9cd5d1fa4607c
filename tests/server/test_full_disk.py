"""A disk that is full, or a quota used up, while something is uploaded."""

from __future__ import annotations

import errno
import os
import resource
from contextlib import contextmanager

import pytest

from subtomo_store.files import whole
from support.leftovers import left, refused
from support.serving import WEDGE, Served


@contextmanager
def largest_file(size: int):
    """Let the system refuse files above ``size``, as a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_upload_beyond_the_quota_is_told_and_what_stood_stays(service: Served):
    made = service.client.post("/datasets", json={"name": "x", "missing": WEDGE}).json()["id"]
    service.client.put(f"/datasets/{made}/files/x.mrc", content=b"first").raise_for_status()
    before = left(service)
    with largest_file(3 * 2**20):
        content = b"x" * (2**22 - 1)
        answer = service.client.put(f"/datasets/{made}/files/x.mrc", content=content)
    told = refused(answer, 507)
    assert (
        "x.mrc could not be written: the file grew larger than this system allows"
        in (told["detail"])
    )
    assert left(service) == before
    assert service.store.files.upload(made, "x.mrc").read_bytes() == b"first"


def test_a_disk_full_at_the_last_moment_is_told_and_what_stood_stays(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    """Some file systems tell it only when the bytes are forced to the disk."""
    made = service.client.post("/datasets", json={"name": "x", "missing": WEDGE}).json()["id"]
    service.client.put(f"/datasets/{made}/files/x.mrc", content=b"first").raise_for_status()
    before = left(service)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(whole.os, "fsync", full)
        answer = service.client.put(f"/datasets/{made}/files/x.mrc", content=b"second")
    assert "the disk is full: free some space" in refused(answer, 507)["detail"]
    assert left(service) == before
    assert service.store.files.upload(made, "x.mrc").read_bytes() == b"first"
