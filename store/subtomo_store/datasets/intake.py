"""What was uploaded: which volume is which particle, before any voxel is read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import NamedTuple

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.missing_region import MissingRegion
from subtomo_store.datasets.foreign_files import told_of
from subtomo_store.datasets.intake_dynamo import from_dynamo
from subtomo_store.datasets.intake_lists import from_list, is_list, lists_in
from subtomo_store.datasets.intake_parts import NO_PARTICLES, Intake, Place, Source, left_out
from subtomo_store.datasets.material import STAR, TABLES, TBL, Material
from subtomo_store.formats.particle_table import ImageName
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.star import CTF, IMAGE, has_particles, read_particles
from subtomo_store.formats.volume_header import VolumeHeader
from subtomo_store.formats.volumes import is_volume_name, read_header


def take_in(material: Material, missing: MissingRegion, problems: Problems) -> Intake:
    """Find the particles among the uploaded files.

    Parameters
    ----------
    material : Material
        The uploaded and registered files.
    missing : MissingRegion
        With ``mask`` each particle must come with weights (``rlnCtfImage``).
    problems : Problems
        Gets one problem for each name that cannot be used.

    Raises
    ------
    InputError
        If there is no particle, or no table can be chosen or read.
    """
    names = material.names()
    table = material.chosen or _choose_table(material, names)
    weighted = missing.kind == "mask"
    if table.lower().endswith(TBL):
        return from_dynamo(material, table, missing, problems)
    if table and is_list(material, table):
        return from_list(material, table, missing, problems)
    if table:
        return _from_star(material, names, table, missing, problems)
    if weighted:
        detail = (
            "the missing region is 'mask', but no STAR file was uploaded: weights are named in "
            "its column _rlnCtfImage"
        )
        raise InputError(Problem(detail, pointer="/missing"))
    return _from_volumes(material, names, problems)


def _choose_table(material: Material, uploaded: list[str]) -> str:
    names = [name for name in uploaded if name.lower().endswith(TABLES)]
    names = names or lists_in(material, uploaded)
    if len(names) <= 1:
        return "".join(names)
    tables = [
        name
        for name in names
        if not name.lower().endswith(STAR)
        or is_list(material, name)
        or has_particles(material.file(name), name)
    ]
    if len(tables) == 1:
        return tables[0]
    shown = ", ".join((tables or names)[:10])
    detail = (
        f"{len(tables)} particle tables were uploaded ({shown}): upload exactly one, or register "
        "that one instead of its folder"
    )
    raise InputError(Problem(detail, file=(tables or names)[0]))


def _from_star(
    material: Material, names: list[str], star: str, missing: MissingRegion, problems: Problems
) -> Intake:
    table, weighted = read_particles(material.file(star), star), missing.kind == "mask"
    if weighted and table.ctf_images is None:
        detail = f"{star}: _{CTF} is missing, and the missing region is 'mask': add the column"
        raise InputError(Problem(detail, file=star, column=CTF))
    finder = _Finder(star, set(names), problems)
    weights = table.ctf_images if weighted else None
    sources = []
    for row, image in enumerate(table.images, start=1):
        volume = finder.find(image, row, IMAGE)
        weight = finder.find(weights[row - 1], row, CTF) if weights else None
        if volume is not None and (weight is not None or not weights):
            sources.append(Source(image.text, volume, weight, row))
    remarks = list(table.remarks)
    told = {place.file for s in sources for place in (s.volume, s.weight) if place} | {star}
    if table.ctf_images is not None and not weighted:
        unused = {name for image in table.ctf_images if (name := finder.name(image))} - told
        remarks.append(
            f"the column _{CTF} of {star} and the {len(unused)} files of weights which it names "
            "were not used: the missing region is given by a formula"
        )
        told |= unused
    remarks += left_out((name for name in names if name not in told), f"not named in {star}")
    return Intake(sources, table, star, remarks, carried=True)


class _Finder(NamedTuple):
    """Finds images from the STAR file's own folder, or else from the dataset's root."""

    star: str
    names: set[str]
    problems: Problems

    def find(self, image: ImageName, row: int, column: str) -> Place | None:
        """Place of an image; None where a problem was noted."""
        path = image.path
        name = self.name(image)
        if name is not None:
            return Place(name, image.place)
        if path.startswith(("/", "~", "\\")) or re.match(r"[A-Za-z]:", path):
            return self._refuse(
                image, row, column, "is an absolute path: give it relative to the STAR file"
            )
        beside = self._beside(path)
        if beside == ".." or beside.startswith("../"):
            reason = "climbs out of the dataset with '..': give a path inside it"
        else:
            reason = "was not uploaded: upload it under this name or remove the row"
        return self._refuse(image, row, column, reason)

    def name(self, image: ImageName) -> str | None:
        """Name of the file that an image lies in; None where there is none."""
        candidates = self._beside(image.path), posixpath.normpath(image.path)
        return next((name for name in candidates if name in self.names), None)

    def _beside(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.star), path))

    def _refuse(self, image: ImageName, row: int, column: str, reason: str) -> None:
        detail = f"{self.star}, row {row}: _{column} names {image.text!r}, which {reason}"
        self.problems.add(Problem(detail, file=self.star, row=row, column=column))


def _from_volumes(material: Material, names: Iterable[str], problems: Problems) -> Intake:
    sources: list[Source] = []
    others = list[str]()
    for name in names:
        if not is_volume_name(name):
            others.append(name)
            continue
        try:
            count = read_header(material.file(name), name).volumes
        except InputError as error:
            problems.add(*error.problems)
            continue
        if count == 1:
            sources.append(Source(name, Place(name, None), None, None))
        else:
            sources += [
                Source(f"{i + 1:06d}@{name}", Place(name, i), None, None) for i in range(count)
            ]
    remarks = [*left_out(others, NO_PARTICLES), *told_of(material, others)]
    if not sources and not problems.count:
        detail = (
            "no particles were uploaded: upload MRC or EM volumes, alone or with a STAR file, a "
            "Dynamo table or a motive list"
        )
        raise InputError(Problem("; ".join([detail, *remarks])))
    return Intake(sources, None, "", remarks)


class Headers:
    """Headers of the uploaded files, each read once; a bad file gives one problem."""

    def __init__(self, material: Material, problems: Problems):
        self._material, self._problems = material, problems
        self._headers: dict[tuple[str, bool], VolumeHeader | None] = {}

    def get(self, place: Place) -> VolumeHeader | None:
        """Header of the file that a volume lies in; None where a problem was noted."""
        key = name, stacked = place.file, place.position is not None
        if key not in self._headers:
            try:
                file = self._material.file(name)
                self._headers[key] = read_header(file, name, stacked=stacked)
            except InputError as error:
                self._headers[key] = None
                self._problems.add(*error.problems)
        return self._headers[key]
