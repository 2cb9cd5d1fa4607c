"""Tables of poses, and the particles which two of them name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from subtomo_core.errors import InputError, Problem
from subtomo_core.score import ParticlePoses
from subtomo_store.formats.particle_table import ParticleTable
from subtomo_store.formats.star import read_particles


class Table(NamedTuple):
    """A particle table, and its file's name."""

    name: str
    rows: ParticleTable

    @classmethod
    def read(cls, path: Path) -> Table:
        """Read a STAR file."""
        return cls(path.name, read_particles(path))

    @property
    def names(self) -> frozenset[str]:
        """Of all its particles."""
        return frozenset(image.text for image in self.rows.images)

    def shows(self, row: int) -> bool:
        """Whether a row's particle has a class: class 0 is junk."""
        return self.rows.classes is None or int(self.rows.classes[row]) > 0

    def poses(self, rows: list[int], voxel_size: float) -> tuple[ParticlePoses, tuple[int, ...]]:
        """Poses of some rows, shifts in ångström, and the numbers of their classes.

        Raises
        ------
        InputError
            If it has none, or shifts in voxels of unknown size.
        """
        given = self.rows
        if given.rotations is None:
            columns = "rlnAngleRot, rlnAngleTilt and rlnAnglePsi are missing"
            raise InputError(Problem(f"{self.name} has no poses: {columns}", file=self.name))
        sizes = given.voxel_sizes
        size = voxel_size or (float(sizes[rows[0]]) if sizes is not None else 0.0)
        if given.shifts_in_voxels and not size:
            detail = f"{self.name} gives shifts in voxels and no voxel size: say --voxel-size"
            raise InputError(Problem(detail, file=self.name))
        labels = np.ones(len(given), np.int64) if given.classes is None else given.classes
        numbers, classes = np.unique(labels[rows], return_inverse=True)
        poses = ParticlePoses(
            classes.astype(np.int64), given.rotations[rows], given.shifts_angstrom(size)[rows]
        )
        return poses, tuple(int(number) for number in numbers)


@dataclass(frozen=True, eq=False)
class Shared:
    """Particles which two tables name, in the order of the first.

    Attributes
    ----------
    names : tuple of str
    rows, others : list of int
        Their rows in the first and in the second table.
    left_out : tuple of int
        Particles of each table which the other does not name.
    junk : int
        Those which both name, but which are junk in the second (class 0): they are left out too.
    """

    names: tuple[str, ...]
    rows: list[int]
    others: list[int]
    left_out: tuple[int, int]
    junk: int

    @classmethod
    def by_both(cls, first: Table, second: Table) -> Shared:
        """Match by ``rlnImageName``.

        Raises
        ------
        InputError
            If a table names a particle twice, or nothing is left.
        """
        places, others = _by_name(first), _by_name(second)
        both = [name for name in places if name in others]
        if not both:
            last = {PurePosixPath(name).name for name in others}
            alike = any(PurePosixPath(name).name in last for name in places)
            hint = ": their folders differ" if alike else ""
            detail = f"no particle of {first.name} is named in {second.name} (rlnImageName){hint}"
            raise InputError(Problem(f"{detail}; give tables of the same particles"))
        names = [name for name in both if second.shows(others[name])]
        if not names:
            raise InputError(Problem(f"{second.name} says that all particles are junk (class 0)"))
        return cls(
            tuple(names),
            [places[name] for name in names],
            [others[name] for name in names],
            (len(places) - len(both), len(others) - len(both)),
            len(both) - len(names),
        )


def _by_name(table: Table) -> dict[str, int]:
    rows: dict[str, int] = {}
    for row, image in enumerate(table.rows.images):
        if image.text in rows:
            detail = (
                f"{table.name}: rows {rows[image.text] + 1} and {row + 1} name the same particle"
            )
            raise InputError(Problem(f"{detail}, {image.text}: leave one out", file=table.name))
        rows[image.text] = row
    return rows
