"""Uploaded maps as a job uses them: first references and masks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.mask_and_resolution import MapMask
from subtomo_store.database.engine import Store
from subtomo_store.database.records import Job
from subtomo_store.datasets import maps
from subtomo_store.errors import NotFoundError
from subtomo_store.formats.volumes import read_volume

Volume = NDArray[np.float32]
VOXEL_TOLERANCE = 0.01


class Use(NamedTuple):
    """What a map is for, and the field that names it."""

    what: str
    pointer: str


def uploaded(store: Store, job: Job, map_id: str, summary: DatasetSummary, use: Use) -> Volume:
    """Values (n, n, n) of a map that the job's owner uploaded.

    Raises
    ------
    InputError
        If it is gone or does not fit the dataset.
    """
    try:
        with store.read() as session:
            found = maps.get(session, map_id, job.user_id)
    except NotFoundError as error:
        problem = Problem(f"the {use.what} {map_id} is gone", pointer=use.pointer)
        raise InputError(problem) from error
    voxel = found.voxel_size_angstrom
    difference = abs(voxel / summary.voxel_size_angstrom - 1.0)
    if found.box != summary.box or difference > VOXEL_TOLERANCE:
        raise unfit(f"the {use.what} {found.name}", found.box, voxel, summary, use.pointer)
    return read_volume(store.files.map(map_id), found.name, voxel).array


def mask_map(store: Store, job: Job, summary: DatasetSummary) -> Volume | None:
    """The map that a job names as its mask, or None where its mask is a sphere."""
    mask = job.parsed_spec.mask
    if not isinstance(mask, MapMask):
        return None
    return uploaded(store, job, mask.map, summary, Use("mask", "/mask/map"))


def unfit(
    what: str, box: int, voxel_size: float, summary: DatasetSummary, pointer: str
) -> InputError:
    """What to say of a map of another size than the dataset's."""
    return InputError(
        Problem(
            f"{what} has a box of {box} voxels of {voxel_size:g} Å, the dataset {summary.box} "
            f"of {summary.voxel_size_angstrom:g} Å: rescale the map to the dataset",
            pointer=pointer,
        )
    )
