"""RELION's particle tables: 3.0, 3.1, 4 and 5, and Warp's, into one typed table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.rotations import (
    angular_distance,
    from_relion_angles,
    from_relion_origins,
)
from subtomo_store.files.readable import Readable
from subtomo_store.formats.particle_table import ImageName, ParticleTable
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.star_account import Reading, account
from subtomo_store.formats.star_columns import Angles, Columns, angles, number_in
from subtomo_store.formats.star_groups import together
from subtomo_store.formats.star_kinds import (
    IMAGE,
    are_stacks,
    joined,
    optics_block,
    particle_blocks,
)
from subtomo_store.formats.star_optics import group_names, image_sizes, microscope
from subtomo_store.formats.star_stacks import TURNED, stack_rows
from subtomo_store.formats.star_text import is_particle_block, read_star
from subtomo_store.formats.star_write import (
    AXES,
    COORDINATES,
    Microscope,
    ParticleRows,
    write_particles,
)

__all__ = [
    "IMAGE",
    "TURNED",
    "ImageName",
    "Microscope",
    "ParticleRows",
    "ParticleTable",
    "has_particles",
    "read_particles",
    "write_particles",
]

CTF = "rlnCtfImage"
_UNTURNED_DEG = 0.1


def read_particles(path: Readable, name: str | None = None) -> ParticleTable:
    """Read a particle table.

    Parameters
    ----------
    path : Path or other readable file
        STAR file.
    name : str, optional
        Its name in problems.

    Raises
    ------
    InputError
        Every problem found, each with file, row and column.
    """
    shown = name or path.name
    blocks = read_star(path, shown)
    tables = particle_blocks(blocks, shown)
    problems = Problems(patience=None)
    columns = Columns(joined(tables), shown, problems)
    columns.require(IMAGE)
    stacked = are_stacks(blocks, shown)
    if not columns.count:
        raise InputError(Problem(f"{shown}: the table of particles is empty", file=shown))
    block = optics_block(blocks, shown)
    optics = None if block is None else Columns(block, shown, problems)
    table, told = _table(columns, optics, stacked=stacked)
    problems.raise_all()
    remarks = [f"{shown}: {told.poses}"] if told.poses else []
    remarks += [*told.groups, *told.microscope]
    remarks += account(Reading(blocks, tables, columns, optics), table)
    return replace(table, remarks=tuple(remarks))


class _Told(NamedTuple):
    """What the owner is told of poses, of what belongs together, and of the microscope."""

    poses: str
    groups: Sequence[str]
    microscope: Sequence[str]


def _table(
    columns: Columns, optics: Columns | None, *, stacked: bool
) -> tuple[ParticleTable, _Told]:
    given = angles(columns)
    origins, in_pixels = _origins(columns)
    tomograms = columns.texts("rlnTomoName") or columns.texts("rlnMicrographName")
    kin = together(columns, tomograms)
    images, ctf_images = _images(columns, IMAGE), _images(columns, CTF)
    used = microscope(optics or columns)
    turns = _turns(columns.vectors(TURNED, ("Rot", "Tilt", "Psi")))
    poses, told = _poses(given, turns)
    table = ParticleTable(
        images=images or (),
        ctf_images=ctf_images,
        rotations=poses,
        voxel_sizes=image_sizes(columns, optics),
        classes=columns.integers("rlnClassNumber"),
        half_sets=kin.half_sets,
        groups=kin.groups,
        tomograms=tomograms,
        shifts=from_relion_origins(origins, 1.0),
        shifts_in_voxels=in_pixels,
        microscope=used.microscope,
        coordinates=_coordinates(columns),
        turns=turns,
        optics=None if optics is None else group_names(columns, optics),
        boxes=() if optics is None else optics.texts("rlnImageSize") or (),
        stacks=stack_rows(columns, optics) if stacked else None,
    )
    return table, _Told(told, kin.remarks, used.remarks)


def _coordinates(columns: Columns) -> NDArray[np.float64] | None:
    """Where boxes lie (N, 3), where every row tells; they are not read for the particles."""
    names = [COORDINATES.format(axis) for axis in AXES]
    if not all(map(columns.block.has, names)):
        return None
    found = np.array([[number_in(t) for t in columns.block.column(n)] for n in names], np.float64)
    return found.T if np.isfinite(found).all() else None


def _turns(boxes: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Rotations (N, 3, 3) of boxes that were cut out turned, from RELION's angles (N, 3).

    RELION composes a pose in the tomogram as ``A(rlnTomoSubtomogram*) A(rlnAngle*)``: the first
    takes a vector of the box to the tomogram. None where no box is turned.
    """
    if boxes is None:
        return None
    turns = from_relion_angles(boxes)
    turns[angular_distance(turns, np.eye(3)) <= _UNTURNED_DEG] = np.eye(3)
    return turns if (turns != np.eye(3)).any() else None


def _poses(
    given: Angles | None, turns: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64] | None, str]:
    """Rotations of the particles in their boxes (N, 3, 3), and what the owner is told."""
    if given is not None:
        return from_relion_angles(given.values), given.remark
    if turns is None:
        return None, ""
    remark = (
        "particles lie in their turned boxes as _rlnTomoSubtomogramRot and the angles beside it "
        "say, for want of _rlnAngleRot, _rlnAngleTilt and _rlnAnglePsi"
    )
    return np.tile(np.eye(3), (len(turns), 1, 1)), remark


def has_particles(path: Readable, name: str | None = None) -> bool:
    """Tell whether a STAR file has a table of particles, readable or not."""
    shown = name or path.name
    try:
        return any(is_particle_block(b.name, b.columns) for b in read_star(path, shown))
    except InputError as error:
        return any(problem.row is not None or problem.column for problem in error.problems)


def _images(columns: Columns, column: str) -> tuple[ImageName, ...] | None:
    texts = columns.texts(column)
    if texts is None:
        return None
    images = tuple(ImageName.parse(text) for text in texts)
    for row, image in enumerate(images, start=1):
        if not image.path or image.place == -1:
            columns.add(
                row, column, f"{image.text!r} names no volume (stacks count from 1: '000001@name')"
            )
    return images


def _origins(columns: Columns) -> tuple[NDArray[np.float64], bool]:
    for pattern, in_pixels in (("rlnOrigin{}Angst", False), ("rlnOrigin{}", True)):
        origins = columns.vectors(pattern, ("X", "Y", "Z"))
        if origins is not None:
            return origins, in_pixels
    return np.zeros((columns.count, 3)), False
