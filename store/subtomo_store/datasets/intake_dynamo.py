"""A data folder as Dynamo writes it: a table whose tags are numbers in the particles' names."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from dynamotable.constants import COLUMN_NAME_TO_COLUMN_NUMBER as NUMBERS
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.missing_region import Formula, FromTable, MissingRegion
from subtomo_store.datasets.intake_parts import Intake, Place, Source, counted, left_out
from subtomo_store.datasets.material import Material
from subtomo_store.datasets.tilt_ranges import compare, told_by_rows
from subtomo_store.formats.dynamo import ALIGNED, AVERAGED, VOXEL_SIZE, DynamoTable, read_dynamo
from subtomo_store.formats.particle_table import ImageName, ParticleTable
from subtomo_store.formats.problems import Problems, named
from subtomo_store.formats.volumes import is_volume_name

_PARTICLE = re.compile(r"particle_(\d+)\.[^/]+", re.IGNORECASE)


def from_dynamo(
    material: Material, listing: str, missing: MissingRegion, problems: Problems
) -> Intake:
    """Find the particles which a Dynamo table tells of, in its folder or the only one with all.

    Parameters
    ----------
    material : Material
        The uploaded and registered files.
    listing : str
        The table's name.
    missing : MissingRegion
        The dataset's; the table's tilt ranges must not contradict it, where they do not tell it.
    problems : Problems
        Gets one problem for each row without a particle of its own.

    Raises
    ------
    InputError
        If the table cannot be read, or no particle lies beside it.
    """
    if missing.kind == "weights":
        detail = (
            f"{listing}: the missing region is 'weights', but a Dynamo table names none: give a "
            "region by a formula, or upload a STAR file with the column _rlnCtfImage"
        )
        raise InputError(Problem(detail, file=listing, pointer="/missing"))
    table = read_dynamo(material.file(listing), listing)
    chosen, remarks = _chosen(table, listing)
    names = material.names()
    files = _by_tag(names, posixpath.dirname(listing))
    if not files:
        files = _elsewhere(names, set(table.tags[chosen].tolist()))
    sources = _sources(table, chosen, listing, files, problems)
    remarks += compare(table, chosen, missing, listing, problems)
    if table.unread:
        remarks.append(f"columns of {listing} which were not read: {', '.join(table.unread)}")
    told = {name for tag in table.tags.tolist() for name in files.get(tag, ())} | {listing}
    remarks += left_out((name for name in names if name not in told), f"not in {listing}")
    regions = None
    if isinstance(missing, FromTable):
        regions = told_by_rows(table, chosen, listing, problems)
    return Intake(sources, _as_particles(table, sources, regions), listing, remarks)


def _chosen(table: DynamoTable, listing: str) -> tuple[NDArray[np.bool_], list[str]]:
    """Rows which Dynamo itself would use, and what is to be said of the others.

    Dynamo's table convention: ``aligned`` 1 marks the particle for alignment, ``averaged`` 1 says
    that it was included in the average. A column of nothing but 0 was never filled in.
    """
    mixed = {column: flags for column, flags in table.flags.items() if flags.any()}
    chosen = np.all([np.ones(len(table.tags), np.bool_), *mixed.values()], axis=0)
    remarks = [
        f"{_numbered(column)} of {listing} is 0 in every row, which leaves out none"
        for column in table.flags
        if column not in mixed
    ]
    tags = table.tags[~chosen]
    if len(tags):
        columns = " or ".join(
            _numbered(column) for column, flags in mixed.items() if not flags.all()
        )
        remarks.append(
            f"{counted(len(tags), 'row')} left out of {listing}, as {columns} is 0, by which "
            f"Dynamo leaves a particle out; tags: {named(tags)}"
        )
    if not chosen.any():
        detail = (
            f"{listing}: in no row are both {_numbered(ALIGNED)} and {_numbered(AVERAGED)} 1: set "
            "them to 1 in the rows that count"
        )
        raise InputError(Problem(detail, file=listing))
    return chosen, remarks


def _numbered(column: str) -> str:
    return f"{column} (column {NUMBERS[column]})"


def _by_tag(names: Iterable[str], folder: str) -> dict[int, list[str]]:
    found = defaultdict(list)
    for name in names:
        match = _PARTICLE.fullmatch(posixpath.basename(name))
        if match and is_volume_name(name) and posixpath.dirname(name) == folder:
            found[int(match[1])].append(name)
    return found


def _elsewhere(names: list[str], tags: set[int]) -> dict[int, list[str]]:
    """The particles of the only other folder that has all tags of a table; else none."""
    folders = {posixpath.dirname(name) for name in names}
    whole = [files for folder in folders if (files := _by_tag(names, folder)).keys() >= tags]
    return whole[0] if len(whole) == 1 else {}


def _sources(
    table: DynamoTable,
    chosen: NDArray[np.bool_],
    listing: str,
    files: dict[int, list[str]],
    problems: Problems,
) -> list[Source]:
    if not files:
        detail = (
            f"{listing}: no particle lies beside it, and no other folder has all of its tags: put "
            "the table into the data folder with particle_00001.em (or .mrc) and the others"
        )
        raise InputError(Problem(detail, file=listing))
    sources = []
    for row, tag in enumerate(table.tags.tolist(), 1):
        found = files.get(tag, [])
        if not chosen[row - 1]:
            continue
        if len(found) == 1:
            sources.append(Source(found[0], Place(found[0], None), None, row))
            continue
        reason = (
            f"of {', '.join(found)}: keep one of them"
            if found
            else f"of no file: upload particle_{tag:05d}.em (or .mrc) beside the table, or "
            "remove the row"
        )
        detail = f"{listing}, row {row}: {tag} is the tag {reason}"
        problems.add(Problem(detail, file=listing, row=row, column="tag"))
    return sources


def _as_particles(
    table: DynamoTable, sources: list[Source], regions: tuple[Formula, ...] | None
) -> ParticleTable:
    rows = [source.row - 1 for source in sources if source.row]
    sizes, classes, places = table.voxel_sizes, table.classes, table.coordinates
    return ParticleTable(
        images=tuple(ImageName.parse(source.name) for source in sources),
        ctf_images=None,
        rotations=table.rotations[rows],
        voxel_sizes=None if sizes is None else sizes[rows],
        classes=None if classes is None else classes[rows],
        half_sets=None,
        groups=None,
        tomograms=tuple(table.tomograms[row] for row in rows),
        shifts=table.shifts[rows],
        shifts_in_voxels=True,
        voxel_column=VOXEL_SIZE,
        coordinates=None if places is None else places[rows],
        regions=regions,
    )
