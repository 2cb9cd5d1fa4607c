"""The particles which a Dynamo table tells of; the server judges the content."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from subtomo.errors import InvalidInput
from subtomo.star import lines_of, read_text
from subtomo.volume_names import is_volume_name

TABLE = ".tbl"
_PARTICLE = re.compile(r"particle_(\d+)\.[^/]+", re.IGNORECASE)
_TOLD_AT_MOST = 10


def only_table(files: Sequence[Path], folder: Path) -> Path | None:
    """Return the one Dynamo table among a folder's files; None where there is none.

    Raises
    ------
    InvalidInput
        If there are several.
    """
    tables = [entry for entry in files if entry.suffix.lower() == TABLE]
    if len(tables) > 1:
        shown = ", ".join(entry.name for entry in tables[:_TOLD_AT_MOST])
        raise InvalidInput(f"{folder} holds several Dynamo tables ({shown}): push one of them.")
    return tables[0] if tables else None


def particles_beside(table: Path) -> list[Path]:
    """List the volumes in a table's folder which have a row in it.

    Parameters
    ----------
    table : Path
        The table; particles are named ``particle_00001.em`` (or ``.mrc``) by their tags.

    Raises
    ------
    InvalidInput
        If the table cannot be read, or a particle is not there.
    """
    try:
        lines = [line.split() for line in lines_of(read_text(table))]
    except OSError as error:
        raise InvalidInput(f"{table} cannot be read as a Dynamo table: {error}.") from error
    found: dict[int, list[Path]] = {}
    for entry in sorted(table.resolve().parent.iterdir()):
        match = _PARTICLE.fullmatch(entry.name)
        if match and is_volume_name(entry.name):
            found.setdefault(int(match[1]), []).append(entry)
    tags = {tag: row for row, tag in reversed([*enumerate(map(_tag, filter(None, lines)), 1)])}
    missing = [(row, tag) for tag, row in tags.items() if tag is not None and tag not in found]
    if missing:
        raise InvalidInput(_missing_words(table, sorted(missing)))
    return [path for tag, paths in sorted(found.items()) if tag in tags for path in paths]


def _tag(values: list[str]) -> int | None:
    """First value of a row as a whole number; None where it is none, which the server tells."""
    try:
        number = float(values[0])
        return int(number) if number == int(number) else None
    except (ValueError, OverflowError):
        return None


def _missing_words(table: Path, missing: list[tuple[int, int]]) -> str:
    lines = [f"  row {row}: particle_{tag:05d}" for row, tag in missing[:_TOLD_AT_MOST]]
    if len(missing) > _TOLD_AT_MOST:
        lines.append(f"  and {len(missing) - _TOLD_AT_MOST} more rows")
    return "\n".join(
        [
            f"{table.name} has rows for particles (.em or .mrc) which are not beside it; put the "
            "table into its data folder or remove the rows:",
            *lines,
        ]
    )
