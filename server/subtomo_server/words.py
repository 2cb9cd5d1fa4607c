"""Numbers as a person says them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def size(count: int) -> str:
    """Say a number of bytes as a person does."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:.4g} TiB"


def duration(seconds: float) -> str:
    """Say a time as a person does."""
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"


def installed_version() -> str:
    """Version of the installed distribution."""
    try:
        return version("subtomo")
    except PackageNotFoundError:
        return "0"
