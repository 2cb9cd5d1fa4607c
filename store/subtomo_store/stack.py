"""A sealed dataset as the core reads it: memory-mapped, opened in a moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.spec import DatasetSummary
from subtomo_store.errors import StorageError
from subtomo_store.formats.mrc_header import HEADER_BYTES
from subtomo_store.formats.star import ParticleTable, read_particles

PARTICLES = "particles.mrcs"
WEIGHTS = "weights.npy"
TABLE = "particles.star"
RECORD = "dataset.json"


class GivenPoses(NamedTuple):
    """Poses which the uploaded STAR file gave, in the program's own convention.

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
    """What ``dataset.json`` says: the summary, and remarks for the dataset's owner."""

    summary: DatasetSummary
    remarks: tuple[str, ...]


def read_record(folder: Path) -> Record:
    """Read a sealed dataset's record.

    Raises
    ------
    StorageError
        If the folder holds no sealed dataset.
    """
    try:
        content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        summary = DatasetSummary.model_validate(content["summary"])
        return Record(summary, tuple(content["remarks"]))
    except FileNotFoundError as error:
        raise StorageError(f"dataset {folder.name} has not been sealed") from error
    except (OSError, ValueError, KeyError) as error:
        raise StorageError(f"dataset {folder.name} is damaged: {error}") from error


class StackParticles:
    """The particles of a sealed dataset (the core's ``Particles``).

    Reading is thread-safe: every call copies one particle out of a read-only map.

    Parameters
    ----------
    folder : Path
        The dataset's folder.

    Raises
    ------
    StorageError
        If the folder holds no sealed dataset, or a damaged one.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._table: ParticleTable | None = None
        self._summary = read_record(folder).summary
        count, box = self._summary.particles, self._summary.box
        try:
            self._volumes: NDArray[np.float32] = np.memmap(
                folder / PARTICLES,
                dtype="<f4",
                mode="r",
                offset=HEADER_BYTES,
                shape=(count, box, box, box),
            )
            self._weights = self._open_weights((count, box, box, box // 2 + 1))
        except (OSError, ValueError) as error:
            raise StorageError(f"dataset {folder.name} is damaged: {error}") from error

    def _open_weights(self, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
        if self._summary.missing.kind != "mask":
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
        """Particle ``index``, ``(n, n, n)``, ``[z, y, x]``, protein bright."""
        volume = np.array(self._volumes[index], dtype=np.float32)
        if self._summary.dark_particles:
            np.negative(volume, out=volume)
        return volume

    def weight(self, index: int) -> NDArray[np.float32] | None:
        """Weights per Fourier component, ``(n, n, n//2+1)``, origin ``[0, 0, 0]``.

        None where the missing region is given by a formula.
        """
        if self._weights is None:
            return None
        return np.array(self._weights[index], dtype=np.float32)

    def table(self) -> ParticleTable:
        """Return the dataset's own particle table, one row per particle in order; read once."""
        if self._table is None:
            self._table = read_particles(self._folder / TABLE)
        return self._table

    def given_poses(self) -> GivenPoses:
        """Poses from the uploaded STAR file."""
        table = self.table()
        voxel_size = self._summary.voxel_size_angstrom
        return GivenPoses(
            table.rotations, table.shifts_angstrom(voxel_size) / voxel_size, table.classes
        )
