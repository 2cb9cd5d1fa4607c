"""Who else on a machine may look into the data folder: nobody, or the members of its group."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

FolderAccess = Literal["private", "group"]
# What is taken from everybody else, or from all but the folder's group.
MASKS: dict[FolderAccess, int] = {"private": 0o077, "group": 0o007}
DATABASE = "subtomo.db*"
log = logging.getLogger(__name__)


def keep_private(data: Path, access: FolderAccess) -> None:
    """Make what this process writes private, and close a data folder that stands open.

    Called once, when a process starts. Only the folder and the database in it are closed: nobody
    comes past a closed folder.
    """
    os.umask(MASKS[access])
    data.mkdir(parents=True, exist_ok=True)
    for path in _parts(data):
        try:
            before = stat.S_IMODE(path.stat().st_mode)
            after = before & ~MASKS[access]
            if after == before:
                continue
            path.chmod(after)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("others may read %s, and that cannot be changed: %s", path, error.strerror)
        else:
            log.warning("others could read %s (%o): closed (%o)", path, before, after)


def _parts(data: Path) -> Iterator[Path]:
    yield data
    yield from sorted(data.glob(DATABASE))
