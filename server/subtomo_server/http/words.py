"""Numbers as a person says them."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

from subtomo_core.errors import InputError, Problem

_UNITS = ("", "k", "m", "g", "t")
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


def read_size(text: str) -> int:
    """Bytes of ``500G`` or ``2 TiB``; a number alone counts bytes.

    Raises
    ------
    InputError
        If it says something else.
    """
    found = _BYTES.fullmatch(text.strip())
    if found is None:
        raise InputError(Problem(f"'{text[:40]}' is no size: write bytes, or 500G, 2T"))
    return int(float(found[1]) * 1024 ** _UNITS.index(found[2].lower()))


def exact_size(count: int) -> str:
    """Say a number of bytes so that `read_size` gives it back: ``500G``, or all its digits."""
    power = 0
    while count and count % 1024 == 0 and power < len(_UNITS) - 1:
        count, power = count // 1024, power + 1
    return f"{count}{_UNITS[power].upper()}"


def read_number(text: str, most: int) -> int:
    """A number from 0 to ``most``.

    Raises
    ------
    InputError
        If it is none.
    """
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > most:
        raise InputError(Problem(f"'{text[:40]}' is no number from 0 to {most}"))
    return int(text)


def duration(seconds: float) -> str:
    """Say a time as a person does."""
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"


def plain(text: str) -> str:
    """A docstring's text without its marks and line breaks."""
    return " ".join(text.replace("`", "").split())


def installed_version() -> str:
    """Version of the installed distribution."""
    try:
        return version("subtomo")
    except PackageNotFoundError:
        return "0"
