"""An average made fit to be looked at and built into, and masks drawn from it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.level_mask import level_mask
from subtomo_core.fourier.sharpening import Guinier, guinier, sharpened
from subtomo_server.jobs.results import CLASS_MAPS, FSC, Place, class_curve, find_class_file
from subtomo_store.database.engine import Store
from subtomo_store.database.identity import new_id
from subtomo_store.database.people_records import User
from subtomo_store.database.records import Job, Map
from subtomo_store.datasets import maps
from subtomo_store.files.whole import write_whole
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.volumes import read_volume
from subtomo_store.people import quotas


class Halves(NamedTuple):
    """A class's half maps, (n, n, n), their corrected FSC, and where they are from.

    ``version`` is the SHA-256 of both files.
    """

    first: Real
    second: Real
    fsc: NDArray[np.float64]
    voxel_size: float
    job: Job
    iteration: int
    version: tuple[str, str]

    @property
    def mean(self) -> Real:
        """Their plain mean, (n, n, n)."""
        return 0.5 * (self.first + self.second)


class MaskRequest(NamedTuple):
    """A mask to be drawn: sigma above the mean, and ångström."""

    name: str
    level: float
    extend_angstrom: float
    edge_angstrom: float
    group: str | None


def read_halves(store: Store, user: User, place: Place) -> Halves:
    """Read what post-processing starts from; raises as `find_class_file` does."""
    one, other = (
        find_class_file(store, user, place, CLASS_MAPS[name]) for name in ("half1.mrc", "half2.mrc")
    )
    first, second = read_volume(one.path), read_volume(other.path)
    found = find_class_file(store, user, place, FSC)
    return Halves(
        first.array,
        second.array,
        np.array(class_curve(found.path, place.cls)["fsc"], np.float64),
        first.voxel_size,
        found.job,
        found.iteration,
        (one.record.sha256, other.record.sha256),
    )


def plot_of(halves: Halves) -> Guinier:
    """Guinier plot of the halves' mean."""
    return guinier(halves.mean, halves.fsc, halves.voxel_size)


def processed(halves: Halves, b_factor: float | None) -> Real:
    """The weighted and sharpened map; by the Guinier plot's B-factor where none is given."""
    told = plot_of(halves).b_factor if b_factor is None else b_factor
    return sharpened(halves.mean, halves.fsc, halves.voxel_size, told or 0.0)


def plot_document(plot: Guinier) -> dict[str, Any]:
    """The plot for JSON; null where a shell holds nothing."""

    def finite(values: NDArray[np.float64]) -> list[float | None]:
        return [float(value) if np.isfinite(value) else None for value in values]

    return {
        "inverse_square": plot.inverse_square.tolist(),
        "log_amplitude": finite(plot.amplitude),
        "log_weighted_amplitude": finite(plot.weighted),
        "resolution_angstrom": plot.resolution_angstrom,
        "b_factor": plot.b_factor,
        "intercept": plot.intercept,
    }


def make_mask(store: Store, user: User, place: Place, request: MaskRequest) -> Map:
    """Draw a mask from a class's average and keep it among the user's maps.

    Raises
    ------
    InputError
        If nothing, or all of the box, is at that level.
    QuotaError
        If the user's quota does not hold it.
    """
    volume = read_volume(find_class_file(store, user, place, CLASS_MAPS["map.mrc"]).path)
    size = volume.voxel_size
    mask = level_mask(
        volume.array, request.level, request.extend_angstrom / size, request.edge_angstrom / size
    )
    map_id = new_id("map")
    written = write_whole(store.files.map(map_id), lambda file: write_volume(file, mask, size))
    try:
        with store.begin() as session:
            made = maps.create(
                session,
                user_id=user.id,
                map_id=map_id,
                name=request.name,
                box=len(mask),
                voxel_size_angstrom=size,
                size=written.size,
                sha256=written.sha256,
                group=request.group,
            )
            quotas.check(session, user.id, store.settings, more=0, noted=written.size)
            return made
    except BaseException:
        store.files.delete_map(map_id)
        raise
