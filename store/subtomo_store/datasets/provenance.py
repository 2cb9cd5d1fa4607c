"""Where the particles of a sealed dataset come from, when they were chosen from another one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_store.errors import StorageError

PROVENANCE = "provenance.npz"
Rows = NDArray[np.int64]


class Provenance(NamedTuple):
    """The dataset that was uploaded, and which of its particles these are.

    However often particles were chosen and binned since: those between may be gone. The tables
    of a dataset, and those of its jobs, name the volumes that were uploaded, and tell pixels and
    boxes of these.

    Attributes
    ----------
    dataset : str
        Its identifier; the dataset's own where nothing was chosen.
    rows : ndarray of int64, (N,)
        Places in it from 0, increasing.
    voxel_size_angstrom : float
        Of its boxes.
    box : int
        Of its particles, in voxels.
    """

    dataset: str
    rows: Rows
    voxel_size_angstrom: float
    box: int


def write_provenance(folder: Path, provenance: Provenance) -> None:
    """Keep where particles were chosen from."""
    np.savez(folder / PROVENANCE, allow_pickle=False, **provenance._asdict())


def read_provenance(folder: Path, summary: DatasetSummary) -> Provenance:
    """Where a dataset's particles come from; from itself where none were chosen.

    Raises
    ------
    StorageError
        If the file is damaged.
    """
    try:
        with (folder / PROVENANCE).open("rb") as file, np.load(file, allow_pickle=False) as told:
            return Provenance(
                str(told["dataset"]),
                told["rows"].astype(np.int64),
                float(told["voxel_size_angstrom"]),
                int(told["box"]),
            )
    except FileNotFoundError:
        rows = np.arange(summary.particles)
        return Provenance(folder.name, rows, summary.voxel_size_angstrom, summary.box)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise StorageError(f"dataset {folder.name} is damaged: {error}") from error


def places_among(wanted: Provenance, others: Provenance, job: str) -> Rows:
    """Places, from 0, of a dataset's particles among those of another one, (N,).

    Parameters
    ----------
    wanted, others : Provenance
        Of the dataset, and of the one whose poses are taken.
    job : str
        Named in the problem: whose poses they are.

    Raises
    ------
    InputError
        If the datasets do not come from one, or the other one lacks particles.
    """
    if wanted.dataset != others.dataset:
        detail = (
            f"the job {job} is of another dataset, and neither was made from the other: its poses "
            "are those of other particles; choose a job on this dataset, or on one with the same "
            "particles at another voxel size"
        )
        raise InputError(Problem(detail, pointer="/start/job"))
    missing = np.count_nonzero(~np.isin(wanted.rows, others.rows))
    if missing:
        detail = (
            f"the job {job} has no poses of {missing} of this dataset's {len(wanted.rows)} "
            "particles, which its own dataset lacks: make a dataset of the particles that it has "
            "and start there"
        )
        raise InputError(Problem(detail, pointer="/start/job"))
    return np.searchsorted(others.rows, wanted.rows)
