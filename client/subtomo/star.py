"""The files which a RELION particle STAR names, and the same STAR with portable names.

Only the two columns which name files are read here, and only they are changed; the rest of the
text stays as its program wrote it. The server judges the content.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from subtomo.errors import InvalidInput

FILE_COLUMNS = ("_rlnImageName", "_rlnCtfImage")
_TOKEN = re.compile(r"\"[^\"]*\"|'[^']*'|\S+")
_NO_FILE = frozenset({"", "none", "None", "null"})
_TOLD_AT_MOST = 10


class Reference(NamedTuple):
    """One mention of a file: where it stands and what it says."""

    line: int
    start: int
    end: int
    row: int
    column: str
    text: str

    @property
    def file(self) -> str:
        """Name of the file, without the ``number@`` of a stack's slice."""
        return self.text.rpartition("@")[2]


class PortableStar(NamedTuple):
    """A STAR whose file names are all relative and inside one folder.

    Attributes
    ----------
    text : str
        The STAR's text, with changed names only where needed.
    files : dict of str to Path
        From the name used in ``text`` to the file on this machine.
    """

    text: str
    files: dict[str, Path]


def references(text: str) -> Iterator[Reference]:
    """Find every mention of a file in the loops of a STAR text.

    Parameters
    ----------
    text : str
        The content of a STAR file.
    """
    labels: list[str] = []
    row, in_head = 0, False
    for number, line in enumerate(text.splitlines()):
        bare = line.strip()
        if bare.startswith(("data_", "loop_")):
            labels, row, in_head = [], 0, bare.startswith("loop_")
        elif in_head and bare.startswith("_"):
            labels.append(bare.split()[0])
        elif labels and bare and not bare.startswith("#"):
            in_head, row = False, row + 1
            tokens = list(_TOKEN.finditer(line))
            for label, token in zip(labels, tokens, strict=False):
                value = token.group().strip("\"'")
                if label in FILE_COLUMNS and value not in _NO_FILE:
                    yield Reference(number, token.start(), token.end(), row, label, value)


def make_portable(star: Path) -> PortableStar:
    """Read a STAR, find every file it names and give each a name that can be uploaded.

    A relative name is looked for beside the STAR, then in each folder above it (RELION writes
    names relative to its project folder). Absolute names and names that climb out with ``..``
    get a new one under ``external/``.

    Parameters
    ----------
    star : Path
        The STAR file.

    Raises
    ------
    InvalidInput
        If the STAR cannot be read, names no files, or names files which are not there.
    """
    try:
        text = star.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{star} cannot be read as a STAR file: {error}.") from error
    mentions = list(references(text))
    if not any(mention.column == FILE_COLUMNS[0] for mention in mentions):
        raise InvalidInput(
            f"{star.name} names no volumes: it needs a table with the column rlnImageName."
        )
    folder = star.resolve().parent
    found, missing = dict[str, Path](), list[Reference]()
    for mention in mentions:
        if mention.file not in found:
            place = _locate(mention.file, folder)
            if place is not None:
                found[mention.file] = place
            elif all(other.file != mention.file for other in missing[-_TOLD_AT_MOST:]):
                missing.append(mention)
    if missing:
        raise InvalidInput(_missing_words(star, missing))
    name_of = _portable_names(found)
    return PortableStar(
        _renamed(text, mentions, lambda mention: name_of[mention.file]),
        {name_of[said]: path for said, path in found.items()},
    )


def _locate(name: str, folder: Path) -> Path | None:
    path = Path(name)
    places = [path] if path.is_absolute() else [base / path for base in (folder, *folder.parents)]
    return next((place for place in places if place.is_file()), None)


def _missing_words(star: Path, missing: list[Reference]) -> str:
    lines = [
        f"  row {mention.row}, {mention.column.removeprefix('_')}: {mention.file}"
        for mention in missing[:_TOLD_AT_MOST]
    ]
    if len(missing) > _TOLD_AT_MOST:
        lines.append(f"  and {len(missing) - _TOLD_AT_MOST} more rows")
    return "\n".join(
        [
            f"{star.name} names files which are neither beside it nor in a folder above it; "
            "put them there or correct the names:",
            *lines,
        ]
    )


def _portable_names(found: dict[str, Path]) -> dict[str, str]:
    names, folders = dict[str, str](), dict[Path, int]()
    for said, path in found.items():
        plain = PurePosixPath(said)
        if plain.is_absolute() or ".." in plain.parts:
            number = folders.setdefault(path.resolve().parent, len(folders) + 1)
            plain = PurePosixPath(f"external/{number}/{path.name}")
        names[said] = str(plain)
    return names


def _renamed(text: str, mentions: list[Reference], new_name: Callable[[Reference], str]) -> str:
    lines = text.splitlines()
    for mention in reversed(mentions):  # from the right, so that positions stay true
        name = new_name(mention)
        if name != mention.file:
            slice_number, at, _ = mention.text.rpartition("@")
            token = f"{slice_number}{at}{name}"
            token = f'"{token}"' if " " in token else token
            line = lines[mention.line]
            lines[mention.line] = line[: mention.start] + token + line[mention.end :]
    return "\n".join(lines) + "\n"
