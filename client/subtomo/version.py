"""Which version is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed() -> str:
    """Version of the installed distribution; 0 where the code is used without one."""
    try:
        return version("subtomo")
    except PackageNotFoundError:
        return "0"
