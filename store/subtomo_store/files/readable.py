"""Interface of the files that readers take."""

from __future__ import annotations

from typing import BinaryIO, Literal, Protocol


class Readable(Protocol):
    """A file that can be read: a path, or a name below a registered folder."""

    @property
    def name(self) -> str:
        """Last part of its name."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Open it."""
