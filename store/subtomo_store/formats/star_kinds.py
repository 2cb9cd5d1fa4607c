"""Which tables of a STAR file are particles; and what a file is that has none."""

from __future__ import annotations

from subtomo_core.errors import InputError, Problem
from subtomo_store.formats.problems import named
from subtomo_store.formats.star_columns import OPTICS, number_in
from subtomo_store.formats.star_text import StarBlock, is_particle_block

IMAGE = "rlnImageName"
FLAG = "rlnTomoSubTomosAre2DStacks"
DIMENSION = "rlnImageDimensionality"
_TOMOGRAMS = ("rlnTomoTiltSeriesStarFile", "rlnTomoTiltSeriesName", "rlnTomoSizeX")


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
        return "it is an optimisation set: upload the particle file that it names"
    if any(block.has(column) for block in blocks for column in _TOMOGRAMS):
        return (
            "it is a table of tomograms (RELION's tomograms.star): upload the particles' STAR "
            "file, such as particles.star of the job that extracted them"
        )
    tables = named(f"data_{block.name}" for block in blocks)
    return f"it has no column _{IMAGE}, only {tables}: upload the particles' STAR file"


def refuse_images(blocks: list[StarBlock], table: StarBlock, name: str) -> None:
    """Subtomograms kept as 2D stacks, and plain 2D particles, are told apart from volumes.

    Raises
    ------
    InputError
        If the file's particles are images, or it contradicts itself about that.
    """
    optics = optics_block(blocks, name)
    dimensions = set(optics.column(DIMENSION)) if optics and optics.has(DIMENSION) else set()
    said = {number_in(text) for text in dimensions}
    flags = [text for block in blocks for text in _texts(block, FLAG) if text]
    flagged = any(number_in(text) != 0 for text in flags)
    if flagged and said == {3.0}:
        detail = (
            f"{name}: _{FLAG} says that its particles are stacks of 2D tilt images, but "
            f"_{DIMENSION} is 3: set _{FLAG} to 0 if the files hold 3D volumes; stacks of 2D "
            "images are not read yet"
        )
        raise InputError(Problem(detail, file=name, column=FLAG))
    if flagged or (table.has("rlnTomoVisibleFrames") and not flags):
        detail = (
            f"{name}: its particles are stacks of 2D tilt images, which are not read yet; "
            "extract them as 3D pseudo-subtomograms (in RELION 5: no '--stack2d'), or set "
            f"_{FLAG} to 0 if the files hold 3D volumes"
        )
        raise InputError(Problem(detail, file=name))
    if 2.0 in said:
        detail = (
            f"{name}: its particles are 2D images (_{DIMENSION} 2); Subtomo averages 3D "
            "subtomograms"
        )
        raise InputError(Problem(detail, file=name, column=DIMENSION))


def _texts(block: StarBlock, column: str) -> list[str]:
    return block.column(column) if block.has(column) else []
