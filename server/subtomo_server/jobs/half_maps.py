"""What a class's half maps tell: where, and in which directions, they agree."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.gridding import resolution_angstrom
from subtomo_core.fourier.local_resolution import LocalResolution, default_window, local_resolution
from subtomo_core.fourier.masks import mask_problem
from subtomo_core.fourier.reference_mask import mask_of
from subtomo_core.maximise.directional_fsc import (
    CUTOFF,
    HALF_ANGLE_DEG,
    DirectionalFsc,
    anisotropy_warning,
    directional_fsc,
)
from subtomo_core.spec.mask_and_resolution import MapMask
from subtomo_server.jobs.one_at_a_time import OneAtATime
from subtomo_server.jobs.postprocessing import Halves
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.datasets import datasets, maps
from subtomo_store.errors import NotFoundError
from subtomo_store.formats.volumes import read_volume

QUANTILES = (5, 25, 50, 75, 95)
_BUSY = "other half maps are being compared"


class MaskedHalves(NamedTuple):
    """Half maps, a mask (n, n, n), and what it was made of."""

    halves: Halves
    mask: Real
    mask_version: str


class HalfMapAnalysis:
    """Local resolutions and directional FSCs, made one at a time; the last few are kept."""

    def __init__(self) -> None:
        self._local = OneAtATime[LocalResolution](2, _BUSY)
        self._directional = OneAtATime[DirectionalFsc](8, _BUSY)

    def local(self, given: MaskedHalves, window: float | None, cutoff: float) -> LocalResolution:
        """Give the resolution at each voxel; the window, in ångström, by the map's resolution."""
        halves = given.halves
        size, box = halves.voxel_size, len(halves.first)
        told = resolution_angstrom(halves.fsc, CUTOFF, box * size)
        width = default_window(told, size, box) if window is None else window
        return self._local.get(
            (halves.version, given.mask_version, width, cutoff),
            lambda: local_resolution(
                halves.first,
                halves.second,
                given.mask,
                voxel_size=size,
                window_angstrom=width,
                cutoff=cutoff,
            ),
        )

    def directional(self, given: MaskedHalves) -> DirectionalFsc:
        """Give the FSC within cones."""
        halves = given.halves
        return self._directional.get(
            (halves.version, given.mask_version),
            lambda: directional_fsc(halves.first, halves.second, given.mask, halves.voxel_size),
        )


def masked(store: Store, user: User, halves: Halves, map_id: str | None) -> MaskedHalves:
    """Put a mask to half maps: one of the user's maps, or that of the job.

    Raises
    ------
    InputError
        If it is gone, or no mask for these halves.
    """
    if map_id:
        return _with_map(store, halves, map_id, user.id)
    spec = halves.job.parsed_spec.mask
    if isinstance(spec, MapMask):
        # Who may see a job may see what its own mask tells, too.
        return _with_map(store, halves, spec.map, halves.job.user_id)
    with store.read() as session:
        summary = datasets.get(session, halves.job.dataset_id).summary
    mask, radius = mask_of(spec, summary, None)
    return MaskedHalves(halves, mask, f"sphere {radius}")


def _with_map(store: Store, halves: Halves, map_id: str, reader: str) -> MaskedHalves:
    try:
        with store.read() as session:
            found = maps.get(session, map_id, reader)
    except NotFoundError as error:
        detail = f"there is no mask {map_id[:40]}: name one of your maps, drawn or uploaded"
        raise InputError(Problem(detail, pointer="/mask")) from error
    volume = read_volume(store.files.map(found.id), found.name, found.voxel_size_angstrom)
    problem = mask_problem(volume.array, len(halves.first))
    if problem:
        raise InputError(problem._replace(pointer="/mask"))
    return MaskedHalves(halves, volume.array, found.sha256)


def local_document(found: LocalResolution, cutoff: float) -> dict[str, Any]:
    """Resolutions within the mask, for JSON: quantiles of voxels at which there is one."""
    told = _told(found)
    return {
        "cutoff": cutoff,
        "window_angstrom": found.window_angstrom,
        "coarsest_angstrom": found.coarsest,
        "finest_angstrom": found.finest,
        "told_share": float(len(told) / max(1, int(found.inside.sum()))),
        "quantiles_angstrom": {
            str(part): float(np.percentile(told, part)) if len(told) else None for part in QUANTILES
        },
        "shown_angstrom": shown_limits(found),
    }


def shown_limits(found: LocalResolution) -> tuple[float, float]:
    """Resolutions at the ends of a scale of colours: quantiles, a tenth apart at the least."""
    told = _told(found)
    if not len(told):
        return found.finest, found.coarsest
    low, high = np.percentile(told, (QUANTILES[0], QUANTILES[-1]))
    return float(low), float(max(high, 1.1 * low))


def shown(found: LocalResolution, side: int) -> Real:
    """The map on a grid of ``side`` voxels, where a binned average has its own."""
    box = len(found.map)
    at = np.arange(side) * box // side
    return found.map[np.ix_(at, at, at)]


def _told(found: LocalResolution) -> Real:
    inside = found.map[found.inside]
    return inside[inside < 0.999 * found.coarsest]


def directional_document(given: MaskedHalves, found: DirectionalFsc) -> dict[str, Any]:
    """Curves and resolutions in all directions, for JSON."""
    d = found.resolution_angstrom
    shells = np.arange(len(found.whole))
    extent = len(given.halves.first) * given.halves.voxel_size
    return {
        "half_angle_deg": HALF_ANGLE_DEG,
        "cutoff": CUTOFF,
        "frequency_per_angstrom": (shells / extent).tolist(),
        "fsc": _rounded(found.whole),
        "directions": [_rounded(axis) for axis in found.directions],
        "resolution_angstrom": _rounded(d),
        "curves": [_rounded(curve) for curve in found.curves],
        "finest": found.finest,
        "coarsest": found.coarsest,
        "least_angstrom": float(d.min()),
        "median_angstrom": float(np.median(d)),
        "greatest_angstrom": float(d.max()),
        "spread_angstrom": float(d.std()),
        "sphericity": found.sphericity,
        "area_ratio": found.area_ratio,
        "warning": anisotropy_warning(found),
    }


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in values]
