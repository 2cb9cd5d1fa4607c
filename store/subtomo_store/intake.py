"""What was uploaded: which volume is which particle, before any voxel is read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import NamedTuple

from subtomo_core.errors import InputError, Problem
from subtomo_store.formats.mrc import is_mrc_name, read_header
from subtomo_store.formats.mrc_header import MrcHeader
from subtomo_store.formats.star import (
    CTF,
    IMAGE,
    ImageName,
    ParticleTable,
    has_particles,
    read_particles,
)
from subtomo_store.formats.star_text import MOST_PROBLEMS
from subtomo_store.material import Material


class Problems:
    """Gathers problems; at the hundredth it stops the work."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, *problems: Problem) -> None:
        """Note problems.

        Raises
        ------
        InputError
            With all problems, once there are a hundred.
        """
        for problem in problems:
            self.found.append(problem)
            if len(self.found) >= MOST_PROBLEMS:
                last = Problem(f"stopped after {MOST_PROBLEMS} problems: there may be more")
                raise InputError(*self.found, last)

    def raise_all(self) -> None:
        """Raise everything found, if anything."""
        if self.found:
            raise InputError(*self.found)


class Place(NamedTuple):
    """Where a volume lies.

    Attributes
    ----------
    file : str
        Name below the uploads.
    position : int or None
        Place in a stack, from 0; None for the file's only volume.
    """

    file: str
    position: int | None


class Source(NamedTuple):
    """One particle: its volume, its weights, and its row in the STAR file (from 1)."""

    name: str
    volume: Place
    weight: Place | None
    row: int | None


class Intake(NamedTuple):
    """All particles in order, with the table they came from, if any."""

    sources: list[Source]
    table: ParticleTable | None
    star: str
    remarks: list[str]


def take_in(material: Material, weighted: bool, problems: Problems) -> Intake:
    """Find the particles among the uploaded files.

    Parameters
    ----------
    material : Material
        The uploaded and registered files.
    weighted : bool
        Whether each particle must come with weights (``rlnCtfImage``).
    problems : Problems
        Gets one problem for each name that cannot be used.

    Raises
    ------
    InputError
        If there is no particle, or no STAR file can be chosen or read.
    """
    names = material.names()
    star = _choose_star(material, [name for name in names if name.lower().endswith(".star")])
    if star:
        return _from_table(material, names, star, weighted, problems)
    if weighted:
        detail = (
            "the missing region is 'mask', but no STAR file was uploaded: weights are named in "
            "its column _rlnCtfImage"
        )
        raise InputError(Problem(detail, pointer="/missing"))
    return _from_volumes(material, names, problems)


def _choose_star(material: Material, names: list[str]) -> str:
    if len(names) <= 1:
        return "".join(names)
    tables = [name for name in names if has_particles(material.file(name), name)]
    if len(tables) == 1:
        return tables[0]
    shown = ", ".join((tables or names)[:10])
    detail = f"{len(tables)} particle tables were uploaded ({shown}): upload exactly one"
    raise InputError(Problem(detail, file=(tables or names)[0]))


def _from_table(
    material: Material, names: list[str], star: str, weighted: bool, problems: Problems
) -> Intake:
    table = read_particles(material.file(star), star)
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
    remarks = []
    if table.ctf_images is not None and not weighted:
        remarks.append(
            f"the column _{CTF} of {star} was not used: the missing region is given by a formula"
        )
    used = {place.file for s in sources for place in (s.volume, s.weight) if place} | {star}
    unused = [name for name in names if name not in used and is_mrc_name(name)]
    if unused:
        remarks.append(f"{len(unused)} uploaded files are not named in {star} and were left out")
    return Intake(sources, table, star, remarks)


class _Finder(NamedTuple):
    """Finds images from the STAR file's own folder, or else from the dataset's root."""

    star: str
    names: set[str]
    problems: Problems

    def find(self, image: ImageName, row: int, column: str) -> Place | None:
        """Place of an image; None where a problem was noted."""
        path = image.path
        if path.startswith(("/", "~", "\\")) or re.match(r"[A-Za-z]:", path):
            return self._refuse(
                image, row, column, "is an absolute path: give it relative to the STAR file"
            )
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(self.star), path))
        for candidate in (beside, posixpath.normpath(path)):
            if candidate in self.names:
                return Place(candidate, image.place)
        if beside == ".." or beside.startswith("../"):
            reason = "climbs out of the dataset with '..': give a path inside it"
        else:
            reason = "was not uploaded: upload it under this name or remove the row"
        return self._refuse(image, row, column, reason)

    def _refuse(self, image: ImageName, row: int, column: str, reason: str) -> None:
        detail = f"{self.star}, row {row}: _{column} names {image.text!r}, which {reason}"
        self.problems.add(Problem(detail, file=self.star, row=row, column=column))


def _from_volumes(material: Material, names: Iterable[str], problems: Problems) -> Intake:
    sources: list[Source] = []
    for name in filter(is_mrc_name, names):
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
    if not sources and not problems.found:
        raise InputError(
            Problem("no particles were uploaded: upload MRC volumes, or a STAR file with them")
        )
    return Intake(sources, None, "", [])


class Headers:
    """Headers of the uploaded files, each read once; a bad file gives one problem."""

    def __init__(self, material: Material, problems: Problems):
        self._material, self._problems = material, problems
        self._headers: dict[str, MrcHeader | None] = {}

    def get(self, name: str) -> MrcHeader | None:
        """Header of a file; None where a problem was noted."""
        if name not in self._headers:
            try:
                self._headers[name] = read_header(self._material.file(name), name)
            except InputError as error:
                self._headers[name] = None
                self._problems.add(*error.problems)
        return self._headers[name]
