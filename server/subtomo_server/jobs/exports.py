"""A job's result for other programs: tables, posteriors, and particles in their tomograms."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.data.poses import Poses
from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.map_back import Stamp
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_server.http.archive import Member
from subtomo_server.http.downloads import keepable
from subtomo_server.http.errors import NotStoredError
from subtomo_server.jobs.results import CLASS_MAPS, PARTICLES, Found, find_file
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.datasets import datasets
from subtomo_store.datasets.provenance import read_provenance
from subtomo_store.formats.chimerax import Copies, artiax_script, chimerax_script
from subtomo_store.formats.mrc import volume_header
from subtomo_store.formats.problems import named
from subtomo_store.formats.result_table import ResultTable, read_result
from subtomo_store.formats.star_write import ParticleRows, write_particles
from subtomo_store.formats.volumes import read_volume
from subtomo_store.jobs.result_poses import own_poses

Rows = NDArray[np.int64]
LARGEST_SIDE, MOST_VOXELS = 1 << 13, 1 << 32
SLAB_BYTES = 1 << 24


class Export(NamedTuple):
    """An iteration as other programs get it; ``averages`` are the files of each class."""

    found: Found
    table: ResultTable
    poses: Poses
    summary: DatasetSummary
    averages: list[Path]


class Grid(NamedTuple):
    """The volume of a tomogram: ``size`` x, y, z in voxels of ``voxel_size`` ångström."""

    tomogram: str
    size: tuple[int, int, int]
    voxel_size: float


def load(
    store: Store, user: User, job_id: str, which: str, pixel_size: float | None = None
) -> Export:
    """Read an iteration's table and poses.

    Raises
    ------
    NotStoredError, NotFoundError
        If there is no such iteration, or its files are gone.
    """
    found = find_file(store, user, job_id, which, PARTICLES)
    with store.read() as session:
        summary = datasets.get(session, found.job.dataset_id).summary
    folder = found.path.parent
    try:
        poses = own_poses(folder)
        uploaded = read_provenance(store.files.dataset(found.job.dataset_id), summary)
        table = read_result(found.path, uploaded.voxel_size_angstrom, poses.counted, pixel_size)
    except FileNotFoundError as error:
        name = Path(error.filename or found.path).name
        raise NotStoredError(f"The file {name} is not on the disk any more.") from error
    classes = range(1, poses.probability.shape[1] + 1)
    averages = [folder / CLASS_MAPS["map.mrc"].format(k=k) for k in classes]
    return Export(found, table, poses, summary, averages)


def placed_members(export: Export, stem: str) -> Iterator[Member]:
    """List averages, and for each tomogram its scripts and a list for each class.

    Raises
    ------
    InputError
        If the table has no coordinates.
    """
    found, table = export.table.centred(), export.table
    for average in export.averages:
        yield Member(average, f"{stem}/{average.name}")
    maps = [average.name for average in export.averages]
    for number, (name, rows) in enumerate(table.by_tomogram().items(), 1):
        if not len(rows):
            continue
        copies = Copies(
            name,
            table.classes[rows],
            found.rotations[rows],
            found.centres[rows],
            table.places is not None and table.places.from_centre,
            export.summary.box,
            export.summary.voxel_size_angstrom,
        )
        plain = keepable(name) or f"tomogram_{number}"
        lists = [f"{plain}_class_{k}.star" for k in range(1, len(maps) + 1)]
        yield Member(chimerax_script(copies, maps).encode(), f"{stem}/{plain}.cxc")
        yield Member(artiax_script(copies, maps, lists).encode(), f"{stem}/{plain}_artiax.cxc")
        for cls in copies.shown:
            content = _list(export, copies, rows, cls)
            yield Member(content, f"{stem}/{lists[cls - 1]}")


def _list(export: Export, copies: Copies, rows: Rows, cls: int) -> bytes:
    """STAR table of the particles of a class, at their places and with no shift left."""
    chosen = np.flatnonzero(copies.classes == cls)
    target = io.BytesIO()
    write_particles(
        target,
        ParticleRows(
            images=[export.table.images[row].text for row in rows[chosen]],
            voxel_size=copies.voxel_size,
            box=copies.box,
            rotations=copies.rotations[chosen],
            shifts=np.zeros((len(chosen), 3)),
            classes=copies.classes[chosen],
            tomograms=[copies.tomogram] * len(chosen),
            coordinates=copies.centres[chosen] / copies.voxel_size,
        ),
    )
    return target.getvalue()


def check_grid(export: Export, grid: Grid) -> None:
    """Refuse a tomogram that the table does not name, or one that is too large.

    Raises
    ------
    InputError
        Saying what can be asked for.
    """
    tomograms = export.table.by_tomogram()
    if grid.tomogram not in tomograms:
        detail = (
            f"there is no tomogram {grid.tomogram[:80]!r} in the table: it has {named(tomograms)}"
        )
        raise InputError(Problem(detail, pointer="/tomogram"))
    x, y, z = grid.size
    if not all(1 <= side <= LARGEST_SIDE for side in grid.size) or x * y * z > MOST_VOXELS:
        detail = (
            f"a volume of {x} x {y} x {z} voxels is not made: give 1 to {LARGEST_SIDE} voxels a "
            f"side, and {MOST_VOXELS} at most in all, with a larger voxel_size"
        )
        raise InputError(Problem(detail, pointer="/size"))


def map_back(export: Export, grid: Grid) -> Iterator[bytes]:
    """Give the bytes of an MRC file with an average at each particle of a tomogram.

    Slab after slab, so that memory does not grow with the tomogram.
    """
    table, (x, y, z) = export.table, grid.size
    rows = table.by_tomogram()[grid.tomogram]
    found = table.centred()
    centres = found.centres[rows] / grid.voxel_size
    if table.places is not None and table.places.from_centre:
        centres += np.array(grid.size) / 2.0
    scale = export.summary.voxel_size_angstrom / grid.voxel_size
    stamps = {k: Stamp(_average(export, k), scale) for k in set(table.classes[rows].tolist())}
    reach = 0.5 * export.summary.box * scale
    yield volume_header((z, y, x), grid.voxel_size)
    depth = max(1, SLAB_BYTES // (4 * x * y))
    for first in range(0, z, depth):
        slab: Real = np.zeros((min(depth, z - first), y, x), np.float32)
        heights = centres[:, 2] - first
        near = (heights > -reach) & (heights < len(slab) + reach)
        for at in np.flatnonzero(near):
            cls = int(table.classes[rows[at]])
            stamps[cls].add(slab, found.rotations[rows[at]], centres[at] - [0.0, 0.0, first])
        yield slab.tobytes()


def _average(export: Export, cls: int) -> Real:
    return read_volume(export.averages[cls - 1]).array
