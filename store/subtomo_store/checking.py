"""Checks of a dataset by its headers: boxes, places in stacks, voxel sizes."""

from __future__ import annotations

from collections import Counter

from subtomo_core.errors import InputError, Problem
from subtomo_store.formats.volume_header import VolumeHeader, check_cubic
from subtomo_store.intake import Headers
from subtomo_store.intake_parts import Intake, Place, Problems, Source
from subtomo_store.weights import own_box

SMALLEST_BOX, LARGEST_BOX = 8, 512
MOST_PARTICLES = 1_000_000
TOLERANCE = 0.01
UNSET = 1.0  # what many programs write where they know no voxel size


def located(problem: Problem, source: Source, listing: str) -> Problem:
    """Say with a file's problem which row of the table named it."""
    if source.row is None:
        return problem
    detail = f"{problem.detail} ({listing}, row {source.row})"
    return problem._replace(detail=detail, row=source.row)


def check_boxes(intake: Intake, headers: Headers, problems: Problems) -> tuple[int, list[Source]]:
    """Check each particle's header; returns the common box and the particles without a problem.

    A box is odd one out when it differs from that of most particles. The box is 0 when no
    header could be read.
    """
    if len(intake.sources) > MOST_PARTICLES:
        detail = f"{len(intake.sources)} particles are more than {MOST_PARTICLES}: split the set"
        raise InputError(Problem(detail))
    boxes = []
    for source in intake.sources:
        box = _box(source.volume, headers, source, intake.listing, problems)
        if box:
            boxes.append((source, box))
    if not boxes:
        return 0, []
    common, votes = Counter(box for _, box in boxes).most_common(1)[0]
    good = []
    for source, box in boxes:
        if box != common:
            detail = (
                f"{source.volume.file}: its box of {box} voxels differs from the {common} of "
                f"{votes} other particles: all must have one size"
            )
            problem = Problem(detail, file=source.volume.file, column="nx, ny, nz")
            problems.add(located(problem, source, intake.listing))
        elif _weight_fits(source, headers, intake.listing, problems):
            good.append(source)
    if common % 2 or not SMALLEST_BOX <= common <= LARGEST_BOX:
        detail = (
            f"a box of {common} voxels cannot be used: it must be even and between "
            f"{SMALLEST_BOX} and {LARGEST_BOX}; crop or pad the particles"
        )
        first = boxes[0][0].volume.file
        problems.add(Problem(detail, file=first, column="nx, ny, nz"))
        return 0, []
    return common, good


def _box(
    place: Place, headers: Headers, source: Source, listing: str, problems: Problems
) -> int | None:
    header = headers.get(place.file)
    if header is None:
        return None
    try:
        _check_place(place, header)
        return check_cubic(header, place.file)
    except InputError as error:
        problems.add(*(located(problem, source, listing) for problem in error.problems))
    return None


def _check_place(place: Place, header: VolumeHeader) -> None:
    count = header.volumes
    if place.position is None and count != 1:
        detail = f"{place.file}: a stack of {count} volumes: name one, as in 000001@{place.file}"
    elif place.position is not None and place.position >= count:
        detail = f"{place.file}: volume {place.position + 1} is named, but it holds {count}"
    else:
        return
    raise InputError(Problem(detail, file=place.file))


def _weight_fits(source: Source, headers: Headers, listing: str, problems: Problems) -> bool:
    if source.weight is None:
        return True
    header, particle = headers.get(source.weight.file), headers.get(source.volume.file)
    if header is None or particle is None:
        return False
    try:
        _check_place(source.weight, header)
        own_box(header, particle, source.weight.file)
    except InputError as error:
        problems.add(*(located(problem, source, listing) for problem in error.problems))
        return False
    return True


def common_voxel_size(
    intake: Intake, headers: Headers, given: float | None, problems: Problems
) -> float:
    """Return the dataset's voxel size in ångström; 0 where a problem was noted.

    The dataset's own comes first, then the table's, then the headers'. All that are given
    must agree within 1 %; a header of exactly 1 Å counts as not given beside another source.
    """
    table = intake.table
    table_sizes = None if table is None else table.voxel_sizes
    size = given or (float(table_sizes[0]) if table_sizes is not None else None)
    if table is not None and table_sizes is not None and size is not None:
        wrong = [row for row, other in enumerate(table_sizes, 1) if _differ(float(other), size)]
        if wrong:
            first = float(table_sizes[wrong[0] - 1])
            whose = "the dataset's" if given else "row 1's"
            detail = (
                f"{intake.listing}, row {wrong[0]}: a voxel size of {first:g} Å where {whose} is "
                f"{size:g} Å ({len(wrong)} such rows): give one voxel size"
            )
            problems.add(
                Problem(detail, file=intake.listing, row=wrong[0], column=table.voxel_column)
            )
    return _check_headers(intake, headers, size, problems)


def _check_headers(
    intake: Intake, headers: Headers, size: float | None, problems: Problems
) -> float:
    wrong: list[tuple[str, float]] = []
    elsewhere = size is not None
    for name in dict.fromkeys(source.volume.file for source in intake.sources):
        header = headers.get(name)
        found = header.voxel_size if header else None
        if found is None and header is not None and size is None:
            detail = (
                f"{name}: {header.unknown_voxel_size}, and neither the dataset nor a table "
                "gives one: give voxel_size_angstrom"
            )
            field, pointer = header.voxel_size_field, "/voxel_size_angstrom"
            problems.add(Problem(detail, file=name, column=field, pointer=pointer))
            return 0.0
        if found is None or (elsewhere and found == UNSET):
            continue
        size = size or found
        if _differ(found, size):
            wrong.append((name, found))
    if wrong and size:
        name, found = wrong[0]
        detail = (
            f"{name}: its header says {found:g} Å a voxel where the dataset has {size:g} Å "
            f"({len(wrong)} such files): correct one of them"
        )
        problems.add(Problem(detail, file=name, column="cella"))
    return size or 0.0


def _differ(first: float, second: float) -> bool:
    return abs(first - second) > TOLERANCE * second
