"""Dynamo's tables out: 35 numbers and the voxel size for each particle.

The columns are those of Dynamo's table convention; the pose is that which `formats.dynamo` reads.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from dynamotable.constants import COLUMN_NAME_TO_COLUMN_NUMBER as NUMBERS
from numpy.typing import ArrayLike, NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.rotations import dynamo_angles
from subtomo_core.spec.missing_region import FoundRegion, Wedge
from subtomo_store.formats.result_table import ResultTable, numbers_of, tomogram_numbers

COLUMNS = NUMBERS["apix"]
Array = NDArray[np.float64]


def write_dynamo(
    target: BinaryIO, rows: ResultTable, missing: FoundRegion, *, recentred: bool = False
) -> None:
    """Write a Dynamo table; the same rows give the same bytes.

    Parameters
    ----------
    target : binary file
    rows : ResultTable
        ``averaged`` is 1 for the particles that count, ``cc`` their score.
    missing : FoundRegion
        A range of tilts about y that all particles share goes into ftype, ymintilt and ymaxtilt;
        with another region these columns are 0.
    recentred : bool
        Whether x, y, z are the places of the particles, to cut boxes out anew: angles are then
        those in the tomogram, and dx, dy, dz what whole voxels leave. Else the poses are those
        within the boxes as they are.

    Raises
    ------
    InputError
        If places are wanted and not known.
    """
    table = np.zeros((len(rows), COLUMNS))
    rotations, shifts, places = poses_for(rows, recentred=recentred)
    numbers = tomogram_numbers(rows.tomograms)
    _put(table, "tag", numbers_of(rows.images))
    _put(table, "aligned_value", 1)
    _put(table, "averaged_value", rows.counted)
    table[:, 3:6], table[:, 6:9] = shifts, dynamo_angles(rotations)
    _put(table, "cc", rows.scores)
    if isinstance(missing, Wedge) and missing.axis == "y":
        for column, value in zip(
            ("ftype", "ymintilt", "ymaxtilt"),
            (1, missing.tilt_min_deg, missing.tilt_max_deg),
            strict=True,
        ):
            _put(table, column, value)
    if rows.tomograms:
        _put(table, "tomo", np.array([numbers[name] for name in rows.tomograms]))
    if places is not None:
        table[:, NUMBERS["x"] - 1 : NUMBERS["z"]] = places
    _put(table, "ref", rows.classes)
    _put(table, "apix", rows.voxel_size)
    target.writelines(_line(row) for row in (table + 0.0).tolist())


def write_table_map(target: BinaryIO, rows: ResultTable) -> None:
    """Write which number stands for which tomogram: Dynamo's table map, ``number name``."""
    for name, number in tomogram_numbers(rows.tomograms).items():
        target.write(f"{number} {name}\n".encode())


def poses_for(rows: ResultTable, *, recentred: bool) -> tuple[Array, Array, Array | None]:
    """Rotations, shifts and places (voxels of the boxes) of all particles; see `write_dynamo`."""
    if not recentred:
        found = rows.places
        if found is None or found.from_centre:
            return rows.rotations, rows.shifts, None
        return rows.rotations, rows.shifts, found.centres / rows.voxel_size
    rotations, centres = rows.centred()
    if rows.places is not None and rows.places.from_centre:
        detail = (
            "the coordinates count from the centres of tomograms whose sizes this table does not "
            "tell, and tables of other programs count from the first voxel: ask for them without "
            "'recentred', or for the copies placed in their tomograms"
        )
        raise InputError(Problem(detail))
    exact = centres / rows.voxel_size
    whole = np.rint(exact)
    return rotations, exact - whole, whole


def _put(table: Array, column: str, values: ArrayLike) -> None:
    table[:, NUMBERS[column] - 1] = np.asarray(values, np.float64)


def _line(row: list[float]) -> bytes:
    return (" ".join(f"{value:.6f}".rstrip("0").rstrip(".") for value in row) + "\n").encode()
