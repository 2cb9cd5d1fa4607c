"""Which files hold volumes, told by their names."""

from __future__ import annotations

VOLUME_ENDINGS = (".mrc", ".mrcs", ".map", ".rec", ".st", ".em")


def is_volume_name(name: str) -> bool:
    """Tell whether a file is an MRC or EM volume, packed by gzip or not."""
    return name.lower().removesuffix(".gz").endswith(VOLUME_ENDINGS)
