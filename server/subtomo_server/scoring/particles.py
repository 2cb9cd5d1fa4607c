"""Particles beside what a table of poses tells of them, read as a service takes them in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from subtomo.errors import SubtomoError as ClientError
from subtomo.transfer import Outgoing, outgoing
from subtomo_core.data.particles import Particles
from subtomo_core.errors import InputError, Problem
from subtomo_core.score import ParticlePoses
from subtomo_core.spec.missing_region import MissingRegion
from subtomo_server.http.validation import read_document
from subtomo_server.scoring.tables import Shared, Table
from subtomo_store.datasets.material import STAR
from subtomo_store.datasets.sealing import UPLOADS, seal
from subtomo_store.datasets.stack import StackParticles, read_record


@dataclass(frozen=True, eq=False)
class Opened:
    """Particles which can be read.

    Attributes
    ----------
    particles : Particles
    tables : tuple of Table
        Their own, as the service names them, and as their file does.
    remarks : tuple of str
        Of their reader.
    """

    particles: Particles
    tables: tuple[Table, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Known:
    """Particles, and class and pose of each.

    Attributes
    ----------
    particles : Particles
    poses : ParticlePoses
        Of all N of them, shifts in voxels; class -1 where none is known, or which are junk.
    numbers : tuple of int
        The classes' own numbers.
    shared : Shared
        Which rows of the particles' table and of the poses' agree.
    listing, source : str
        Names of these two tables.
    remarks : tuple of str
        Of the particles' reader.
    """

    particles: Particles
    poses: ParticlePoses
    numbers: tuple[int, ...]
    shared: Shared
    listing: str
    source: str
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, opened: Opened, source: Table) -> Known:
        """Particles, by the poses of a table.

        Raises
        ------
        InputError
            If it names none of them, or has no poses.
        """
        table = max(opened.tables, key=lambda table: len(table.names & source.names))
        shared = Shared.by_both(table, source)
        voxel = opened.particles.summary.voxel_size_angstrom
        found, numbers = source.poses(shared.others, voxel)
        count = opened.particles.summary.particles
        classes = np.full(count, -1, np.int64)
        rotations, shifts = np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3))
        classes[shared.rows], rotations[shared.rows] = found.classes, found.rotations
        shifts[shared.rows] = found.shifts / voxel
        poses = ParticlePoses(classes, rotations, shifts)
        names = table.name, source.name
        return cls(opened.particles, poses, numbers, shared, *names, opened.remarks)


@contextmanager
def opened(
    path: Path, region: Mapping[str, Any], voxel_size: float | None, *, dark: bool
) -> Iterator[Opened]:
    """Push and seal particles into a temporary folder, which goes when the block ends.

    Parameters
    ----------
    path : Path
        A STAR file, a Dynamo table or a folder of volumes, as ``subtomo push`` takes it.
    region : mapping
        The missing region, as the service takes it.
    voxel_size : float or None
        In ångström, where the files do not tell.
    dark : bool
        Protein is dark in the volumes.

    Raises
    ------
    InputError
        With every problem of the files.
    """
    with tempfile.TemporaryDirectory(prefix="subtomo-score-") as scratch:
        folder = Path(scratch)
        for file in _outgoing(path):
            _place(file, folder / UPLOADS / file.name)
        seal(folder, _region(region), voxel_size, dark)
        particles = StackParticles(folder)
        tables = [Table(path.name, particles.table())]
        if path.suffix.lower() == STAR:
            tables.append(Table.read(path))
        yield Opened(particles, tuple(tables), read_record(folder).remarks)


def _outgoing(path: Path) -> list[Outgoing]:
    try:
        return outgoing(path)
    except ClientError as error:
        raise InputError(Problem(str(error).rstrip("."), file=path.name)) from error


def _place(file: Outgoing, target: Path) -> None:
    """Give a file its name among the uploads, without copying its bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(file.source, bytes):
        target.write_bytes(file.source)
    else:
        target.symlink_to(file.source.resolve())


def _region(said: Mapping[str, Any]) -> MissingRegion:
    adapter: TypeAdapter[MissingRegion] = TypeAdapter(MissingRegion)
    return read_document(adapter.validate_python, said)
