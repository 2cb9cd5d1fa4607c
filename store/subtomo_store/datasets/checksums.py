"""Checksums of stored particles and weights, one for each: made at sealing, looked at in reading.

XXH3 (64 bits) of the float32 values in their order, as they were checked: whatever becomes of the
bytes later, on a disk or on the way from it, the numbers that a job averages are these or none
(docs/decisions/0067).
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from subtomo_store.errors import DamagedError, StorageError
from subtomo_store.files.whole import write_whole
from subtomo_store.formats.problems import named

CHECKSUMS = "checksums.npz"

Sums = NDArray[np.uint64]


class Checksums(NamedTuple):
    """Checksums of all particles, (N,), and of all weights, (N,), where there are weights."""

    particles: Sums
    weights: Sums | None


def checksum(array: NDArray[np.float32]) -> int:
    """XXH3 of an array's values as little-endian float32, C order."""
    return xxh3_64_intdigest(np.ascontiguousarray(array, dtype="<f4").data)


class Summing:
    """Collects checksums while particles and weights go by in their order."""

    def __init__(self) -> None:
        self.particles: list[int] = []
        self.weights: list[int] = []

    def write(self, folder: Path) -> None:
        """Write ``checksums.npz``."""
        arrays = {"particles": np.array(self.particles, np.uint64)}
        if self.weights:
            arrays["weights"] = np.array(self.weights, np.uint64)
        write_whole(folder / CHECKSUMS, lambda file: np.savez(file, allow_pickle=False, **arrays))


def damage(dataset: str, indices: Sequence[int]) -> DamagedError:
    """What to say of damaged particles of a dataset, by their indices from 0."""
    one, names = len(indices) == 1, named(index + 1 for index in indices)
    are, it_is = ("is", "it is") if one else ("are", "they are")
    return DamagedError(
        f"particle{'' if one else 's'} {names} of the dataset {dataset} {are} damaged on the disk: "
        f"{it_is} not what was sealed; put the dataset's files back from a copy and resume the "
        "job, or upload the dataset anew ('subtomo admin verify' names all that is damaged)"
    )


def read_checksums(folder: Path, count: int, *, noted: bool) -> Checksums | None:
    """Checksums of a sealed dataset of ``count`` particles; None where there never were any.

    Parameters
    ----------
    folder : Path
    count : int
    noted : bool
        Whether the dataset's record names them.

    Raises
    ------
    StorageError
        If they are damaged themselves, or gone.
    """
    path = folder / CHECKSUMS
    if not path.exists():
        if noted:
            raise StorageError(f"dataset {folder.name} is damaged: {CHECKSUMS} is gone")
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            found = Checksums(content["particles"], content.get("weights"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise StorageError(f"{CHECKSUMS} of dataset {folder.name} is damaged: {error}") from error
    if any(sums is not None and sums.shape != (count,) for sums in found):
        raise StorageError(f"{CHECKSUMS} of dataset {folder.name} is damaged: it has other numbers")
    return found
