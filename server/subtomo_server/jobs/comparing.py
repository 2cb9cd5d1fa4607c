"""Two averages in one frame, and particles that two jobs put into different classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.rotations import to_rotation_vectors
from subtomo_server.jobs.one_at_a_time import OneAtATime
from subtomo_server.jobs.results import Found
from subtomo_store.formats.volumes import Volume, read_volume
from subtomo_store.jobs.result_poses import own_poses

if TYPE_CHECKING:
    from subtomo_core.score.compare import MapComparison

FIT_BOX = 48  # fits take seconds on this grid, whatever the maps' own
KEPT = 4


class Compared(NamedTuple):
    """An average on another one: what was found, and the voxel size in ångström."""

    comparison: MapComparison
    voxel_size: float


class Comparer:
    """Fits one pair of averages at a time, and keeps the last few."""

    def __init__(self) -> None:
        self._made = OneAtATime[Compared](KEPT, "other maps are being compared")

    def compare(self, moving: Found, target: Found, *, try_mirror: bool) -> Compared:
        """Find how the average of ``moving`` lies on that of ``target``.

        Raises
        ------
        InputError
            If they lie on unlike grids.
        UnavailableError
            If others are being fitted for long.
        """
        key = (moving.record.sha256, target.record.sha256, try_mirror)
        return self._made.get(key, lambda: _compared(moving, target, try_mirror))


def _compared(moving: Found, target: Found, try_mirror: bool) -> Compared:
    from subtomo_core.score.compare import compare_maps  # noqa: PLC0415 - compiles for seconds

    volume, other = read_volume(moving.path), read_volume(target.path)
    if not _alike(volume, other):
        detail = (
            f"the maps lie on unlike grids, {_grid(volume)} and {_grid(other)}: only maps of one "
            "box and voxel size can be compared here; for others download them and use "
            "'subtomo score'"
        )
        raise InputError(Problem(detail, pointer="/with"))
    for found, job in ((volume, moving.job), (other, target.job)):
        if not found.array.any():
            raise InputError(Problem(f"the class of {job.id} is empty: its average is nothing"))
    comparison = compare_maps(
        volume.array, other.array, other.voxel_size, try_mirror=try_mirror, fit_box=FIT_BOX
    )
    return Compared(comparison, other.voxel_size)


def _alike(one: Volume, other: Volume) -> bool:
    close = abs(one.voxel_size / other.voxel_size - 1.0) < 0.01
    return one.array.shape == other.array.shape and close


def _grid(volume: Volume) -> str:
    return f"{len(volume.array)} voxels of {volume.voxel_size:g} Å"


def comparison_document(compared: Compared) -> dict[str, Any]:
    """How one average lies on the other, for JSON; shifts and resolutions in ångström."""
    found, voxel_size = compared.comparison, compared.voxel_size
    extent = len(found.fit.map) * voxel_size
    shells = range(len(found.fsc))
    vector = to_rotation_vectors(found.fit.rotation[None])[0]
    return {
        "correlation": found.r,
        "mirrored": found.fit.mirrored,
        "rotation": found.fit.rotation.tolist(),
        "rotation_deg": float(np.degrees(np.linalg.norm(vector))),
        "shift_angstrom": (found.fit.shift * voxel_size).tolist(),
        "box": len(found.fit.map),
        "voxel_size_angstrom": voxel_size,
        "shells": list(shells),
        "frequency_per_angstrom": [shell / extent for shell in shells],
        "fsc": found.fsc.tolist(),
        "resolution_05_angstrom": found.resolution_05_angstrom,
        "resolution_0143_angstrom": found.resolution_0143_angstrom,
    }


def changes_document(here: Found, there: Found) -> dict[str, Any]:
    """Count the particles of each class of one iteration in each class of another, for JSON.

    Raises
    ------
    InputError
        If the jobs have different particles.
    """
    from subtomo_core.score.classes import class_agreement  # noqa: PLC0415 - the same

    if here.job.dataset_id != there.job.dataset_id:
        detail = "the two jobs have different datasets: classes can be compared of one dataset only"
        raise InputError(Problem(detail, pointer="/with"))
    first, second = _classes(here), _classes(there)
    counts = np.zeros((first.total, second.total), np.int64)
    np.add.at(counts, (first.of, second.of), 1)
    partner = np.full(first.total, -1)
    partner[-1] = second.total - 1  # junk stands for junk, and for no class
    shown = (first.of < first.total - 1) & (second.of < second.total - 1)
    if shown.any():
        agreement = class_agreement(second.of[shown], first.of[shown], second.total - 1)
        partner[: len(agreement.partner)] = agreement.partner
    changed = np.flatnonzero(partner[first.of] != second.of)
    return {
        "counts": counts.tolist(),
        "partner": [int(k) + 1 if k >= 0 else None for k in partner[:-1]],
        "changed": len(changed),
        "particles": len(first.of),
        "rows": (changed[:1000] + 1).tolist(),
    }


class _Classes(NamedTuple):
    """Class of each particle, from 0; junk is the last of ``total``."""

    of: NDArray[np.int64]
    total: int


def _classes(found: Found) -> _Classes:
    poses = own_poses(found.path.parent)
    junk = poses.probability.shape[1]
    return _Classes(np.where(poses.counted, poses.best_class, junk), junk + 1)
