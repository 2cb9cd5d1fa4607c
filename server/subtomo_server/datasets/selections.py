"""Particles chosen from a job's result: what may be asked for, and the dataset made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from subtomo_core.data.poses import Poses
from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.strict import Strict
from subtomo_store.datasets.sealing import House
from subtomo_store.datasets.selecting import ChosenParticles, select
from subtomo_store.datasets.stack import is_sealed, read_record
from subtomo_store.errors import GoneError
from subtomo_store.files.data_folder import Files
from subtomo_store.formats.star import read_particles
from subtomo_store.jobs.result_poses import own_poses

Rows = NDArray[np.int64]
MOST_ROWS = 100_000
SMALLEST_BOX = 8  # of a dataset


class Choice(Strict):
    """Which particles of an iteration: all that meet every condition given."""

    classes: Annotated[
        tuple[int, ...] | None,
        Field(min_length=1, max_length=100, description="Best class, counted from 1."),
    ] = None
    min_probability: Annotated[
        float, Field(ge=0.0, le=1.0, description="Least posterior of the best class.")
    ] = 0.0
    min_score: Annotated[
        float | None, Field(description="Least score: log-likelihood ratio, or correlation.")
    ] = None
    junk: Annotated[bool, Field(description="Whether junk counts in.")] = False
    rows: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...] | None,
        Field(max_length=MOST_ROWS, description="Rows of the table, counted from 1."),
    ] = None


class Sampling(Strict):
    """How finely chosen particles are sampled: as they are, or binned in Fourier space."""

    binning: Annotated[
        int | None, Field(ge=1, le=64, description="Voxels that become one, along each axis.")
    ] = None
    box: Annotated[
        int | None,
        Field(
            ge=SMALLEST_BOX,
            le=512,
            multiple_of=2,
            description="Or the box in voxels, even: the extent stays, voxels grow.",
        ),
    ] = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.binning is not None and self.box is not None:
            raise ValueError("give 'binning' or 'box', not both")
        return self


class Origin(NamedTuple):
    """Where chosen particles are from: a finished iteration of a job, and the job's dataset."""

    job: str
    iteration: int
    dataset: str


def chosen_rows(poses: Poses, choice: Choice) -> Rows:
    """Places, from 0, of the particles that were asked for, in their order.

    Raises
    ------
    InputError
        If a class or row is not there.
    """
    count, classes = poses.probability.shape
    for k in choice.classes or ():
        if not 1 <= k <= classes:
            detail = f"there is no class {k}: the job has {classes}, counted from 1"
            raise InputError(Problem(detail, pointer="/classes"))
    if choice.rows is not None and max(choice.rows, default=0) > count:
        detail = f"there is no row {max(choice.rows)}: the job has {count} particles"
        raise InputError(Problem(detail, pointer="/rows"))
    kept = poses.best_probability >= choice.min_probability
    if not choice.junk:
        kept &= poses.counted
    if choice.classes is not None:
        kept &= np.isin(poses.best_class + 1, choice.classes)
    if choice.min_score is not None:
        kept &= poses.best_score >= choice.min_score
    if choice.rows is not None:
        kept &= np.isin(np.arange(1, count + 1), choice.rows)
    return np.flatnonzero(kept)


def sampled_box(sampling: Sampling, side: int) -> int:
    """Box, in voxels, of particles that have ``side`` voxels now.

    Raises
    ------
    InputError
        If there is no such box.
    """
    wanted = sampling.box or side
    if wanted > side:
        detail = f"the particles have a box of {side} voxels, not {wanted}: give at most {side}"
        raise InputError(Problem(detail, pointer="/box"))
    binning = sampling.binning or 1
    if binning > 1 and (side % (2 * binning) or side // binning < SMALLEST_BOX):
        detail = (
            f"a box of {side} voxels binned by {binning} has {side / binning:g}, not an even "
            f"number from {SMALLEST_BOX} on: give another binning, or 'box', the even number of "
            "voxels that you want"
        )
        raise InputError(Problem(detail, pointer="/binning"))
    return wanted // binning


def noted(origin: Origin, choice: Choice, box: int) -> dict[str, Any]:
    """What the dataset's record keeps of a selection."""
    conditions = choice.model_dump(mode="json", include=set(Choice.model_fields), exclude_none=True)
    return {**origin._asdict(), "choice": conditions, "box": box}


def make_selection(files: Files, folder: Path, selection: dict[str, Any], house: House) -> None:
    """Make a dataset's folder of the particles that its record tells of.

    Classes that were chosen are numbered anew from 1, so that a job of as many can start from
    them. Halves that the job kept apart stay so.

    Raises
    ------
    GoneError
        If the job or the particles have been deleted meanwhile.
    """
    origin = Origin(*(selection[name] for name in Origin._fields))
    choice = Choice.model_validate(selection["choice"])
    try:
        table = files.iteration_file(origin.job, origin.iteration, "particles.star")
        poses, halves = own_poses(table.parent), read_particles(table).half_sets
    except FileNotFoundError as error:
        raise _deleted(f"the result of the job {origin.job}") from error
    if not is_sealed(files.dataset(origin.dataset)):
        raise _deleted(f"the dataset {origin.dataset}")
    rows = chosen_rows(poses, choice)
    kept = sorted(set(choice.classes or range(1, poses.probability.shape[1] + 1)))
    classes = np.searchsorted(kept, poses.best_class[rows] + 1) + 1
    source = files.dataset(origin.dataset)
    side = read_record(source).summary.box
    box = int(selection.get("box", side))
    chosen = ChosenParticles(
        rows,
        poses.best_rotation[rows],
        poses.best_shift[rows],
        classes,
        box,
        None if halves is None else halves[rows],
    )
    remark = (
        f"{len(rows)} of the {len(poses)} particles of the dataset {origin.dataset}, with the "
        f"poses and classes of iteration {origin.iteration} of the job {origin.job}"
        f"{_renumbered(kept)}{_binned(side, box)}"
    )
    select(source, folder, chosen, remark, house)


def _deleted(what: str) -> GoneError:
    return GoneError(
        f"{what} was deleted before its particles were copied: choose them from a job that is "
        "there, and delete this dataset"
    )


def _renumbered(kept: list[int]) -> str:
    """Which class became which, where any has another number now."""
    pairs = [f"{old} is {new} here" for new, old in enumerate(kept, 1) if old != new]
    return f"; class {', '.join(pairs)}" if pairs else ""


def _binned(side: int, box: int) -> str:
    """How particles were binned, if they were."""
    return f"; binned from {side} to {box} voxels" if box < side else ""
