"""What is compared: maps and tables of poses, read and brought into one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.score import ParticlePoses
from subtomo_core.symmetry import symmetry_group
from subtomo_store.formats.particle_table import ParticleTable
from subtomo_store.formats.star import read_particles
from subtomo_store.formats.volumes import Volume, read_volume

_AGREE = 1e-3  # voxel sizes which are the same, over their size


class NamedMap(NamedTuple):
    """A map (n, n, n) and its file's name."""

    name: str
    array: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SamePoses:
    """Poses of the particles which two tables name, in one order; shifts in ångström.

    Attributes
    ----------
    names : tuple of str
        Of the particles.
    found, true : ParticlePoses
        Classes are numbered from 0; `found_classes` and `true_classes` are their own numbers.
    left_out : tuple of int
        Particles of each table which the other does not name.
    junk : int
        Those which both name, but which show nothing in truth (class 0): they are left out too.
    """

    names: tuple[str, ...]
    found: ParticlePoses
    true: ParticlePoses
    found_classes: tuple[int, ...]
    true_classes: tuple[int, ...]
    left_out: tuple[int, int]
    junk: int


@dataclass(frozen=True, eq=False)
class Inputs:
    """Maps beside true ones, and poses beside true ones: at least one of the two.

    Attributes
    ----------
    maps, truths : list of NamedMap
        Of one box and voxel size.
    voxel_size : float
        In ångström; 0 without maps.
    poses : SamePoses or None
    symmetries : tuple of str
        Point group of each true class.
    """

    maps: list[NamedMap]
    truths: list[NamedMap]
    voxel_size: float
    poses: SamePoses | None
    symmetries: tuple[str, ...]

    @classmethod
    def read(
        cls,
        maps: Sequence[Path],
        truths: Sequence[Path],
        poses: Path | None,
        true_poses: Path | None,
        *,
        symmetries: Sequence[str] = (),
        voxel_size: float | None = None,
    ) -> Inputs:
        """Read everything.

        Raises
        ------
        InputError
            If half of a comparison is missing, or files cannot be compared.
        """
        if bool(maps) != bool(truths):
            raise InputError(Problem("give both: maps to judge, and --truth to judge them by"))
        if (poses is None) != (true_poses is None):
            raise InputError(Problem("give both: --poses to judge, and --true-poses to judge by"))
        if not maps and poses is None:
            raise InputError(
                Problem("nothing to compare: give maps with --truth, or --poses with --true-poses")
            )
        for group in symmetries:
            symmetry_group(group)
        read = [(p.name, read_volume(p, p.name, voxel_size)) for p in (*maps, *truths)]
        _check_alike(read)
        shown = [NamedMap(name, volume.array) for name, volume in read]
        size = read[0][1].voxel_size if read else 0.0
        same = None
        if poses is not None and true_poses is not None:
            same = _same(_table(poses), _table(true_poses), voxel_size or size)
        classes = len(same.true_classes) if same else 0
        groups = list(symmetries) or ["C1"]
        if len(groups) == 1:
            groups *= max(classes, 1)
        if same and len(groups) != classes:
            detail = f"{len(groups)} symmetries were given for {classes} true classes"
            raise InputError(Problem(f"{detail}: give one, or one for each"))
        return cls(shown[: len(maps)], shown[len(maps) :], size, same, tuple(groups))


class _Table(NamedTuple):
    name: str
    rows: ParticleTable


def _table(path: Path) -> _Table:
    return _Table(path.name, read_particles(path))


def _check_alike(read: list[tuple[str, Volume]]) -> None:
    """Refuse maps which do not lie on one grid."""
    if not read:
        return
    first, one = read[0]
    for name, volume in read[1:]:
        if volume.array.shape != one.array.shape:
            boxes = f"{len(volume.array)} voxels, {first} one of {len(one.array)}"
            raise InputError(Problem(f"{name} has a box of {boxes}: crop or pad one of them"))
        if abs(volume.voxel_size - one.voxel_size) > _AGREE * one.voxel_size:
            sizes = f"{volume.voxel_size:g} Å, {first} of {one.voxel_size:g} Å"
            raise InputError(
                Problem(f"{name} has voxels of {sizes}: resample one, or say --voxel-size")
            )


def _same(found: _Table, true: _Table, voxel_size: float) -> SamePoses:
    """The particles which both tables name."""
    places, others = _by_name(found), _by_name(true)
    names = [name for name in places if name in others]
    if not names:
        last = {PurePosixPath(name).name: name for name in others}
        hint = (
            ": their folders differ" if any(PurePosixPath(n).name in last for n in places) else ""
        )
        raise InputError(
            Problem(
                f"no particle of {found.name} is named in {true.name} (rlnImageName){hint}; "
                "give tables of the same particles"
            )
        )
    left_out = (len(places) - len(names), len(others) - len(names))
    both, names = names, [name for name in names if _shown(true, others[name])]
    if not names:
        raise InputError(Problem(f"{true.name} says that all particles are junk (class 0)"))
    own, own_numbers = _poses(found, [places[name] for name in names], voxel_size)
    other, other_numbers = _poses(true, [others[name] for name in names], voxel_size)
    junk = len(both) - len(names)
    return SamePoses(tuple(names), own, other, own_numbers, other_numbers, left_out, junk)


def _shown(table: _Table, row: int) -> bool:
    return table.rows.classes is None or int(table.rows.classes[row]) > 0


def _by_name(table: _Table) -> dict[str, int]:
    rows: dict[str, int] = {}
    for row, image in enumerate(table.rows.images):
        if image.text in rows:
            detail = (
                f"{table.name}: rows {rows[image.text] + 1} and {row + 1} name the same particle"
            )
            raise InputError(Problem(f"{detail}, {image.text}: leave one out", file=table.name))
        rows[image.text] = row
    return rows


def _poses(
    table: _Table, rows: list[int], voxel_size: float
) -> tuple[ParticlePoses, tuple[int, ...]]:
    """Poses of some rows, shifts in ångström, and the numbers of their classes."""
    given = table.rows
    if given.rotations is None:
        detail = f"{table.name} has no poses: rlnAngleRot, rlnAngleTilt and rlnAnglePsi are missing"
        raise InputError(Problem(detail, file=table.name))
    sizes = given.voxel_sizes
    size = voxel_size or (float(sizes[rows[0]]) if sizes is not None else 0.0)
    if given.shifts_in_voxels and not size:
        detail = f"{table.name} gives shifts in voxels and no voxel size: say --voxel-size"
        raise InputError(Problem(detail, file=table.name))
    labels = np.ones(len(given), np.int64) if given.classes is None else given.classes
    numbers, classes = np.unique(labels[rows], return_inverse=True)
    poses = ParticlePoses(
        classes.astype(np.int64), given.rotations[rows], given.shifts_angstrom(size)[rows]
    )
    return poses, tuple(int(number) for number in numbers)
