"""A sealed dataset as the core reads it: one particle at a time, opened in a moment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.folds import Grouping
from subtomo_core.data.particles import region_of
from subtomo_core.fourier.missing import Region
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_store.datasets.checksums import CHECKSUMS, checksum, damage, read_checksums
from subtomo_store.datasets.given_table import given_table
from subtomo_store.datasets.grouping import read_grouping
from subtomo_store.datasets.provenance import Provenance, read_provenance
from subtomo_store.datasets.regions import read_regions
from subtomo_store.datasets.stack_file import Stack
from subtomo_store.errors import DamagedError, StorageError
from subtomo_store.files.volume_file import Layout, VolumeFile
from subtomo_store.files.whole import storage_error
from subtomo_store.formats.star import ParticleTable, read_particles

WEIGHTS = "weights.npy"
TABLE = "particles.star"
RECORD = "dataset.json"


class GivenPoses(NamedTuple):
    """Poses which the uploaded table gave, in the program's own convention.

    Attributes
    ----------
    rotations : array, shape (N, 3, 3), or None
        Reference to particle; None if the file gave no angles.
    shifts : array, shape (N, 3)
        In voxels, order x, y, z.
    classes : array, shape (N,), or None
        As in the file, counted from 1.
    """

    rotations: NDArray[np.float64] | None
    shifts: NDArray[np.float64]
    classes: NDArray[np.int64] | None


class Record(NamedTuple):
    """What ``dataset.json`` says.

    Attributes
    ----------
    summary : DatasetSummary
    remarks : tuple of str
        For the dataset's owner.
    stack : Stack
        Where the particles lie.
    digests : tuple of str
        SHA-256 of the large files which sealing left in the folder.
    size_bytes : int
        Of all that it left there.
    files : dict of str
        SHA-256 of each small file; empty where a dataset was sealed before there was this field.
    """

    summary: DatasetSummary
    remarks: tuple[str, ...]
    stack: Stack = Stack()
    digests: tuple[str, ...] = ()
    size_bytes: int = 0
    files: dict[str, str] = {}  # noqa: RUF012 - never changed


def is_sealed(folder: Path) -> bool:
    """Whether a folder holds a complete dataset."""
    return (folder / RECORD).exists()


def read_record(folder: Path) -> Record:
    """Read a sealed dataset's record.

    Raises
    ------
    StorageError
        If the folder holds no sealed dataset.
    """
    try:
        content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return Record(
            DatasetSummary.model_validate(content["summary"]),
            tuple(content["remarks"]),
            Stack.model_validate(content.get("stack", {})),
            tuple(content.get("digests", ())),
            int(content.get("size_bytes", 0)),
            dict(content.get("files", {})),
        )
    except FileNotFoundError as error:
        words = f"dataset {folder.name} has not been sealed, or its files are gone"
        raise StorageError(words) from error
    except (OSError, ValueError, KeyError) as error:
        raise StorageError(f"dataset {folder.name} is damaged: {error}") from error


class StackParticles:
    """The particles of a sealed dataset (the core's ``Particles``).

    Reading is thread-safe.

    Parameters
    ----------
    folder : Path
        The dataset's folder.

    Raises
    ------
    StorageError
        If the folder holds no sealed dataset, or a damaged one.
    InputError
        If particles which are read where they were registered have changed or are gone.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._table: ParticleTable | None = None
        record = read_record(folder)
        self._summary, self._stack = record.summary, record.stack
        self.check()
        count, box = self._summary.particles, self._summary.box
        self._checksums = read_checksums(folder, count, noted=CHECKSUMS in record.files)
        try:
            layout = Layout(self._stack.offset, np.dtype(self._stack.dtype), (box, box, box))
            self._volumes = VolumeFile(self._stack.open(folder), layout)
            if not self._volumes.holds(count):
                raise ValueError(f"{self._stack.file} is too short")
            self._weights = self._open_weights((count, box, box, box // 2 + 1))
        except (OSError, ValueError) as error:
            raise StorageError(f"dataset {folder.name} is damaged: {error}") from error
        self._regions = read_regions(folder, self._summary)

    def check(self) -> None:
        """Look whether registered particles are still those which were checked.

        Raises
        ------
        InputError
            If they have changed or are gone.
        """
        self._stack.check(self._folder)

    def _open_weights(self, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
        if self._summary.missing.kind != "weights":
            return None
        weights: NDArray[np.float32] = np.load(
            self._folder / WEIGHTS, mmap_mode="r", allow_pickle=False
        )
        if weights.shape != shape:
            raise ValueError(f"weights of shape {weights.shape} where {shape} is expected")
        return weights

    @property
    def summary(self) -> DatasetSummary:
        """What a job needs to know before it reads a particle."""
        return self._summary

    def __len__(self) -> int:
        return self._summary.particles

    def volume(self, index: int) -> NDArray[np.float32]:
        """Particle ``index``, ``(n, n, n)``, ``[z, y, x]``, protein bright; raises as `stored`."""
        volume = self.stored(index)
        if self._summary.dark_particles:
            np.negative(volume, out=volume)
        return volume

    def stored(self, index: int) -> NDArray[np.float32]:
        """Particle ``index`` with the values which it has in its file.

        Raises
        ------
        StorageError
            If it cannot be read, or is not what was sealed (`DamagedError`).
        InputError
            If registered particles have changed or are gone.
        """
        try:
            volume = self._volumes.read(index)
        except OSError as error:
            self.check()
            raise storage_error(f"particle {index + 1} could not be read", error) from error
        if self._checksums and checksum(volume) != self._checksums.particles[index]:
            raise damage(self._folder.name, [index])
        return volume

    def weight(self, index: int) -> NDArray[np.float32] | None:
        """Weights per Fourier component, ``(n, n, n//2+1)``, origin ``[0, 0, 0]``.

        None where the missing region is given by a formula. Raises as `stored` does.
        """
        if self._weights is None:
            return None
        weights = np.array(self._weights[index], dtype=np.float32)
        sums = self._checksums.weights if self._checksums else None
        if sums is not None and checksum(weights) != sums[index]:
            raise damage(self._folder.name, [index])
        return weights

    def damaged(self, indices: Iterable[int]) -> list[int]:
        """Those of some particles which, or whose weights, are not what was sealed."""
        found = []
        for index in indices:
            try:
                self.stored(index)
                self.weight(index)
            except DamagedError:
                found.append(index)
        return found

    def region(self, index: int) -> Region | None:
        """What particle ``index`` has observed, or None where it brings weights."""
        return region_of(self._summary, self._regions, index)

    def table(self) -> ParticleTable:
        """Return the dataset's own particle table, one row per particle in order; read once."""
        if self._table is None:
            self._table = read_particles(self._folder / TABLE)
        return self._table

    @property
    def given_table(self) -> Path | None:
        """The STAR table as it was uploaded, if there was one."""
        return given_table(self._folder)

    def provenance(self) -> Provenance:
        """Which particles of which uploaded dataset these are."""
        return read_provenance(self._folder, self._summary)

    def grouping(self) -> Grouping:
        """Which particles belong together."""
        return read_grouping(self._folder)

    def given_poses(self) -> GivenPoses:
        """Poses from the uploaded table."""
        table = self.table()
        voxel_size = self._summary.voxel_size_angstrom
        return GivenPoses(
            table.rotations, table.shifts_angstrom(voxel_size) / voxel_size, table.classes
        )
