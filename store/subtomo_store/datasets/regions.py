"""Which missing region is each particle's: from what was said of the dataset, and its table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.particle_regions import ParticleRegions
from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import (
    ByName,
    Complete,
    Each,
    Formula,
    FoundBy,
    FoundRegion,
    FromTable,
    MissingRegion,
    Weights,
)
from subtomo_store.datasets.intake_parts import Intake
from subtomo_store.datasets.region_words import in_words, parts_in_words
from subtomo_store.errors import StorageError
from subtomo_store.formats.particle_table import ParticleTable
from subtomo_store.formats.problems import Problems, named
from subtomo_store.formats.star import TURNED

REGIONS = "regions.npz"
_WORDS = {"tomogram": "tomogram", "optics_group": "optics group"}

Names = tuple[str, ...]


class Behind(NamedTuple):
    """What a dataset's particles lie behind.

    Attributes
    ----------
    missing : FoundRegion
        For the dataset's summary.
    regions : ParticleRegions or None
        Of each particle; None where they bring weights.
    remarks : list of str
    """

    missing: FoundRegion
    regions: ParticleRegions | None
    remarks: list[str]

    def write(self, folder: Path) -> None:
        """Keep which region is each particle's, where they are not all alike."""
        if self.regions is not None and isinstance(self.missing, Each):
            turns = {} if self.regions.turns is None else {"turns": self.regions.turns}
            np.savez(folder / REGIONS, allow_pickle=False, part=self.regions.part, **turns)


def read_regions(folder: Path, summary: DatasetSummary) -> ParticleRegions | None:
    """Region of each particle; None where one is told for all, or they bring weights.

    Raises
    ------
    StorageError
        If the file is damaged.
    """
    missing = summary.missing
    if not isinstance(missing, Each):
        return None
    try:
        with (folder / REGIONS).open("rb") as file, np.load(file, allow_pickle=False) as kept:
            turns = kept.get("turns")
            regions = tuple(part.region for part in missing.parts)
            return ParticleRegions(regions, kept["part"], turns)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise StorageError(f"dataset {folder.name} is damaged: {error}") from error


class _Rows(NamedTuple):
    """What was said of each particle: its region, and the names of what it is of.

    Attributes
    ----------
    regions : list of Wedge, Pyramid, Cone or Complete
    names : list of tuple of str, or None
    by : str or None
    remarks : list of str
    """

    regions: list[Formula]
    names: list[Names] | None = None
    by: FoundBy | None = None
    remarks: Sequence[str] = ()


def regions_of(intake: Intake, missing: MissingRegion, problems: Problems) -> Behind:
    """Find the region of each particle.

    Raises
    ------
    InputError
        If the table does not tell what regions are given by.
    """
    if isinstance(missing, Weights):
        return Behind(missing, None, [])
    table, count = intake.table, len(intake.sources)
    if not count or (table is not None and len(table) != count):  # problems tell of rows
        return Behind(Complete(), ParticleRegions.alike(Complete(), count), [])
    if isinstance(missing, ByName):
        rows = _by_name(intake, missing, problems)
    elif isinstance(missing, FromTable):
        rows = _Rows(_from_table(intake), by="row")
    else:
        rows = _Rows([missing] * count)
    regions = tuple(dict.fromkeys(rows.regions))
    place = {region: number for number, region in enumerate(regions)}
    part = np.array([place[region] for region in rows.regions], np.int64)
    found = ParticleRegions(regions, part, None if table is None else table.turns)
    names = None if rows.names is None else _names_of(part, rows.names, len(regions))
    told = found.found(rows.by, names)
    return Behind(told, found, [*_remarks(told, intake), *rows.remarks])


def _by_name(intake: Intake, missing: ByName, problems: Problems) -> _Rows:
    """Region of each row, by the names which its tomogram or optics group goes by."""
    what, given = _WORDS[missing.by], missing.regions
    names = _names(intake.table, missing.by)
    if names is None:
        silent = f"{intake.listing} names none" if intake.listing else "there is no table"
        detail = (
            f"regions are given for each {what}, and {silent}: upload the table that names them, "
            "or give one region for all particles"
        )
        raise InputError(Problem(detail, file=intake.listing, pointer="/missing"))
    found: dict[Names, Formula] = {}
    for row, own in enumerate(names, 1):
        if own in found:
            continue
        said = {given[name] for name in own if name in given}
        found[own] = next(iter(said), Complete())
        if len(said) != 1:
            wrong = "no missing region was" if not said else "more than one missing region was"
            detail = f"{intake.listing}, row {row}: {wrong} given for the {what} '{own[-1]}'"
            problems.add(
                Problem(f"{detail}: give one", file=intake.listing, row=row, pointer="/missing")
            )
    left = named(name for name in given if not any(name in own for own in found))
    remarks = [f"missing regions of {what}s without a particle were not used: {left}"]
    return _Rows([found[own] for own in names], names, missing.by, remarks if left else [])


def _names(table: ParticleTable | None, by: str) -> list[Names] | None:
    if table is None:
        return None
    if by == "optics_group":
        return None if table.optics is None else list(table.optics)
    return None if table.tomograms is None else [(name,) for name in table.tomograms]


def _names_of(part: NDArray[np.int64], names: list[Names], count: int) -> list[Names]:
    """Names of the tomograms or groups of each part."""
    own: list[dict[str, None]] = [{} for _ in range(count)]
    for place, name in dict.fromkeys(zip(part.tolist(), names, strict=True)):
        own[place][name[-1]] = None
    return [tuple(each) for each in own]


def _from_table(intake: Intake) -> list[Formula]:
    if intake.table is None or intake.table.regions is None:
        detail = (
            f"{intake.listing or 'bare volumes'}: only a Dynamo table tells tilts in its rows "
            "(ftype, ymintilt, ymaxtilt): give a tilt range (--tilt), or one for each tomogram "
            "(--tilt-table)"
        )
        raise InputError(Problem(detail, file=intake.listing, pointer="/missing"))
    return list(intake.table.regions)


def _remarks(missing: Formula | Each, intake: Intake) -> list[str]:
    if not isinstance(missing, Each):
        return []
    remarks = []
    if len(missing.parts) > 1:
        each = (f"{in_words(part.region)} ({part.particles})" for part in missing.parts)
        remarks.append(f"{parts_in_words(missing)} (with their particles): {named(each)}")
    if missing.turned:
        remarks.append(
            f"{missing.turned} of the boxes were cut out turned (_{TURNED.format('Rot')} and the "
            f"angles beside it in {intake.listing}): the missing region of each is turned with it"
        )
    return remarks
