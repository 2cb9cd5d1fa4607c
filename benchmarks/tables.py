"""Reads the tables of docs/benchmarks.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?|-?\.\d+|∞")


class Table(NamedTuple):
    """A table of the page.

    Attributes
    ----------
    section : str
        Heading above it.
    caption : str
        Last paragraph between that and the table, without emphasis.
    columns : list of str
        Their names; some occur twice.
    rows : list of list of str
        Cells.
    """

    section: str
    caption: str
    columns: list[str]
    rows: list[list[str]]

    def column(self, name: str, which: int = 0) -> list[str]:
        """Cells of the column of a name; of the second of that name where ``which`` is 1."""
        places = [place for place, column in enumerate(self.columns) if column == name]
        return [row[places[which]] for row in self.rows]

    def numbers(self, name: str, which: int = 0) -> list[float]:
        """First number in each cell of a column."""
        return [numbers(cell)[0] for cell in self.column(name, which)]


def tables(page: str) -> list[Table]:
    """All tables of a page.

    Raises
    ------
    ValueError
        If a row has not as many cells as the table has columns.
    """
    found: list[Table] = []
    section, caption, inside = "", "", False
    for line in page.splitlines():
        if not line.startswith("|"):
            inside = False
            if line.startswith("## "):
                section, caption = line[3:], ""
            elif line.strip() and not line.startswith("    "):
                caption = line.replace("**", "")
            continue
        cells = [cell.strip() for cell in line.strip()[1:-1].split("|")]
        if not inside:
            found.append(Table(section, caption, cells, []))
            inside = True
        elif set(line) - set("|-: "):
            if len(cells) != len(found[-1].columns):
                raise ValueError(f"{len(cells)} cells under {len(found[-1].columns)}: {line}")
            found[-1].rows.append(cells)
    return found


def table(section: str, *columns: str, caption: str = "") -> Table:
    """The first table of a section that has these columns, below a caption that begins so.

    Raises
    ------
    LookupError
        If there is none.
    """
    for candidate in tables(PAGE.read_text(encoding="utf-8")):
        there = candidate.section == section and candidate.caption.startswith(caption)
        if there and set(columns) <= set(candidate.columns):
            return candidate
    raise LookupError(f"no table with {', '.join(columns)} in section {section!r} {caption!r}")


def numbers(cell: str) -> list[float]:
    """All numbers in a cell, in their order; those of links are left out."""
    plain = re.sub(r"\[[^]]*\]\([^)]*\)", "", cell)
    return [float(number.replace("∞", "inf")) for number in _NUMBER.findall(plain)]
