"""A Dynamo table's tilt ranges: the missing regions of its rows, or beside those of the dataset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import Problem
from subtomo_core.spec.missing_region import (
    ByName,
    Complete,
    Formula,
    FromTable,
    MissingRegion,
    Wedge,
    Weights,
)
from subtomo_store.datasets.region_words import in_words
from subtomo_store.formats.dynamo import DynamoTable
from subtomo_store.formats.problems import Problems

TOLERATED_DEG = 3.0
ROUNDING_DEG = 0.01
FULL, ABOUT_Y = 0, 1


def told_by_rows(
    table: DynamoTable, chosen: NDArray[np.bool_], listing: str, problems: Problems
) -> tuple[Formula, ...]:
    """Missing region of each chosen row, from ``ftype``, ``ymintilt`` and ``ymaxtilt``.

    Notes a problem for each row that tells none. Dynamo's table convention documents two kinds:
    0, the full range, and 1, tilts about y.
    """
    wedges: dict[tuple[float, float], Wedge] = {}
    told = list[Formula]()
    for index in np.flatnonzero(chosen).tolist():
        kind, (low, high) = int(table.kinds[index]), table.tilts[index].tolist()
        told.append(Complete())
        if kind == FULL:
            continue
        column, wrong = "ymintilt", f"{low:g} to {high:g} (ymintilt, ymaxtilt) is no tilt range"
        if kind != ABOUT_Y:
            column, wrong = "ftype", f"ftype is {kind}, where 0 (full) and 1 (about y) are known"
        elif -90.0 <= low < high <= 90.0:
            ends = {"tilt_min_deg": low, "tilt_max_deg": high}
            told[-1] = wedges.setdefault((low, high), Wedge(**ends))
            continue
        detail = (
            f"{listing}, row {index + 1}: {wrong}: correct it, or give the missing regions by "
            "tomogram (--tilt-table)"
        )
        problems.add(Problem(detail, file=listing, row=index + 1, column=column))
    return tuple(told)


def compare(
    table: DynamoTable,
    chosen: NDArray[np.bool_],
    missing: MissingRegion,
    listing: str,
    problems: Problems,
) -> list[str]:
    """Note a problem where a chosen row contradicts its region; return remarks on the rest.

    Rows with 0 in both columns say nothing. Ends up to 3 degrees away from the region's are
    tolerated, and told.
    """
    by_other = isinstance(missing, ByName) and missing.by != "tomogram"
    if isinstance(missing, FromTable | Weights) or by_other:
        return []
    used = _used(table, missing)
    said = table.tilts.any(axis=1) & chosen
    about_y = said & (table.kinds == ABOUT_Y)
    apart = np.where(about_y, _apart(table, used), 0.0)
    wrong = np.flatnonzero(apart > TOLERATED_DEG)
    if len(wrong):
        row = int(wrong[0]) + 1
        low, high = table.tilts[wrong[0]]
        region = used[wrong[0]] or Complete()
        detail = (
            f"{listing}, row {row}: tilts from {low:g} to {high:g} degrees about y (ymintilt, "
            f"ymaxtilt) contradict the missing region that was given, {in_words(region)} "
            f"({len(wrong)} such rows): correct it or the table (0 and 0 where they are not "
            "known), or take each row's own (--missing-from-table)"
        )
        problems.add(Problem(detail, file=listing, row=row, column="ymintilt", pointer="/missing"))
        return []
    remarks, what = [], _what(missing)
    if (most := np.nanmax(apart)) > ROUNDING_DEG:
        remarks.append(
            f"tilt ranges in {listing} are up to {most:.2g} degrees off what was used for all "
            f"particles, {what}"
        )
    others = int(np.count_nonzero(said & (table.kinds != ABOUT_Y)))
    if others and missing.kind != "none":
        remarks.append(
            f"{others} rows of {listing} tell of tilts other than about y (ftype); "
            f"what was used for all particles is {what}"
        )
    return remarks


def _used(table: DynamoTable, missing: Formula | ByName) -> Sequence[Formula | None]:
    """Region that is used for each row; None where none was given: a problem tells."""
    if not isinstance(missing, ByName):
        return [missing] * len(table.tags)
    return [missing.regions.get(name) for name in table.tomograms]


def _apart(table: DynamoTable, used: Sequence[Formula | None]) -> NDArray[np.float64]:
    """How far each row's ends are from its region's, in degrees."""
    ends = np.array([_ends(region) for region in used])
    off: NDArray[np.float64] = np.abs(table.tilts - ends).max(axis=1)
    return off


def _ends(region: Formula | None) -> tuple[float, float]:
    """Of tilts about y; infinite for other regions, and no number where there is none."""
    if isinstance(region, Wedge) and region.axis == "y":
        return region.tilt_min_deg, region.tilt_max_deg
    return (np.nan, np.nan) if region is None else (np.inf, np.inf)


def _what(missing: Formula | ByName) -> str:
    return "that of its tomogram" if isinstance(missing, ByName) else in_words(missing)
