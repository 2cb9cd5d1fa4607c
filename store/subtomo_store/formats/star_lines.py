"""STAR files line by line: blocks whose rows pass by and are never held together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from typing import NamedTuple

from subtomo_store.formats.star_text import opens_block, quote, split_values


class Block(NamedTuple):
    """A block with its head taken apart.

    Attributes
    ----------
    name : str
    head : tuple of str
        All lines before the first row, as they are.
    columns : tuple of str
    loop : bool
        A table, not single values.
    rows : iterator of str
        Lines with values, and comments and empty lines among them; read once. Single values are
        one row.
    """

    name: str
    head: tuple[str, ...]
    columns: tuple[str, ...]
    loop: bool
    rows: Iterator[str]

    def as_it_is(self) -> Iterator[str]:
        """All its lines."""
        return chain(self.head, self.rows if self.loop else ())

    @property
    def comments(self) -> Iterator[str]:
        """Comments of its head."""
        return (line for line in self.head if line.lstrip().startswith("#"))


def has_values(line: str) -> bool:
    """Tell whether a line is neither empty nor a comment."""
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith("#")


def blocks(lines: Iterable[str]) -> Iterator[Block]:
    """Blocks of a file in their order; what stands before the first is one without columns.

    Each must be read to its end before the next.
    """
    number = 0

    def block_of(line: str) -> int:
        nonlocal number
        number += opens_block(line.strip())
        return number

    for _, own in groupby(lines, block_of):
        yield _opened(own)


def _opened(lines: Iterator[str]) -> Block:
    """Take the head of a block apart, in the way of `star_text.parse_star`."""
    name, head, loop = "", list[str](), False
    columns, values = list[str](), list[str]()
    rows: Iterator[str] = iter(())
    for line in lines:
        stripped = line.strip()
        if has_values(line):
            if opens_block(stripped):
                name = stripped.split()[0].removeprefix("data_")
            elif stripped.split(maxsplit=1)[0] == "loop_":
                loop = True
            elif stripped.startswith("_"):
                column, *value = split_values(stripped)
                columns.append(column[1:])
                values.append("".join(value[:1]))
            else:
                rows = chain([line], lines)
                break
        head.append(line)
    if columns and not loop:
        rows = iter([" ".join(map(quote, values)) + "\n"])
    return Block(name, tuple(head), tuple(columns), loop, rows)
