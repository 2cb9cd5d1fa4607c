"""A Dynamo table's tilt ranges beside the dataset's missing region, which alone is used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import Problem
from subtomo_core.spec.missing_region import MissingRegion, Wedge
from subtomo_store.formats.dynamo import DynamoTable
from subtomo_store.formats.problems import Problems

TOLERATED_DEG = 3.0
ROUNDING_DEG = 0.01
FULL, ABOUT_Y = 0, 1


def compare(
    table: DynamoTable,
    chosen: NDArray[np.bool_],
    missing: MissingRegion,
    listing: str,
    problems: Problems,
) -> list[str]:
    """Note a problem where a chosen row contradicts the region; return remarks on the rest.

    Rows with 0 in both columns say nothing. Ends up to 3 degrees away from the region's are
    tolerated, and told.
    """
    said = table.tilts.any(axis=1) & chosen
    about_y = said & (table.kinds == ABOUT_Y)
    apart = np.where(about_y, _apart(table, missing), 0.0)
    wrong = np.flatnonzero(apart > TOLERATED_DEG)
    if len(wrong):
        row = int(wrong[0]) + 1
        low, high = table.tilts[wrong[0]]
        detail = (
            f"{listing}, row {row}: tilts from {low:g} to {high:g} degrees about y (ymintilt, "
            f"ymaxtilt) contradict the dataset's missing region, {_told(missing)} ({len(wrong)} "
            "such rows): correct the dataset or the table (0 and 0 where they are not known); "
            "particles of another tilt range belong into a dataset of their own"
        )
        problems.add(Problem(detail, file=listing, row=row, column="ymintilt", pointer="/missing"))
        return []
    remarks = []
    if apart.max() > ROUNDING_DEG:
        remarks.append(
            f"tilt ranges in {listing} are up to {apart.max():.2g} degrees off what was used for "
            f"all particles, {_told(missing)}"
        )
    others = int(np.count_nonzero(said & (table.kinds != ABOUT_Y)))
    if others and missing.kind != "none":
        remarks.append(
            f"{others} rows of {listing} tell of tilts other than about y (ftype); "
            f"what was used for all particles is {_told(missing)}"
        )
    return remarks


def _apart(table: DynamoTable, missing: MissingRegion) -> NDArray[np.float64]:
    """How far each row's ends are from the region's, in degrees."""
    if isinstance(missing, Wedge) and missing.axis == "y":
        ends = np.array([missing.tilt_min_deg, missing.tilt_max_deg])
        off: NDArray[np.float64] = np.abs(table.tilts - ends).max(axis=1)
        return off
    return np.full(len(table.tilts), np.inf)


def _told(missing: MissingRegion) -> str:
    if isinstance(missing, Wedge):
        low, high, axis = missing.tilt_min_deg, missing.tilt_max_deg, missing.axis
        return f"tilts from {low:g} to {high:g} degrees about {axis}"
    return f"the kind '{missing.kind}'"
