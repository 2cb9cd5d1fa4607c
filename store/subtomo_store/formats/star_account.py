"""What of a STAR file was not read, and what it does not give, by name."""

from __future__ import annotations

from typing import NamedTuple

from subtomo_store.formats.particle_table import ParticleTable
from subtomo_store.formats.star_columns import Columns
from subtomo_store.formats.star_kinds import DIMENSION, FLAG
from subtomo_store.formats.star_optics import MICROSCOPE
from subtomo_store.formats.star_text import StarBlock


class Reading(NamedTuple):
    """A STAR file's blocks, those which are particles, and the columns that were read."""

    blocks: list[StarBlock]
    tables: list[StarBlock]
    columns: Columns
    optics: Columns | None


def account(reading: Reading, table: ParticleTable) -> list[str]:
    """Name the tables that were joined, the columns that were not read, and those not there."""
    name = reading.columns.file
    remarks = _joining(reading.tables, name)
    if left := _unread(reading):
        remarks.append(f"not read of {name}: {', '.join(left)}")
    if absent := _absent(reading, table):
        remarks.append(f"not in {name}: {', '.join(f'_{column}' for column in absent)}")
    return remarks


def _unread(reading: Reading) -> list[str]:
    left = []
    for block in reading.blocks:
        known = _known(block, reading)
        columns = [f"_{column}" for column in block.columns if column not in known]
        if columns or not block.columns:
            left.append(f"data_{block.name} ({', '.join(columns) or 'empty'})")
    return left


def _known(block: StarBlock, reading: Reading) -> set[str]:
    known = {FLAG}
    if any(block is table for table in reading.tables):
        known |= reading.columns.read
    if reading.optics is not None and block == reading.optics.block:
        known |= reading.optics.read | {DIMENSION}
    return known


def _absent(reading: Reading, table: ParticleTable) -> list[str]:
    """Columns of which nothing stands in the place: what they say is not known."""
    shifted = any(column.startswith("rlnOrigin") for column in reading.columns.read)
    microscope = (reading.optics or reading.columns).read
    given: dict[tuple[str, ...], bool] = {
        ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"): table.rotations is not None,
        ("rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginZAngst"): shifted,
        ("rlnImagePixelSize",): table.voxel_sizes is not None,
        ("rlnClassNumber",): table.classes is not None,
        ("rlnRandomSubset",): table.half_sets is not None,
        ("rlnTomoName",): table.tomograms is not None,
        ("rlnCtfImage",): table.ctf_images is not None or table.stacks is not None,
        **{(column,): column in microscope for column in MICROSCOPE},
    }
    return [column for columns, is_given in given.items() if not is_given for column in columns]


def _joining(tables: list[StarBlock], name: str) -> list[str]:
    """Say that rows come from several tables."""
    if len(tables) == 1:
        return []
    counts = ", ".join(f"data_{table.name} ({len(table.rows)} rows)" for table in tables)
    return [f"{name}: the particles of {len(tables)} tables were joined, in this order: {counts}"]
