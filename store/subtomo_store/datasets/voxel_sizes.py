"""The one voxel size of a dataset: what its owner, its table and its headers say of it."""

from __future__ import annotations

from typing import NamedTuple

from subtomo_core.errors import Problem
from subtomo_store.datasets.headers import Headers
from subtomo_store.datasets.intake_parts import Intake
from subtomo_store.formats.problems import Problems, named
from subtomo_store.formats.volume_header import BY_DEFAULT, UNSET, VolumeHeader

TOLERANCE = 0.01


class VoxelSize(NamedTuple):
    """A dataset's voxel size in ångström, 0 where a problem was noted, and remarks on it."""

    angstrom: float
    remarks: list[str]


def common_voxel_size(
    intake: Intake, headers: Headers, given: float | None, problems: Problems
) -> VoxelSize:
    """Return the dataset's voxel size.

    The dataset's own comes first, then the table's, then the headers'. All that are given
    must agree within 1 %. A header of exactly 1 Å gives none, unless this program wrote it; and
    even then it gives way to a table or the dataset, with a remark.
    """
    in_table = _of_table(intake, given, problems)
    size = given or in_table
    by_name = _by_name(intake, headers)
    known = {
        name: header.voxel_size
        for name, header in by_name.items()
        if header.voxel_size and not (size and header.voxel_size == UNSET)
    }
    chosen = size or next(iter(known.values()), 0.0)
    if not chosen:
        problems.add(*(_unknown(name, header) for name, header in by_name.items()))
        return VoxelSize(0.0, [])
    _compare(known, chosen, problems)
    silent = [
        name
        for name, header in by_name.items()
        if name not in known and (size is None or header.said_voxel_size == UNSET != size)
    ]
    return VoxelSize(chosen, _remark(silent, chosen))


def _by_name(intake: Intake, headers: Headers) -> dict[str, VolumeHeader]:
    places = {source.volume.file: source.volume for source in intake.sources}
    found = {name: headers.get(place) for name, place in places.items()}
    return {name: header for name, header in found.items() if header is not None}


def _of_table(intake: Intake, given: float | None, problems: Problems) -> float | None:
    """Return the voxel size of the table's rows; a problem where they differ."""
    table = intake.table
    if table is None or table.voxel_sizes is None:
        return None
    sizes = table.voxel_sizes.tolist()
    size = given or sizes[0]
    wrong = [index for index, other in enumerate(sizes) if _differ(other, size)]
    if wrong:
        row = intake.row(wrong[0])
        whose = "the dataset's" if given else f"row {intake.row(0)}'s"
        detail = (
            f"{intake.listing}, row {row}: a voxel size of {sizes[wrong[0]]:g} Å where {whose} is "
            f"{size:g} Å ({len(wrong)} such rows): give one voxel size"
        )
        problems.add(Problem(detail, file=intake.listing, row=row, column=table.voxel_column))
    return float(size)


def _unknown(name: str, header: VolumeHeader) -> Problem:
    detail = (
        f"{name}: {header.unknown_voxel_size}, and neither the dataset nor a table gives one: "
        "give voxel_size_angstrom (--voxel-size)"
    )
    field = header.voxel_size_field
    return Problem(detail, file=name, column=field, pointer="/voxel_size_angstrom")


def _compare(known: dict[str, float], size: float, problems: Problems) -> None:
    wrong = [(name, found) for name, found in known.items() if _differ(found, size)]
    if wrong:
        name, found = wrong[0]
        detail = (
            f"{name}: its header says {found:g} Å a voxel where the dataset has {size:g} Å "
            f"({len(wrong)} such files): correct one of them"
        )
        problems.add(Problem(detail, file=name, column="cella"))


def _remark(silent: list[str], size: float) -> list[str]:
    if not silent:
        return []
    files = "1 header says" if len(silent) == 1 else f"{len(silent)} headers say"
    return [f"{files} no voxel size, or 1 Å, {BY_DEFAULT} ({named(silent)}): {size:g} Å was used"]


def _differ(first: float, second: float) -> bool:
    return abs(first - second) > TOLERANCE * second
