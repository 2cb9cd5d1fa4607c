"""Damage as a disk does it."""

from __future__ import annotations

from pathlib import Path


def flip(path: Path, place: int, bit: int = 3) -> None:
    """Flip one bit of a file, ``place`` bytes from its beginning; its times stay."""
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ (1 << bit)]))
