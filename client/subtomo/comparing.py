"""Calls which compare two results: averages in one frame, particles in other classes."""

from __future__ import annotations

from pathlib import Path

from subtomo.calls import id_of
from subtomo.records import Job, Record
from subtomo.results import ResultCalls

Matrix = tuple[tuple[float, ...], ...]


class Comparison(Record):
    """How another average lies on one: a rigid fit, and what agrees after it.

    ``rotation`` (3 x 3, on columns x, y, z) and ``shift_angstrom`` (x, y, z) move the other map,
    after it is mirrored along z where ``mirrored``. ``correlation`` and ``fsc`` are those within
    a soft sphere about the first map; ``fsc`` has a value for each of ``shells``.
    """

    correlation: float
    mirrored: bool
    rotation: Matrix
    rotation_deg: float
    shift_angstrom: tuple[float, float, float]
    box: int
    voxel_size_angstrom: float
    shells: tuple[int, ...]
    frequency_per_angstrom: tuple[float, ...]
    fsc: tuple[float, ...]
    resolution_05_angstrom: float
    resolution_0143_angstrom: float


class Changes(Record):
    """How many particles of each class (rows) another job has in each class (columns).

    Junk is the last row and column. ``partner`` is the other job's class that stands for each
    one, counted from 1, or None; ``changed`` counts particles outside of it, and ``rows`` are up
    to 1000 of them, counted from 1.
    """

    counts: tuple[tuple[int, ...], ...]
    partner: tuple[int | None, ...]
    changed: int
    particles: int
    rows: tuple[int, ...]


class ComparingCalls(ResultCalls):
    """A result beside that of another job, or of another class."""

    def compare(
        self,
        job: str | Job,
        other: str | Job,
        *,
        cls: int = 1,
        with_cls: int = 1,
        iteration: int | str = "last",
        with_iteration: int | str = "last",
        mirror: bool = False,
    ) -> Comparison:
        """Tell how the other job's average lies on this one's, and their FSC.

        Parameters
        ----------
        job, other : str or Job
            May be one job, with two classes or iterations.
        cls, with_cls : int
            Class of this job and of the other one, counted from 1.
        iteration, with_iteration : int or str
            Of this job and of the other one: the number, or ``last``.
        mirror : bool
            Whether to try the other map's mirror image too.

        Raises
        ------
        HTTPProblem
            If a class is empty, or the maps have unlike boxes or voxel sizes.
        """
        answer = self._get(
            *("jobs", id_of(job), "iterations", iteration, "classes", cls, "compared.json"),
            params=_other(other, with_cls, with_iteration, mirror=mirror),
        )
        return Comparison.model_validate(answer)

    def download_compared(
        self,
        job: str | Job,
        other: str | Job,
        to: str | Path,
        *,
        cls: int = 1,
        with_cls: int = 1,
        iteration: int | str = "last",
        with_iteration: int | str = "last",
        mirror: bool = False,
    ) -> Path:
        """Download the other job's average as it lies on this one's, as MRC; see `compare`."""
        asked = _other(other, with_cls, with_iteration, mirror=mirror)
        name = "compared.mrc"
        return self._class_file(job, iteration, cls, name, to, asked=asked)

    def changes(
        self,
        job: str | Job,
        other: str | Job,
        *,
        iteration: int | str = "last",
        with_iteration: int | str = "last",
    ) -> Changes:
        """Count the particles that another job on the same dataset has in other classes.

        Parameters
        ----------
        job, other : str or Job
        iteration, with_iteration : int or str
            Of this job and of the other one: the number, or ``last``.

        Raises
        ------
        HTTPProblem
            If the jobs have different datasets.
        """
        answer = self._get(
            *("jobs", id_of(job), "iterations", iteration, "changed.json"),
            params={"with": id_of(other), "with_iteration": with_iteration},
        )
        return Changes.model_validate(answer)


def _other(other: str | Job, cls: int, iteration: int | str, *, mirror: bool) -> dict[str, str]:
    return {
        "with": id_of(other),
        "with_class": str(cls),
        "with_iteration": str(iteration),
        "mirror": "true" if mirror else "false",
    }
