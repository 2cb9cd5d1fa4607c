"""STAR files as text: blocks of named columns, with every row's number kept.

Own reading, since a problem must name its row: common readers fill short rows up silently.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from subtomo_core.errors import InputError, Problem
from subtomo_store.files.readable import Readable
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.text import lines_of, read_text

_QUOTED = re.compile(r"""'([^']*)'(?=\s|$)|"([^"]*)"(?=\s|$)|(\S+)""")
_SPECIAL = re.compile(r"""['"#]""")
_NEEDS_QUOTES = re.compile(r"""\s|^[#_'"$;]|^$|^(?:data_|loop_)""")


class StarBlock(NamedTuple):
    """One ``data_`` block: a table, or single values as a table of one row."""

    name: str
    columns: tuple[str, ...]
    rows: list[list[str]]

    def has(self, column: str) -> bool:
        """Tell whether the table has a column."""
        return column in self.columns

    def column(self, column: str) -> list[str]:
        """Values of one column, in the order of the rows."""
        index = self.columns.index(column)
        return [row[index] for row in self.rows]


def read_star(path: Readable, name: str) -> list[StarBlock]:
    """Read all blocks of a STAR file.

    Parameters
    ----------
    path : Path or other readable file
        File to read.
    name : str
        Its name in problems.

    Raises
    ------
    InputError
        If it is no STAR file, or rows have too few or too many values: one problem each.
    """
    return parse_star(read_text(path, name), name)


def parse_star(text: str, name: str) -> list[StarBlock]:
    """Understand the text of a STAR file; see `read_star`."""
    blocks: list[StarBlock] = []
    problems = Problems(patience=None)
    block: _OpenBlock | None = None
    for line in lines_of(text):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if opens_block(stripped):
            _close(block, blocks)
            block = _OpenBlock(stripped.split()[0].removeprefix("data_"), name, problems)
        elif block is not None:
            block.take(stripped)
    _close(block, blocks)
    if block is None:
        detail = f"{name}: not a STAR file (no 'data_' line in it)"
        raise InputError(Problem(detail, file=name))
    problems.raise_all()
    return blocks


def _close(block: _OpenBlock | None, blocks: list[StarBlock]) -> None:
    if block is not None:
        blocks.append(StarBlock(block.name, tuple(block.columns), block.rows))


class _OpenBlock:
    """A block while its lines come in."""

    def __init__(self, name: str, file: str, problems: Problems):
        self.name, self.file = name, file
        self.columns: list[str] = []
        self.rows: list[list[str]] = []
        self._problems = problems
        self._loop = False
        self._count = 0

    def take(self, line: str) -> None:
        """Understand one line; note a problem where that fails."""
        if line.split(maxsplit=1)[0] == "loop_":
            self._loop = True
        elif line.startswith("_") and not (self._loop and self._count):
            self._take_name(line)
        elif self._loop:
            self._take_row(line)
        else:
            self._refuse(f"{line[:40]!r} in block data_{self.name} has no column name")

    def _take_name(self, line: str) -> None:
        column, *values = split_values(line)
        column = column[1:]
        if column in self.columns:
            self._refuse(
                f"block data_{self.name} has the column _{column} twice (as number "
                f"{self.columns.index(column) + 1} and {len(self.columns) + 1}): keep one of "
                "them, and remove the other with its values",
                column,
            )
        self.columns.append(column)
        if self._loop:
            return
        if len(values) > 1:
            self._refuse(f"_{column} in block data_{self.name} has {len(values)} values", column)
        self.rows = [[*(self.rows[0] if self.rows else []), "".join(values[:1])]]

    def _take_row(self, line: str) -> None:
        self._count += 1
        values = split_values(line)
        if len(values) == len(self.columns):
            self.rows.append(values)
            return
        few = len(values) < len(self.columns)
        column = self.columns[len(values)] if few else ""
        lacks = f"; the value of _{column} or one before it is missing" if few else ""
        detail = f"{len(values)} values for {len(self.columns)} columns in data_{self.name}{lacks}"
        self._refuse(detail, column, self._count)

    def _refuse(self, sentence: str, column: str = "", row: int | None = None) -> None:
        where = self.file if row is None else f"{self.file}, row {row}"
        self._problems.add(Problem(f"{where}: {sentence}", file=self.file, row=row, column=column))


def is_particle_block(name: str, columns: Sequence[str]) -> bool:
    """Tell whether a block is the table of particles, readable or not."""
    return name == "particles" or "rlnImageName" in columns


def opens_block(line: str) -> bool:
    """Tell whether a line without spaces around it begins a block; rows may begin alike."""
    return line.startswith("data_") and len(split_values(line)) == 1


def is_plain(line: str) -> bool:
    """Tell whether a line has neither quotes nor a comment."""
    return not _SPECIAL.search(line)


def split_values(line: str) -> list[str]:
    """Split a line at spaces, honouring quotes and a comment at its end."""
    if is_plain(line):
        return line.split()
    values: list[str] = []
    for match in _QUOTED.finditer(line):
        if match[3] and match[3].startswith("#"):
            break
        values.append(match[match.lastindex or 0])
    return values


def quote(value: str) -> str:
    """Put a value into quotes where a reader would otherwise misread it."""
    if not _NEEDS_QUOTES.search(value):
        return value
    return f"'{value}'" if '"' in value else f'"{value}"'
