"""Stacks of tilt images: finds the tomograms that belong to a table, and their tilt series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.missing_region import MissingRegion
from subtomo_store.datasets.finding import Finder
from subtomo_store.datasets.intake_parts import Intake, Source, left_out
from subtomo_store.datasets.material import STAR, Material
from subtomo_store.datasets.stacks import Series, Stacks
from subtomo_store.datasets.stacks_told import remarks_on
from subtomo_store.formats.particle_table import ParticleTable
from subtomo_store.formats.problems import Problems, named
from subtomo_store.formats.star import IMAGE
from subtomo_store.formats.star_kinds import VISIBLE
from subtomo_store.formats.star_stacks import StackRows
from subtomo_store.formats.star_text import StarBlock, read_star
from subtomo_store.formats.tomograms import (
    NAME,
    SERIES,
    TOMOGRAMS_FILE,
    TiltSeriesTable,
    Tomogram,
    TomogramSet,
    is_tomogram_set,
    optimisation_set,
    read_tilt_series,
    read_tomograms,
    tilt_series,
)


class Given(NamedTuple):
    """The table of a dataset, its file's name, and the names of all files."""

    material: Material
    names: Sequence[str]
    star: str
    table: ParticleTable
    rows: StackRows


def from_stacks(given: Given, missing: MissingRegion, problems: Problems) -> Intake:
    """Find the stacks that a table names, and all that tells how they are put together.

    Raises
    ------
    InputError
        If the missing region is not that of the images, or no table of tomograms can be chosen
        or read.
    """
    if missing.kind != "weights":
        detail = (
            f"{given.star}: its particles are stacks of 2D tilt images, whose directions tell what "
            "is missing: give the missing region 'weights' (--missing-from-weights) in place of "
            f"'{missing.kind}'"
        )
        raise InputError(Problem(detail, file=given.star, pointer="/missing"))
    finder = Finder(given.star, given.names, problems)
    sources = _sources(given, finder, problems)
    found = _tomograms(given, problems)
    reader = _Reader(given, found.tomograms, problems)
    stacks = _stacks(given, reader, problems)
    used = {s.volume.file for s in sources} | {given.star, *found.files, *reader.files}
    remarks = [*given.table.remarks, *remarks_on(stacks, found.tomograms, given.star)]
    remarks += [*finder.remarks(), *reader.remarks()]
    reason = f"not named in {given.star} or {found.tomograms.file}"
    remarks += left_out((name for name in given.names if name not in used), reason)
    return Intake(sources, given.table, given.star, remarks, carried=True, stacks=stacks)


def _sources(given: Given, finder: Finder, problems: Problems) -> list[Source]:
    sources = []
    for row, image in enumerate(given.table.images, start=1):
        if image.place is not None:
            detail = (
                f"{given.star}, row {row}: _{IMAGE} names one image, {image.text!r}, where a "
                "particle is a file of its images: leave out the number and the @"
            )
            problems.add(Problem(detail, file=given.star, row=row, column=IMAGE))
            continue
        volume = finder.find(image, row, IMAGE)
        if volume is not None:
            sources.append(Source(image.text, volume, None, row))
    return sources


class _Found(NamedTuple):
    """A set of tomograms, and the files that led to it."""

    tomograms: TomogramSet
    files: list[str]


class _Set(NamedTuple):
    """An optimisation set: its file, the table of particles, and what it calls the tomograms."""

    file: str
    particles: str | None
    tomograms: str


def _tomograms(given: Given, problems: Problems) -> _Found:
    """The set that an optimisation set gives the table, or else the only one there is."""
    sets = [found for found in _sets(given) if found.particles == given.star]
    if sets:
        finders = [(Finder(s.file, given.names, problems), s.tomograms) for s in sets]
        chosen = {finder.file(path, 1, TOMOGRAMS_FILE) for finder, path in finders}
        problems.raise_all()
    else:
        chosen = {name for name, blocks in _stars(given) if is_tomogram_set(blocks)}
    names = [name for name in chosen if name is not None]
    if len(names) != 1:
        raise InputError(Problem(_undecided(given.star, sorted(names)), file=given.star))
    tomograms = read_tomograms(given.material.file(names[0]), names[0])
    return _Found(tomograms, [*names, *(s.file for s in sets)])


def _undecided(star: str, names: list[str]) -> str:
    what = f"{star}: its particles are stacks of 2D tilt images, "
    if not names:
        return (
            f"{what}and no table of tomograms was uploaded: upload tomograms.star and the "
            "tilt-series files that it names as well, or extract the particles as 3D "
            "pseudo-subtomograms"
        )
    return (
        f"{what}and there are {len(names)} tables of tomograms ({named(names)}): upload one, or "
        "the optimisation set that names it"
    )


def _sets(given: Given) -> Iterator[_Set]:
    for name, blocks in _stars(given):
        found = optimisation_set(blocks)
        if found is not None:
            finder = Finder(name, given.names, Problems())
            yield _Set(name, finder.name(found[0]), found[1])


def _stars(given: Given) -> Iterator[tuple[str, list[StarBlock]]]:
    """All other STAR files that can be read; one that cannot is left out, and named."""
    for name in given.names:
        if name.lower().endswith(STAR) and name != given.star:
            with suppress(InputError):
                yield name, read_star(given.material.file(name), name)


class _Reader:
    """Reads the tilt series of tomograms; each problem is noted once."""

    def __init__(self, given: Given, tomograms: TomogramSet, problems: Problems):
        self._given, self.tomograms, self._problems = given, tomograms, problems
        self._finder = Finder(tomograms.file, given.names, problems)
        self.files: list[str] = []

    def remarks(self) -> list[str]:
        """Say which files were found by the ends of their paths."""
        return self._finder.remarks()

    def read(self, name: str, row: int) -> Series | None:
        """Tomogram and tilt series of a row's tomogram; None where a problem was noted."""
        tomogram = self.tomograms.tomograms.get(name)
        if tomogram is None:
            self._note(row, NAME, f"is {name!r}, which {self.tomograms.file} does not have")
            return None
        try:
            images = self._images(name, tomogram)
        except InputError as error:
            self._problems.add(*error.problems)
            return None
        return None if images is None else Series(tomogram, images)

    def _images(self, name: str, tomogram: Tomogram) -> TiltSeriesTable | None:
        if tomogram.series is not None:
            file = self._finder.file(tomogram.series, tomogram.row, SERIES)
            if file is None:
                return None
            self.files.append(file)
            return read_tilt_series(self._given.material.file(file), file, name)
        if tomogram.block is not None:
            return tilt_series(tomogram.block, self.tomograms.file)
        detail = (
            f"{self.tomograms.file}, row {tomogram.row}: neither a column _{SERIES} nor a table "
            f"data_{name} tells of the images of {name!r}: add one of them"
        )
        file = self.tomograms.file
        raise InputError(Problem(detail, file=file, row=tomogram.row, column=SERIES))

    def _note(self, row: int, column: str, sentence: str) -> None:
        star = self._given.star
        detail = f"{star}, row {row}: _{column} {sentence}"
        self._problems.add(Problem(detail, file=star, row=row, column=column))


def _stacks(given: Given, reader: _Reader, problems: Problems) -> Stacks:
    """What is known of the images, of tilt series that ``reader`` reads.

    Raises
    ------
    InputError
        If something is missing for a row.
    """
    series, told = dict[str, Series](), set[str]()
    for row, name in enumerate(given.rows.tomograms, start=1):
        if name not in told:
            told.add(name)
            found = reader.read(name, row)
            if found is not None:
                series[name] = found
    problems.raise_all()
    stacks = Stacks(given.table, given.rows, series)
    for row, name in enumerate(given.rows.tomograms, start=1):
        flags, frames = len(stacks.visible(row - 1)), len(series[name].images.doses)
        if flags != frames:
            detail = (
                f"{given.star}, row {row}: _{VISIBLE} has {flags} flags, but the tilt series of "
                f"{name!r} has {frames} images ({series[name].images.file}): give one flag for "
                "each image"
            )
            problems.add(Problem(detail, file=given.star, row=row, column=VISIBLE))
        try:
            stacks.microscope(row - 1)
        except InputError as error:
            file = reader.tomograms.file
            where = f"{file}, row {series[name].tomogram.row}"
            problems.add(
                *(p._replace(detail=f"{where}: {p.detail}", file=file) for p in error.problems)
            )
    problems.raise_all()
    return stacks
