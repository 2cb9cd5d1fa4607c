"""Files below folders that the administrator has allowed, and no others.

A path is resolved first, links and all, and must then lie below an allowed folder. It is opened
step by step from that folder without following any link: what is exchanged for a link between
the look and the opening is refused.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# A pipe by the name of a volume must not keep anybody waiting.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class Below(NamedTuple):
    """A path without links: an allowed folder, resolved, and the way down from it."""

    root: Path
    way: str

    @property
    def path(self) -> Path:
        """The whole path."""
        return self.root / self.way


def below(path: Path, roots: Sequence[Path]) -> Below | None:
    """Resolve a path; None if it lies outside of all ``roots``, by itself or by a link."""
    real = path.expanduser().resolve()
    for root in roots:
        top = root.expanduser().resolve()
        if real.is_relative_to(top):
            return Below(top, real.relative_to(top).as_posix())
    return None


def open_below(place: Below) -> int:
    """Open a plain file for reading; the descriptor is the caller's.

    Raises
    ------
    OSError
        If it is not there, is no plain file, or a part of the way has become a link.
    """
    *folders, name = place.way.split("/")
    parent = os.open(place.root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            deeper = os.open(folder, _FOLDER, dir_fd=parent)
            os.close(parent)
            parent = deeper
        file = os.open(name, _FILE, dir_fd=parent)
    finally:
        os.close(parent)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(f"{name} is not a plain file")
    return file
