"""STAR files as text: blocks of named columns, with every row's number kept.

Own reading, since a problem must name its row: common readers fill short rows up silently.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from subtomo_core.errors import InputError, Problem
from subtomo_store.formats.text import MOST_PROBLEMS, read_text
from subtomo_store.readable import Readable

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
    problems: list[Problem] = []
    block: _OpenBlock | None = None
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith("data_"):
            _close(block, blocks)
            block = _OpenBlock(stripped.split()[0].removeprefix("data_"), name)
        elif block is not None:
            problem = block.take(stripped)
            if problem is not None and len(problems) < MOST_PROBLEMS:
                problems.append(problem)
    _close(block, blocks)
    if block is None:
        detail = f"{name}: not a STAR file (no 'data_' line in it)"
        raise InputError(Problem(detail, file=name))
    if problems:
        raise InputError(*problems)
    return blocks


def _close(block: _OpenBlock | None, blocks: list[StarBlock]) -> None:
    if block is not None:
        blocks.append(StarBlock(block.name, tuple(block.columns), block.rows))


class _OpenBlock:
    """A block while its lines come in."""

    def __init__(self, name: str, file: str):
        self.name, self.file = name, file
        self.columns: list[str] = []
        self.rows: list[list[str]] = []
        self.loop = False
        self.count = 0

    def take(self, line: str) -> Problem | None:
        if line.split(maxsplit=1)[0] == "loop_":
            self.loop = True
            return None
        if line.startswith("_") and not (self.loop and self.count):
            return self._take_name(line)
        if not self.loop:
            detail = f"{self.file}: {line[:40]!r} in block data_{self.name} has no column name"
            return Problem(detail, file=self.file)
        return self._take_row(line)

    def _take_name(self, line: str) -> Problem | None:
        values = split_values(line)
        column = values[0][1:]
        if column in self.columns:
            detail = f"{self.file}: the column _{column} stands twice in block data_{self.name}"
            return Problem(detail, file=self.file, column=column)
        self.columns.append(column)
        if not self.loop:
            self.rows = [[*(self.rows[0] if self.rows else []), "".join(values[1:2])]]
        return None

    def _take_row(self, line: str) -> Problem | None:
        self.count += 1
        values = split_values(line)
        if len(values) == len(self.columns):
            self.rows.append(values)
            return None
        few = len(values) < len(self.columns)
        column = self.columns[len(values)] if few else ""
        lacks = f"; the value of _{column} or one before it is missing" if few else ""
        detail = (
            f"{self.file}, row {self.count}: {len(values)} values for "
            f"{len(self.columns)} columns{lacks}"
        )
        return Problem(detail, file=self.file, row=self.count, column=column)


def is_particle_block(name: str, columns: Sequence[str]) -> bool:
    """Tell whether a block is the table of particles, readable or not."""
    return name == "particles" or "rlnImageName" in columns


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
