"""Which tables of a STAR file are particles; and what a file is that has none."""

from __future__ import annotations

from subtomo_core.errors import InputError, Problem
from subtomo_store.formats.problems import named
from subtomo_store.formats.star_columns import OPTICS, number_in
from subtomo_store.formats.star_text import StarBlock, is_particle_block

IMAGE = "rlnImageName"
FLAG = "rlnTomoSubTomosAre2DStacks"
DIMENSION = "rlnImageDimensionality"
VISIBLE = "rlnTomoVisibleFrames"
TOMOGRAM_COLUMNS = ("rlnTomoTiltSeriesStarFile", "rlnTomoTiltSeriesName", "rlnTomoSizeX")


def particle_blocks(blocks: list[StarBlock], name: str) -> list[StarBlock]:
    """Return the tables of particles with rows; the first one where none has any.

    Raises
    ------
    InputError
        If there is no such table, with what the file is instead; or if several have different
        columns.
    """
    found = [block for block in blocks if block.has(IMAGE)]
    found = found or [b for b in blocks if is_particle_block(b.name, b.columns)]
    if not found:
        detail = f"{name}: no table of particles in it; {_instead(blocks)}"
        raise InputError(Problem(detail, file=name))
    filled = [block for block in found if block.rows] or found[:1]
    for other in filled[1:]:
        apart = set(other.columns) ^ set(filled[0].columns)
        if apart:
            detail = (
                f"{name}: data_{filled[0].name} and data_{other.name} are both tables of "
                f"particles, but {named(f'_{column}' for column in sorted(apart))} stands in one "
                "of them only: give both the same columns, or remove one table"
            )
            raise InputError(Problem(detail, file=name))
    return filled


def joined(tables: list[StarBlock]) -> StarBlock:
    """One table of all rows, those of the first table first."""
    first = tables[0]
    rows = list(first.rows)
    for other in tables[1:]:
        order = [other.columns.index(column) for column in first.columns]
        rows += [[row[index] for index in order] for row in other.rows]
    return first._replace(rows=rows)


def optics_block(blocks: list[StarBlock], name: str) -> StarBlock | None:
    """Return the table of optics groups, if there is one with rows.

    Raises
    ------
    InputError
        If there are several which differ.
    """
    found = [block for block in blocks if block.name == OPTICS and block.rows]
    if any(block != found[0] for block in found):
        detail = (
            f"{name}: it has {len(found)} different tables data_{OPTICS}: number the groups in "
            "one table, as 'relion_star_handler --combine' does"
        )
        raise InputError(Problem(detail, file=name))
    return found[0] if found else None


def _instead(blocks: list[StarBlock]) -> str:
    if any("motivelist" in block.name or block.has("motl_idx") for block in blocks):
        return (
            "it is a STOPGAP motive list, not a table of RELION's: upload it as a dataset, with "
            "the particles' volumes beside it"
        )
    if any(block.has("rlnTomoParticlesFile") for block in blocks):
        return "it is an optimisation set: upload the particle file that it names as well"
    if any(block.has(column) for block in blocks for column in TOMOGRAM_COLUMNS):
        return (
            "it is a table of tomograms (RELION's tomograms.star): upload the particles' STAR "
            "file, such as particles.star of the job that extracted them"
        )
    tables = named(f"data_{block.name}" for block in blocks)
    return f"it has no column _{IMAGE}, only {tables}: upload the particles' STAR file"


def are_stacks(blocks: list[StarBlock], name: str) -> bool:
    """Tell whether particles are stacks of tilt images: by the flag, or else by visible images.

    Raises
    ------
    InputError
        If they are single images, or the file contradicts itself.
    """
    optics = optics_block(blocks, name)
    dimensions = set(optics.column(DIMENSION)) if optics and optics.has(DIMENSION) else set()
    said = {number_in(text) for text in dimensions}
    flags = _flags(blocks)
    stacked = flagged(blocks)
    if stacked and said - {2.0}:
        shown = {text if (n := number_in(text)) is None else f"{n:g}" for text in dimensions}
        told = f"_{FLAG} says" if flags else f"_{VISIBLE} tells"
        detail = (
            f"{name}: {told} that its particles are stacks of 2D tilt images, but "
            f"_{DIMENSION} is {named(sorted(shown))}: set _{FLAG} to 0 if the files hold 3D "
            f"volumes, or _{DIMENSION} to 2"
        )
        raise InputError(Problem(detail, file=name, column=FLAG if flags else VISIBLE))
    if 2.0 in said and not stacked:
        detail = (
            f"{name}: its particles are single 2D images (_{DIMENSION} 2): Subtomo averages 3D "
            f"subtomograms, and stacks of their tilt images (_{FLAG} 1)"
        )
        raise InputError(Problem(detail, file=name, column=DIMENSION))
    return stacked


def flagged(blocks: list[StarBlock]) -> bool:
    """Tell whether a file calls its particles stacks of tilt images, be that right or not."""
    flags = _flags(blocks)
    if flags:
        return any(number_in(text) != 0 for text in flags)
    return any(block.has(VISIBLE) for block in blocks)


def _flags(blocks: list[StarBlock]) -> list[str]:
    return [text for block in blocks if block.has(FLAG) for text in block.column(FLAG) if text]
