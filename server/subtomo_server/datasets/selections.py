"""Particles chosen from a job's result: what may be asked for, and the dataset made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from subtomo_core.data.poses import Poses
from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.strict import Strict
from subtomo_store.datasets.sealing import House
from subtomo_store.datasets.selecting import ChosenParticles, select
from subtomo_store.datasets.stack import is_sealed
from subtomo_store.errors import GoneError
from subtomo_store.files.data_folder import Files
from subtomo_store.jobs.result_poses import own_poses

Rows = NDArray[np.int64]
MOST_ROWS = 100_000


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


def noted(origin: Origin, choice: Choice) -> dict[str, Any]:
    """What the dataset's record keeps of a selection."""
    return {**origin._asdict(), "choice": choice.model_dump(mode="json", exclude_none=True)}


def make_selection(files: Files, folder: Path, selection: dict[str, Any], house: House) -> None:
    """Make a dataset's folder of the particles that its record tells of.

    Classes that were chosen are numbered anew from 1, so that a job of as many can start from
    them.

    Raises
    ------
    GoneError
        If the job or the particles have been deleted meanwhile.
    """
    origin = Origin(*(selection[name] for name in Origin._fields))
    choice = Choice.model_validate(selection["choice"])
    try:
        result = files.iteration_file(origin.job, origin.iteration, "particles.star").parent
        poses = own_poses(result)
    except FileNotFoundError as error:
        raise _deleted(f"the result of the job {origin.job}") from error
    if not is_sealed(files.dataset(origin.dataset)):
        raise _deleted(f"the dataset {origin.dataset}")
    rows = chosen_rows(poses, choice)
    kept = sorted(set(choice.classes or range(1, poses.probability.shape[1] + 1)))
    classes = np.searchsorted(kept, poses.best_class[rows] + 1) + 1
    chosen = ChosenParticles(rows, poses.best_rotation[rows], poses.best_shift[rows], classes)
    remark = (
        f"{len(rows)} of the {len(poses)} particles of the dataset {origin.dataset}, with the "
        f"poses and classes of iteration {origin.iteration} of the job {origin.job}"
        f"{_renumbered(kept)}"
    )
    select(files.dataset(origin.dataset), folder, chosen, remark, house)


def _deleted(what: str) -> GoneError:
    return GoneError(
        f"{what} was deleted before its particles were copied: choose them from a job that is "
        "there, and delete this dataset"
    )


def _renumbered(kept: list[int]) -> str:
    """Which class became which, where any has another number now."""
    pairs = [f"{old} is {new} here" for new, old in enumerate(kept, 1) if old != new]
    return f"; class {', '.join(pairs)}" if pairs else ""
