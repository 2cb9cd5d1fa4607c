"""A text file of tilt ranges, one line for each tomogram or optics group."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from subtomo.errors import InvalidInput

_BY = ("tomogram", "optics_group")
_TILTS = ("tilt_min_deg", "tilt_max_deg")
_SECOND = ("second_tilt_min_deg", "second_tilt_max_deg")
_COLUMNS = (*_TILTS, "axis", *_SECOND)
_EXAMPLE = "'tomogram tilt_min_deg tilt_max_deg', then lines such as 'TS_01 -60 60'"


def region_of_table(path: Path) -> dict[str, Any]:
    """The missing region that a table gives, as the service takes it.

    Its first line names the columns: ``tomogram`` or ``optics_group``, ``tilt_min_deg``,
    ``tilt_max_deg``, and ``axis`` (x or y) or, of dual-axis series, ``second_tilt_min_deg`` and
    ``second_tilt_max_deg``. Values stand between blanks, tabs or commas; ``#`` begins a remark.

    Raises
    ------
    InvalidInput
        Naming the file, the line and the remedy.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read as a table of tilt ranges: {error}") from error
    lines = [
        (number, _values(line))
        for number, line in enumerate(text.splitlines(), 1)
        if line.partition("#")[0].strip()
    ]
    columns = lines[0][1] if lines else []
    unknown = [name for name in columns[1:] if name not in _COLUMNS]
    if not columns or columns[0] not in _BY or unknown or not set(_TILTS) <= set(columns):
        raise InvalidInput(f"{path} is no table of tilt ranges: begin it with {_EXAMPLE}.")
    if len(lines) == 1 or len(set(columns)) < len(columns):
        wrong = "has no line below its columns" if len(lines) == 1 else "names a column twice"
        raise InvalidInput(f"{path} {wrong}: begin it with {_EXAMPLE}.")
    regions: dict[str, dict[str, Any]] = {}
    for number, values in lines[1:]:
        where = f"{path}, line {number}"
        if len(values) != len(columns):
            raise InvalidInput(f"{where}: {len(values)} values for {len(columns)} columns.")
        own = dict(zip(columns, values, strict=True))
        name = own.pop(columns[0])
        if name in regions:
            raise InvalidInput(f"{where}: {name} has a tilt range already: keep one of them.")
        regions[name] = _region(own, where)
    return {"kind": "by_name", "by": columns[0], "regions": regions}


def _values(line: str) -> list[str]:
    """Values of a line; between commas they may hold blanks."""
    line = line.partition("#")[0].strip()
    values = line.split(",") if "," in line else line.split()
    return [value.strip().strip('"') for value in values]


def _region(own: dict[str, str], where: str) -> dict[str, Any]:
    region: dict[str, Any] = {"kind": "pyramid" if _SECOND[0] in own else "wedge"}
    for column, text in own.items():
        if column == "axis":
            if text not in ("x", "y"):
                raise InvalidInput(f"{where}: the axis is {text}: give x or y.")
            region[column] = text
            continue
        if not re.fullmatch(r"[-+\u2212]?\d+(\.\d*)?", text):
            raise InvalidInput(f"{where}: {column} is {text}: give degrees from -90 to 90.")
        region[column] = float(text.replace("\u2212", "-"))
    return region
