"""Which files hold volumes, told by their names; and which of them tell their voxel size."""

from __future__ import annotations

import gzip
from pathlib import Path

VOLUME_ENDINGS = (".mrc", ".mrcs", ".map", ".rec", ".st", ".em")
_CELL = slice(40, 52)  # of an MRC header: the sides of the box in ångström


def is_volume_name(name: str) -> bool:
    """Tell whether a file is an MRC or EM volume, packed by gzip or not."""
    return _unpacked(name).endswith(VOLUME_ENDINGS)


def volume_ending(name: str) -> str:
    """Ending of a volume's name as the server knows it; that of an MRC file for other names."""
    plain = _unpacked(name)
    ending = next(filter(plain.endswith, VOLUME_ENDINGS), ".mrc")
    return ending + (".gz" if name.lower().endswith(".gz") else "")


def tells_voxel_size(path: Path) -> bool:
    """Tell whether a volume's header says its voxel size: MRC files do, or 0; EM files never."""
    if _unpacked(path.name).endswith(".em"):
        return False
    packed = path.name.lower().endswith(".gz")
    with gzip.open(path) if packed else path.open("rb") as stream:
        return any(stream.read(_CELL.stop)[_CELL])


def _unpacked(name: str) -> str:
    return name.lower().removesuffix(".gz")
