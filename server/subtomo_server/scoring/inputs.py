"""What is compared: maps and tables of poses, read and brought into one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.score import ParticlePoses
from subtomo_server.scoring.tables import Shared, Table
from subtomo_store.formats.volumes import Volume, read_volume

_AGREE = 1e-3  # voxel sizes which are the same, over their size


class NamedMap(NamedTuple):
    """A map (n, n, n) and its file's name."""

    name: str
    array: NDArray[np.float32]


@dataclass(frozen=True)
class Files:
    """Files which the command was given.

    Attributes
    ----------
    maps, truths : sequence of Path
    poses, true_poses : Path or None
    """

    maps: Sequence[Path] = ()
    truths: Sequence[Path] = ()
    poses: Path | None = None
    true_poses: Path | None = None

    def check(self, known: bool, *, maps_alone: bool) -> None:
        """Refuse half of a comparison.

        ``known`` tells that the particles are given, ``maps_alone`` that maps are also measured
        by themselves.

        Raises
        ------
        InputError
            Saying what to add.
        """
        poses = self.poses, self.true_poses
        if known and poses == (None, None):
            raise InputError(Problem("--particles needs poses: give --true-poses, or --poses"))
        if not self.maps and not self.truths and poses == (None, None):
            detail = "give maps with --truth, or --poses with --true-poses"
            raise InputError(Problem(f"nothing to compare: {detail}"))
        if self.maps and not self.truths and not maps_alone:
            detail = "give both: maps to judge, and --truth to judge them by"
            raise InputError(Problem(f"{detail}; --rotational-symmetry needs maps alone"))
        if self.truths and not self.maps and not (known and self.true_poses):
            raise InputError(Problem("give both: maps to judge, and --truth to judge them by"))
        if poses.count(None) == 1 and not known:
            raise InputError(Problem("give both: --poses to judge, and --true-poses to judge by"))


@dataclass(frozen=True, eq=False)
class SamePoses:
    """Poses of the particles which two tables name, in one order; shifts in ångström.

    Attributes
    ----------
    shared : Shared
        Which particles.
    found, true : ParticlePoses
        Classes are numbered from 0; `found_classes` and `true_classes` are their own numbers.
    """

    shared: Shared
    found: ParticlePoses
    true: ParticlePoses
    found_classes: tuple[int, ...]
    true_classes: tuple[int, ...]

    @classmethod
    def of(cls, found: Table, true: Table, voxel_size: float) -> SamePoses:
        """Poses of the particles which both name."""
        shared = Shared.by_both(found, true)
        own, own_numbers = found.poses(shared.rows, voxel_size)
        other, other_numbers = true.poses(shared.others, voxel_size)
        return cls(shared, own, other, own_numbers, other_numbers)


@dataclass(frozen=True, eq=False)
class Inputs:
    """Maps beside true ones, and poses beside true ones.

    Attributes
    ----------
    maps, truths : list of NamedMap
        With true maps all are of one box and voxel size.
    voxel_size : float
        In ångström; 0 without maps.
    found, true : Table or None
        The tables of poses.
    same : SamePoses or None
        Where both are given.
    symmetries : tuple of str
        Point groups which were said: one, or one for each true class.
    """

    maps: list[NamedMap]
    truths: list[NamedMap]
    voxel_size: float
    found: Table | None
    true: Table | None
    same: SamePoses | None
    symmetries: tuple[str, ...]

    @classmethod
    def read(
        cls, files: Files, *, symmetries: Sequence[str] = (), voxel_size: float | None = None
    ) -> Inputs:
        """Read everything but the particles.

        Raises
        ------
        InputError
            If files cannot be read, or not be compared.
        """
        for group in symmetries:
            symmetry_group(group)
        paths = (*files.maps, *files.truths)
        read = [(path.name, read_volume(path, path.name, voxel_size)) for path in paths]
        if files.truths:
            _check_alike(read)
        shown = [NamedMap(name, volume.array) for name, volume in read]
        size = read[0][1].voxel_size if read else 0.0
        found, true = (
            None if p is None else Table.read(p) for p in (files.poses, files.true_poses)
        )
        same = SamePoses.of(found, true, voxel_size or size) if found and true else None
        count = len(files.maps)
        groups = tuple(symmetries) or ("C1",)
        given = cls(shown[:count], shown[count:], size, found, true, same, groups)
        if same:
            given.symmetries_of(len(same.true_classes))
        return given

    def symmetries_of(self, classes: int) -> tuple[str, ...]:
        """Point group of each of so many true classes.

        Raises
        ------
        InputError
            If another number of them was said.
        """
        if len(self.symmetries) == 1:
            return self.symmetries * classes
        if len(self.symmetries) != classes:
            detail = f"{len(self.symmetries)} symmetries were given for {classes} true classes"
            raise InputError(Problem(f"{detail}: give one, or one for each"))
        return self.symmetries


def _check_alike(read: list[tuple[str, Volume]]) -> None:
    """Refuse maps which do not lie on one grid."""
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
