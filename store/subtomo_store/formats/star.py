"""RELION's particle tables: 3.0, 3.1, 4 and 5, and Warp's, into one typed table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.rotations import from_relion_angles, from_relion_origins
from subtomo_store.formats.particle_table import ImageName, ParticleTable
from subtomo_store.formats.star_columns import Columns, angles, image_sizes
from subtomo_store.formats.star_groups import together
from subtomo_store.formats.star_text import StarBlock, is_particle_block, read_star
from subtomo_store.formats.star_write import (
    USUAL_MICROSCOPE,
    Microscope,
    ParticleRows,
    write_particles,
)
from subtomo_store.readable import Readable

__all__ = [
    "ImageName",
    "Microscope",
    "ParticleRows",
    "ParticleTable",
    "has_particles",
    "read_particles",
    "write_particles",
]

IMAGE = "rlnImageName"
CTF = "rlnCtfImage"


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
    block = _particle_block(blocks, shown)
    columns = Columns(block, shown)
    columns.require(IMAGE)
    optics = next((other for other in blocks if other.name == "optics" and other.rows), None)
    _refuse_images(blocks, optics, shown)
    if not block.rows:
        raise InputError(Problem(f"{shown}: the table of particles is empty", file=shown))
    given = angles(columns)
    told = (f"{shown}: {given.remark}",) if given is not None and given.remark else ()
    origins, in_pixels = _origins(columns)
    tomograms = columns.texts("rlnTomoName") or columns.texts("rlnMicrographName")
    kin = together(columns, tomograms)
    images, ctf_images = _images(columns, IMAGE), _images(columns, CTF)
    table = ParticleTable(
        images=images or (),
        ctf_images=ctf_images,
        rotations=None if given is None else from_relion_angles(given.values),
        voxel_sizes=image_sizes(columns, optics),
        classes=columns.integers("rlnClassNumber"),
        half_sets=kin.half_sets,
        groups=kin.groups,
        tomograms=tomograms,
        shifts=from_relion_origins(origins, 1.0),
        shifts_in_voxels=in_pixels,
        microscope=_microscope(optics or block, shown),
        remarks=told + kin.remarks,
    )
    columns.raise_problems()
    return table


def has_particles(path: Readable, name: str | None = None) -> bool:
    """Tell whether a STAR file has a table of particles, readable or not."""
    shown = name or path.name
    try:
        _particle_block(read_star(path, shown), shown)
    except InputError as error:
        return any(problem.row is not None for problem in error.problems)
    return True


def _particle_block(blocks: list[StarBlock], name: str) -> StarBlock:
    for block in blocks:
        if is_particle_block(block.name, block.columns):
            return block
    what = "it has no column _rlnImageName"
    if any("motivelist" in block.name for block in blocks):
        what = "it is a STOPGAP motive list, which is not read"
    elif any(block.has("rlnTomoParticlesFile") for block in blocks):
        what = "it is an optimisation set: upload the particle file that it names"
    elif any(block.has("rlnTomoTiltSeriesName") for block in blocks):
        what = "it is a table of tomograms: upload the particles' STAR file"
    raise InputError(Problem(f"{name}: no table of particles in it; {what}", file=name))


def _refuse_images(blocks: list[StarBlock], optics: StarBlock | None, name: str) -> None:
    """Subtomograms kept as 2D stacks, and plain 2D particles, are told apart from volumes."""
    particles = _particle_block(blocks, name)
    flags = [
        value
        for block in blocks
        if block.has("rlnTomoSubTomosAre2DStacks")
        for value in block.column("rlnTomoSubTomosAre2DStacks")
    ]
    if particles.has("rlnTomoVisibleFrames") or any(flag not in ("0", "") for flag in flags):
        detail = (
            f"{name}: its particles are stacks of 2D tilt images, which are not read yet; "
            "extract them as 3D pseudo-subtomograms (in RELION 5 without '--stack2d', in "
            "WarpTools with '--3d')"
        )
        raise InputError(Problem(detail, file=name))
    column = "rlnImageDimensionality"
    if optics is not None and optics.has(column) and "2" in optics.column(column):
        detail = (
            f"{name}: its particles are 2D images (_{column} 2); Subtomo averages 3D subtomograms"
        )
        raise InputError(Problem(detail, file=name, column=column))


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
        origins = columns.vectors(pattern, ("X", "Y", "Z"), every=False)
        if origins is not None:
            return origins, in_pixels
    return np.zeros((columns.count, 3)), False


def _microscope(optics: StarBlock, name: str) -> Microscope:
    """Return the first optics group's (or particle's) values, RELION's usual if no numbers."""
    usual = USUAL_MICROSCOPE
    first = Columns(StarBlock(optics.name, optics.columns, optics.rows[:1]), name)
    found = [
        first.numbers(column)
        for column in ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")
    ]
    return Microscope(
        *(
            default if values is None or first.problems else float(values[0])
            for default, values in zip(usual, found, strict=True)
        )
    )
