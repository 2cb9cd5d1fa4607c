"""The files which a RELION particle STAR names, and the same STAR with portable names.

Only the columns which name files are read here, and only they are changed; the rest of the text
stays as its program wrote it. The server judges the content.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from subtomo.errors import InvalidInput

WEIGHTS_COLUMN = "_rlnCtfImage"
FILE_COLUMNS = ("_rlnImageName", WEIGHTS_COLUMN)
_IMAGE_FILE = re.compile(r"(\d+@)?(.*?)((?<=\w):(?:mrcs?|map|ccp4|rec|st|em))?", re.IGNORECASE)
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
        """Name of the file, without a stack's ``number@`` before and a ``:format`` behind it."""
        return self._parts()[1]

    def renamed(self, name: str) -> str:
        """The mention with another file in it, in quotes where it needs them."""
        text = f"{self._parts()[0]}{name}"
        return f'"{text}"' if " " in text else text

    def _parts(self) -> tuple[str, str]:
        match = _IMAGE_FILE.fullmatch(self.text)
        return (match[1] or "", match[2]) if match else ("", self.text)


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


def read_text(path: Path) -> str:
    """Text of a table in UTF-8, or else Latin-1, as older programs write comments and names."""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def lines_of(text: str) -> list[str]:
    """Lines, whatever the system they were written on; no other character ends one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def references(text: str, columns: Sequence[str] = FILE_COLUMNS) -> Iterator[Reference]:
    """Find every mention of a file in a STAR text, in loops and single values.

    Rows are counted on where several tables name images.

    Parameters
    ----------
    text : str
        The content of a STAR file.
    columns : sequence of str
        The columns which name files; the first of them tells the tables whose rows count.
    """
    labels: list[str] = []
    loop, in_head, row = False, False, 0
    for number, line in enumerate(lines_of(text)):
        tokens = list(_TOKEN.finditer(line))
        first = tokens[0].group() if tokens else "#"
        if first.startswith("#"):
            continue
        if first == "loop_" or (first.startswith("data_") and _alone(tokens)):
            labels, loop = [], first == "loop_"
            in_head = True
        elif in_head and first.startswith("_"):
            labels.append(first)
            if not loop:
                row += first == columns[0]
                if first in columns:
                    yield from _mentions(number, row, [first], tokens[1:])
        elif loop:
            in_head = False
            row += columns[0] in labels
            kept = [label if label in columns else "" for label in labels]
            yield from _mentions(number, row, kept, tokens)


def _alone(tokens: list[re.Match[str]]) -> bool:
    return len(tokens) == 1 or tokens[1].group().startswith("#")


def _mentions(
    line: int, row: int, labels: list[str], tokens: list[re.Match[str]]
) -> Iterator[Reference]:
    for label, token in zip(labels, tokens, strict=False):
        value = token.group().strip("\"'")
        if label and value not in _NO_FILE:
            yield Reference(line, token.start(), token.end(), row, label, value)


def names_weights(star: Path) -> bool:
    """Whether a STAR file names the weights of any particle."""
    mentions = references(read_text(star))
    return any(mention.column == WEIGHTS_COLUMN for mention in mentions)


def make_portable(star: Path, columns: Sequence[str] = FILE_COLUMNS) -> PortableStar:
    """Read a STAR, find every file it names and give each a name that can be uploaded.

    A relative name is looked for beside the STAR, then in each folder above it (RELION writes
    names relative to its project folder). Absolute names and names that climb out with ``..``
    get a new one under ``external/``. A STAR which names no volumes is for the server to judge.

    Parameters
    ----------
    star : Path
        The STAR file.
    columns : sequence of str
        Its columns which name files.

    Raises
    ------
    InvalidInput
        If the STAR cannot be read, or names files which are not there.
    """
    try:
        text = read_text(star)
    except OSError as error:
        raise InvalidInput(f"{star} cannot be read as a STAR file: {error}.") from error
    mentions = list(references(text, columns))
    folder = star.resolve().parent
    found, missing = dict[str, Path](), list[Reference]()
    for mention in mentions:
        if mention.file not in found:
            place = locate(mention.file, folder)
            if place is not None:
                found[mention.file] = place
            elif all(other.file != mention.file for other in missing[-_TOLD_AT_MOST:]):
                missing.append(mention)
    if missing:
        raise InvalidInput(_missing_words(star, missing))
    name_of = portable_names(found)
    return PortableStar(
        _renamed(text, mentions, lambda mention: name_of[mention.file]),
        {name_of[said]: path for said, path in found.items()},
    )


def locate(name: str, folder: Path) -> Path | None:
    """Find a file beside a table in ``folder``, or else from a folder above it."""
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


def portable_names(found: dict[str, Path]) -> dict[str, str]:
    """Names that lie inside one folder, by the names which a table says."""
    names, folders = dict[str, str](), dict[Path, int]()
    for said, path in found.items():
        plain = PurePosixPath(said)
        if plain.is_absolute() or ".." in plain.parts:
            number = folders.setdefault(path.resolve().parent, len(folders) + 1)
            plain = PurePosixPath(f"external/{number}/{path.name}")
        names[said] = str(plain)
    return names


def _renamed(text: str, mentions: list[Reference], new_name: Callable[[Reference], str]) -> str:
    lines = lines_of(text)
    for mention in reversed(mentions):  # from the right, so that positions stay true
        name = new_name(mention)
        if name != mention.file:
            line = lines[mention.line]
            lines[mention.line] = (
                line[: mention.start] + mention.renamed(name) + line[mention.end :]
            )
    return "\n".join(lines)
