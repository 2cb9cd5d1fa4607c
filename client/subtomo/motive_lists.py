"""The volumes that a motive list tells of; the server judges the content."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import NamedTuple

from subtomo.errors import InvalidInput
from subtomo.star import locate, portable_names, read_text
from subtomo.volume_names import is_volume_name

PYTOM, AV3 = ".xml", ".em"
_STOPGAP = ("stopgap_motivelist", "_motl_idx")
_FILENAME = re.compile(r"(<Particle\b[^>]*?\bFilename=)(\"[^\"]*\"|'[^']*')")
_TOLD_AT_MOST = 10


class PortableList(NamedTuple):
    """A PyTom list whose file names lie inside one folder, and the files by these names."""

    text: str
    files: dict[str, Path]


def is_stopgap(text: str) -> bool:
    """Tell the text of a STOPGAP motive list, which names no files."""
    return any(mark in text for mark in _STOPGAP)


def volumes_beside(listing: Path) -> list[Path]:
    """List the volumes in the folder of a list that counts them (AV3, STOPGAP).

    Raises
    ------
    InvalidInput
        If there is none.
    """
    folder = listing.resolve().parent
    found = [
        entry
        for entry in sorted(folder.iterdir())
        if entry.is_file() and is_volume_name(entry.name) and entry.name != listing.name
    ]
    if not found:
        raise InvalidInput(
            f"{listing.name} counts its particles by number, and no volume lies beside it: put it "
            "into the folder of the subtomograms."
        )
    return found


def pytom_list(listing: Path) -> PortableList:
    """Find the volumes which a PyTom particle list names, as a STAR's are found.

    Raises
    ------
    InvalidInput
        If the list cannot be read, names no file, or one that is not there.
    """
    try:
        text = read_text(listing)
    except OSError as error:
        raise InvalidInput(f"{listing} cannot be read as a particle list: {error}.") from error
    said = [html.unescape(match[2][1:-1]) for match in _FILENAME.finditer(text)]
    if not said:
        raise InvalidInput(
            f"{listing.name} is no PyTom particle list: it has no <Particle Filename=...>."
        )
    folder = listing.resolve().parent
    found = {name: locate(name, folder) for name in dict.fromkeys(said)}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        more = len(missing) - _TOLD_AT_MOST
        raise InvalidInput(
            f"{listing.name} names files which are neither beside it nor in a folder above it: "
            + ", ".join(missing[:_TOLD_AT_MOST])
            + (f" and {more} more" if more > 0 else "")
            + "."
        )
    there = {name: path for name, path in found.items() if path is not None}
    names = portable_names(there)
    new = _FILENAME.sub(lambda m: f'{m[1]}"{html.escape(names[html.unescape(m[2][1:-1])])}"', text)
    return PortableList(new, {names[name]: path for name, path in there.items()})
