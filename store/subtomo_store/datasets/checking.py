"""Checks of a dataset by its headers: boxes, places in stacks, voxel sizes."""

from __future__ import annotations

from collections import Counter

from subtomo_core.errors import InputError, Problem
from subtomo_store.datasets.headers import Headers
from subtomo_store.datasets.intake_parts import Intake, Place, Source
from subtomo_store.datasets.stacks import Stacks
from subtomo_store.datasets.weights import own_box
from subtomo_store.formats.problems import Problems, named
from subtomo_store.formats.star_columns import number_in
from subtomo_store.formats.volume_header import VolumeHeader, check_cubic, check_square

SMALLEST_BOX, LARGEST_BOX = 8, 512
MOST_PARTICLES = 1_000_000


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
        box = _box(source, headers, intake, problems)
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


def _box(source: Source, headers: Headers, intake: Intake, problems: Problems) -> int | None:
    place = source.volume
    header = headers.get(place)
    if header is None:
        return None
    try:
        if intake.stacks is not None:
            box = check_square(header, place.file)
            _check_depth(intake.stacks, source, header.file_shape[0])
            return box
        _check_place(place, header)
        return check_cubic(header, place.file)
    except InputError as error:
        problems.add(*(located(problem, source, intake.listing) for problem in error.problems))
    return None


def _check_depth(stacks: Stacks, source: Source, depth: int) -> None:
    index = (source.row or 1) - 1
    if stacks.chosen(index, depth) is not None:
        return
    visible = stacks.visible(index)
    wanted = f"{int(visible.sum())} (the visible ones)"
    if not visible.all():
        wanted += f" or {len(visible)} (all of its tilt series)"
    detail = (
        f"{source.volume.file}: a stack of {depth} images where the tables tell of {wanted}: "
        "extract the particle again, or give the tables that were written with it"
    )
    raise InputError(Problem(detail, file=source.volume.file, column="nz"))


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
    header, particle = headers.get(source.weight), headers.get(source.volume)
    if header is None or particle is None:
        return False
    try:
        _check_place(source.weight, header)
        own_box(header, particle, source.weight.file)
    except InputError as error:
        problems.add(*(located(problem, source, listing) for problem in error.problems))
        return False
    return True


def remarks_on_box(intake: Intake, box: int) -> list[str]:
    """Say that the table speaks of other boxes: its voxel size may be of another binning."""
    said = () if intake.table is None else intake.table.boxes
    others = [text for text in said if number_in(text) != box]
    if not others or not box:
        return []
    return [
        f"_rlnImageSize is {named(others)} in {intake.listing}, but the boxes have {box} voxels: "
        "check that its voxel size is that of these volumes"
    ]


def remarks_on_stacks(intake: Intake, headers: Headers) -> list[str]:
    """Say what a stack holds beyond the table, and where the table alone makes it a stack."""
    named_in: dict[str, set[int]] = {}
    for place in (source.volume for source in intake.sources):
        if place.position is not None:
            named_in.setdefault(place.file, set()).add(place.position)
    remarks = []
    for name, positions in named_in.items():
        header = headers.get(Place(name, 0))
        if header is None:
            continue
        if header.counted:
            remarks.append(
                f"{name} is not marked as a stack of volumes (space group 401): it was read as "
                f"{header.volumes} volumes of {header.shape[0]} sections, as {intake.listing} "
                "counts them"
            )
        others = [f"{i + 1:06d}" for i in range(header.volumes) if i not in positions]
        if others:
            remarks.append(
                f"{len(others)} of the {header.volumes} volumes in {name} were left out, not "
                f"named in {intake.listing}: {named(others)}"
            )
    return remarks
