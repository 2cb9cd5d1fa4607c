"""A job's particle table with everything that came in: rows, columns and blocks in their order.

Only what was refined takes the place of the table's own values. RELION composes the pose of a
particle in its tomogram as ``A(rlnTomoSubtomogram*) A(rlnAngle*)``, and its place as the
coordinate less ``A(rlnTomoSubtomogram*)`` times the origin (``ParticleSet::getMatrix3x3`` and
``getPosition``): angles and origins are those within the box as it was cut out, and stay so here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, count, repeat
from pathlib import Path
from typing import BinaryIO, TextIO

from subtomo_store.errors import StorageError
from subtomo_store.formats import star_write
from subtomo_store.formats.star_lines import Block, blocks, has_values
from subtomo_store.formats.star_text import is_particle_block, is_plain, quote, split_values
from subtomo_store.formats.star_write import (
    PIXEL_ORIGINS,
    ParticleRows,
    head,
    lines_of,
    optics_of,
    pixel_origins,
    refined,
)

GROUP = "rlnOpticsGroup"
MARK = "# Subtomo:"  # begins the remark of a job; that of an earlier one does not stay
NOT_ASKED = "rlnAmplitudeContrast"


def write_carried(target: BinaryIO, table: Path, rows: ParticleRows) -> None:
    """Write a table with refined columns in the place of its own; the same rows, the same bytes.

    A table without optics groups gets one, and the particles of a single group its number:
    RELION has asked for both since 3.1. The text passes line by line.

    Raises
    ------
    StorageError
        If the table has another number of particles.
    """
    with table.open(encoding="utf-8", newline="\n") as lines:
        groups, counts = _told(lines)
    if (particles := sum(counts)) != len(rows.images):
        detail = f"{table.name} is damaged: it has {particles} particles, not {len(rows.images)}"
        raise StorageError(detail)
    with table.open(encoding="utf-8", newline="\n") as lines:
        for line in chain([head(rows.remark)], _carried(lines, groups, counts, rows)):
            target.write(line.encode())


def write_some(target: TextIO, table: Path, chosen: Collection[int]) -> None:
    """Write a table with some of its particles, by their places from 0; all else as it is."""
    number = count()
    with table.open(encoding="utf-8", newline="\n") as lines:
        for block in blocks(lines):
            if not is_particle_block(block.name, block.columns):
                target.writelines(block.as_it_is())
                continue
            target.writelines(block.head)
            for line in block.rows if block.loop else ():
                if not has_values(line) or next(number) in chosen:
                    target.write(line)


def _told(lines: Iterable[str]) -> tuple[list[str], list[int]]:
    """Numbers of the optics groups, if there are any, and how many rows each table has."""
    groups, counts = list[str](), list[int]()
    for block in blocks(lines):
        if block.name == "optics":
            values = [split_values(line) for line in block.rows if has_values(line)]
            place = block.columns.index(GROUP) if GROUP in block.columns else None
            groups = [str(n) if place is None else v[place] for n, v in enumerate(values, 1)]
        elif is_particle_block(block.name, block.columns):
            counts.append(sum(map(has_values, block.rows)))
    return groups, counts


def _carried(
    lines: Iterable[str], groups: list[str], counts: list[int], rows: ParticleRows
) -> Iterator[str]:
    """Lines of the file; of several tables of particles each keeps its name and its rows."""
    new = {name: iter(v) for name, v in (refined(rows) | pixel_origins(rows)).items()}
    without_optics = not groups
    for block in blocks(lines):
        if is_particle_block(block.name, block.columns):
            if without_optics:
                yield from lines_of(star_write.Block("optics", optics_of(rows)))
                yield "\n# version 50001\n\n"
                without_optics = False
            name = "particles" if len(counts) == 1 else block.name
            yield from _rewritten(block, name, _particles(block, groups, new))
        elif block.name == "optics":
            yield from _rewritten(block, "optics", _optics(block, rows)) if groups else ()
        else:
            yield from (line for line in block.as_it_is() if not line.startswith(MARK))


def _optics(block: Block, rows: ParticleRows) -> dict[str, Iterable[str]]:
    """What RELION asks of optics groups (`ObservationModel`) and the table does not tell."""
    told: dict[str, Iterable[str]] = {n: repeat(value) for n, (value,) in optics_of(rows).items()}
    told[GROUP] = map(str, count(1))
    told[f"{GROUP}Name"] = map("opticsGroup{}".format, count(1))
    return {n: values for n, values in told.items() if n not in (*block.columns, NOT_ASKED)}


def _particles(
    block: Block, groups: list[str], new: Mapping[str, Iterator[str]]
) -> dict[str, Iterable[str]]:
    """New values of the columns of a table, which go on where those of the last one ended."""
    changes: dict[str, Iterable[str]] = {
        name: values
        for name, values in new.items()
        if name in block.columns or name not in PIXEL_ORIGINS
    }
    if GROUP not in block.columns and len(groups) < 2:
        changes[GROUP] = repeat((groups or ["1"])[0])
    return changes


def _rewritten(block: Block, name: str, changes: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Lines of a table with new values in its columns, and new columns behind them."""
    columns = [*block.columns, *(column for column in changes if column not in block.columns)]
    yield from block.comments
    yield f"data_{name}\n\nloop_\n"
    for number, column in enumerate(columns, start=1):
        yield f"_{column} #{number}\n"
    places = [(at, iter(changes[c])) for at, c in enumerate(columns) if c in changes]
    added = [""] * (len(columns) - len(block.columns))
    for line in block.rows:
        if not has_values(line):
            yield line
            continue
        values = split_values(line) + added
        for at, new in places:
            values[at] = next(new)
        yield " ".join(values if is_plain(line) else map(quote, values)) + "\n"
