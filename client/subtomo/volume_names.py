"""Which files hold volumes, told by their names; and which of them tell their voxel size."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from subtomo.errors import InvalidInput

VOLUME_ENDINGS = (".mrc", ".mrcs", ".map", ".rec", ".st", ".em")
_UNPACK: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_NOT_READ = ".zst"
_CELL = slice(40, 52)  # of an MRC header: the sides of the box in ångström


def is_volume_name(name: str) -> bool:
    """Tell whether a file is an MRC or EM volume, packed or not."""
    return _split(name)[0].endswith(VOLUME_ENDINGS)


def volume_ending(name: str) -> str:
    """Ending of a volume's name as the server knows it; that of an MRC file for other names."""
    plain, packing = _split(name)
    return next(filter(plain.endswith, VOLUME_ENDINGS), ".mrc") + packing


def refuse_unreadable(name: str) -> None:
    """Refuse a volume whose packing the server does not read, before it is sent.

    Raises
    ------
    InvalidInput
        In the server's words.
    """
    if is_volume_name(name) and _split(name)[1] == _NOT_READ:
        raise InvalidInput(
            f"{name}: packed by zstd, which is not read: unpack it (unzstd), or pack it by gzip"
        )


def tells_voxel_size(path: Path) -> bool:
    """Tell whether a volume's header says its voxel size: MRC files do, or 0; EM files never."""
    plain, packing = _split(path.name)
    if plain.endswith(".em"):
        return False
    with _UNPACK.get(packing, _plainly)(path) as stream:
        return any(stream.read(_CELL.stop)[_CELL])


def _plainly(path: Path) -> BinaryIO:
    return path.open("rb")


def _split(name: str) -> tuple[str, str]:
    """Name in small letters without the ending of a packing, and that ending."""
    lower = name.lower()
    packing = next(filter(lower.endswith, (*_UNPACK, _NOT_READ)), "")
    return lower.removesuffix(packing), packing
