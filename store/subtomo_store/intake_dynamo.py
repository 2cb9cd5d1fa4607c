"""A data folder as Dynamo writes it: a table whose tags are numbers in the particles' names."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec import MissingRegion
from subtomo_store.formats.dynamo import VOXEL_SIZE, DynamoTable, read_dynamo
from subtomo_store.formats.particle_table import ImageName, ParticleTable
from subtomo_store.formats.volumes import is_volume_name
from subtomo_store.intake_parts import Intake, Place, Problems, Source
from subtomo_store.material import Material
from subtomo_store.tilt_ranges import compare

_PARTICLE = re.compile(r"particle_(\d+)\.[^/]+", re.IGNORECASE)


def from_dynamo(
    material: Material, listing: str, missing: MissingRegion, problems: Problems
) -> Intake:
    """Find the particles which a Dynamo table tells of, in the table's own folder.

    Parameters
    ----------
    material : Material
        The uploaded and registered files.
    listing : str
        The table's name.
    missing : MissingRegion
        The dataset's; the table's tilt ranges must not contradict it.
    problems : Problems
        Gets one problem for each row without a particle of its own.

    Raises
    ------
    InputError
        If the table cannot be read, or no particle lies beside it.
    """
    if missing.kind == "mask":
        detail = (
            f"{listing}: the missing region is 'mask', but a Dynamo table names no weights: give "
            "a region by a formula, or upload a STAR file with the column _rlnCtfImage"
        )
        raise InputError(Problem(detail, file=listing, pointer="/missing"))
    table = read_dynamo(material.file(listing), listing)
    names = material.names()
    sources = _sources(table, listing, _by_tag(names, posixpath.dirname(listing)), problems)
    remarks = compare(table, missing, listing, problems)
    used = {source.volume.file for source in sources}
    unused = sum(is_volume_name(name) and name not in used for name in names)
    if unused:
        remarks.append(f"{unused} volumes have no row in {listing} and were left out")
    return Intake(sources, _as_particles(table, sources), listing, remarks)


def _by_tag(names: Iterable[str], folder: str) -> dict[int, list[str]]:
    found = defaultdict(list)
    for name in names:
        match = _PARTICLE.fullmatch(posixpath.basename(name))
        if match and is_volume_name(name) and posixpath.dirname(name) == folder:
            found[int(match[1])].append(name)
    return found


def _sources(
    table: DynamoTable, listing: str, files: dict[int, list[str]], problems: Problems
) -> list[Source]:
    if not files:
        detail = (
            f"{listing}: no particle lies beside it: put the table into the data folder with "
            "particle_00001.em (or .mrc) and the others"
        )
        raise InputError(Problem(detail, file=listing))
    sources = []
    for row, tag in enumerate(table.tags.tolist(), 1):
        found = files.get(tag, [])
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


def _as_particles(table: DynamoTable, sources: list[Source]) -> ParticleTable:
    return ParticleTable(
        images=tuple(ImageName.parse(source.name) for source in sources),
        ctf_images=None,
        rotations=table.rotations,
        voxel_sizes=table.voxel_sizes,
        classes=table.classes,
        half_sets=None,
        groups=None,
        tomograms=table.tomograms,
        shifts=table.shifts,
        shifts_in_voxels=True,
        voxel_column=VOXEL_SIZE,
    )
