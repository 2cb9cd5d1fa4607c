"""Motive lists with the volumes that they tell of."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.missing_region import MissingRegion, Wedge
from subtomo_store.datasets.finding import NamedFiles
from subtomo_store.datasets.intake_parts import Intake, Place, Source, left_out
from subtomo_store.datasets.material import Material
from subtomo_store.formats.av3 import is_av3, read_av3
from subtomo_store.formats.motive_list import MotiveList
from subtomo_store.formats.particle_table import ImageName, ParticleTable
from subtomo_store.formats.problems import Problems, named
from subtomo_store.formats.pytom import is_pytom, read_pytom
from subtomo_store.formats.stopgap import is_stopgap, read_stopgap
from subtomo_store.formats.volumes import is_volume_name

TOLERATED_DEG = 3.0
ROUNDING_DEG = 0.01
_NUMBERED = re.compile(r"(|.*[^\d])(\d+)(\.[^/]+)", re.DOTALL)
Families = dict[tuple[str, str], dict[int, str]]


def lists_in(material: Material, names: Iterable[str]) -> list[str]:
    """Names of motive lists that are no STAR files: PyTom's XML and AV3's EM files."""
    return [
        name
        for name in names
        if name.lower().endswith((".xml", ".em"))
        and (is_pytom(material.file(name), name) or is_av3(material.file(name), name))
    ]


def is_list(material: Material, name: str) -> bool:
    """Tell whether a chosen table is a motive list."""
    if name.lower().endswith(".star"):
        return is_stopgap(material.file(name))
    return bool(lists_in(material, [name]))


def from_list(
    material: Material, listing: str, missing: MissingRegion, problems: Problems
) -> Intake:
    """Find the particles that a motive list tells of.

    Parameters
    ----------
    material : Material
        The uploaded and registered files.
    listing : str
        The list's name.
    missing : MissingRegion
        The dataset's; wedges of the list must not contradict it.
    problems : Problems
        Gets one problem for each row without a particle of its own.

    Raises
    ------
    InputError
        If the list cannot be read, or names no weights where they are wanted.
    """
    if missing.kind == "weights":
        detail = (
            f"{listing}: the missing region is 'weights', but a motive list names none: give a "
            "region by a formula, or upload a STAR file with the column _rlnCtfImage"
        )
        raise InputError(Problem(detail, file=listing, pointer="/missing"))
    found = _read(material, listing)
    names = [name for name in material.names() if name != listing]
    files = NamedFiles(posixpath.dirname(listing), names)
    sources = (
        _by_number(found, names, listing, problems)
        if found.files is None
        else _by_name(found.files, files, listing, problems)
    )
    remarks = [*found.remarks, *files.remarks(listing)]
    remarks += _compare(found, missing, listing, problems)
    used = {source.volume.file for source in sources}
    remarks += left_out((name for name in names if name not in used), f"not in {listing}")
    return Intake(sources, _as_particles(found, sources), listing, remarks)


def _read(material: Material, listing: str) -> MotiveList:
    file, name = material.file(listing), listing.lower()
    if name.endswith(".xml"):
        return read_pytom(file, listing)
    return read_av3(file, listing) if name.endswith(".em") else read_stopgap(file, listing)


def _by_name(
    said: tuple[str, ...], files: NamedFiles, listing: str, problems: Problems
) -> list[Source]:
    sources = []
    for row, path in enumerate(said, 1):
        name = files.find(path)
        if name is not None:
            sources.append(Source(name, Place(name, None), None, row))
            continue
        detail = f"{listing}, particle {row}: Filename names {path!r}, which {files.why_not(path)}"
        problems.add(Problem(detail, file=listing, row=row, column="Filename"))
    return sources


def _by_number(
    found: MotiveList, names: Iterable[str], listing: str, problems: Problems
) -> list[Source]:
    """Volumes whose names end in the particles' numbers, as ``subtomo_12.mrc``."""
    families = _families(names)
    wanted = [] if found.numbers is None else found.numbers.tolist()
    complete = [family for family in families.values() if family.keys() >= set(wanted)]
    chosen = complete if len(complete) == 1 else list(families.values())
    sources = []
    for row, number in enumerate(wanted, 1):
        files = [family[number] for family in chosen if number in family]
        if len(files) == 1:
            sources.append(Source(files[0], Place(files[0], None), None, row))
            continue
        reason = (
            f"of {named(files)}: keep the files of one kind"
            if files
            else f"of no file: upload the volume as NAME_{number}.mrc (or .em), or remove the row"
        )
        detail = f"{listing}, row {row}: {number} ({found.number_column}) is the number {reason}"
        problems.add(Problem(detail, file=listing, row=row, column=found.number_column))
    return sources


def _families(names: Iterable[str]) -> Families:
    """Volumes by what stands before and behind the number in their names, and by the number."""
    families: Families = defaultdict(dict)
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match and is_volume_name(name):
            families[match[1], match[3]][int(match[2])] = name
    return families


def _compare(
    found: MotiveList, missing: MissingRegion, listing: str, problems: Problems
) -> list[str]:
    """Note a problem where wedges contradict the region; return remarks on the rest."""
    if found.tilts is None:
        return []
    told = ~np.isnan(found.tilts).any(axis=1)
    low, high = np.nanmin(found.tilts, 0), np.nanmax(found.tilts, 0)
    region = _region(missing)
    apart = np.full(len(found), np.inf)
    if isinstance(missing, Wedge) and missing.axis == "y":
        ends = [missing.tilt_min_deg, missing.tilt_max_deg]
        apart = np.abs(found.tilts - ends).max(axis=1)
    wrong = np.flatnonzero(told & (apart > TOLERATED_DEG))
    if len(wrong):
        row = int(wrong[0]) + 1
        first, last = found.tilts[wrong[0]]
        detail = (
            f"{listing}, particle {row}: its wedge, tilts from {first:g} to {last:g} degrees about "
            f"y, contradicts the dataset's missing region, {region} ({len(wrong)} such particles): "
            "correct one of them; particles of another tilt range belong into a dataset of their "
            "own"
        )
        problems.add(Problem(detail, file=listing, row=row, column="Wedge", pointer="/missing"))
        return []
    remarks = []
    if (apart[told] > ROUNDING_DEG).any():
        remarks.append(
            f"wedges in {listing}, tilts from {low[0]:g} to {high[1]:g} degrees, are not quite "
            f"what was used for all particles, {region}"
        )
    if not told.all():
        others = int(np.count_nonzero(~told))
        remarks.append(
            f"{others} wedges of {listing} are no tilts about y, and were not compared with what "
            f"was used for all particles, {region}"
        )
    return remarks


def _region(missing: MissingRegion) -> str:
    if isinstance(missing, Wedge):
        low, high = missing.tilt_min_deg, missing.tilt_max_deg
        return f"tilts from {low:g} to {high:g} degrees about {missing.axis}"
    return f"the kind '{missing.kind}'"


def _as_particles(found: MotiveList, sources: list[Source]) -> ParticleTable:
    rows = [source.row - 1 for source in sources if source.row]
    classes, halves, places = found.classes, found.half_sets, found.coordinates
    return ParticleTable(
        images=tuple(ImageName.parse(source.name) for source in sources),
        ctf_images=None,
        rotations=found.rotations[rows],
        voxel_sizes=None,
        classes=None if classes is None else classes[rows],
        half_sets=None if halves is None else halves[rows],
        groups=None,
        tomograms=None if found.tomograms is None else tuple(found.tomograms[r] for r in rows),
        shifts=found.shifts[rows],
        shifts_in_voxels=True,
        coordinates=None if places is None else places[rows],
    )
