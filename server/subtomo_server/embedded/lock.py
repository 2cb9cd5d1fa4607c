"""One server for one data folder."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from subtomo_core.errors import SubtomoError

LOCK = "serve.lock"


class FolderInUseError(SubtomoError):
    """Another server works in this data folder."""


@contextmanager
def only_server(data: Path) -> Iterator[None]:
    """Hold the data folder for this process; the system lets go when the process ends.

    Raises
    ------
    FolderInUseError
        If another server holds it; the sentence names its process.
    """
    data.mkdir(parents=True, exist_ok=True)
    with (data / LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FolderInUseError(_told(lock.name, data)) from error
        lock.truncate(0)
        json.dump({"pid": os.getpid()}, lock)
        lock.flush()
        yield


def _told(name: str, data: Path) -> str:
    try:
        pid = json.loads(Path(name).read_text(encoding="utf-8"))["pid"]
        who = f"Process {pid}"
    except (OSError, ValueError, KeyError, TypeError):
        who = "Another process"
    return (
        f"{who} already serves the data folder {data}: use the page it printed, end it first, "
        "or choose another folder with --data."
    )
