"""Calls which make something of an average: sharpened maps, and masks."""

from __future__ import annotations

from pathlib import Path

from subtomo.calls import id_of
from subtomo.records import Job, Map, Record
from subtomo.results import ResultCalls


class Guinier(Record):
    """How the amplitudes of the mean of both half maps fall off, shell by shell.

    ``inverse_square`` is 1 / d^2 in 1 / ångström^2; the curves are natural logarithms, without
    and with the FSC weight, None where a shell holds nothing. ``resolution_angstrom`` is where
    the FSC falls below 0.143. ``b_factor``, in ångström^2, is negative where amplitudes fall off;
    it and ``intercept`` are None where too few shells lie between 10 Å and the resolution.
    """

    inverse_square: tuple[float, ...]
    log_amplitude: tuple[float | None, ...]
    log_weighted_amplitude: tuple[float | None, ...]
    resolution_angstrom: float
    b_factor: float | None = None
    intercept: float | None = None


class PostprocessingCalls(ResultCalls):
    """Sharpened averages, and masks drawn from averages."""

    def guinier(self, job: str | Job, *, cls: int = 1, iteration: int | str = "last") -> Guinier:
        """Read a class's Guinier plot, with the B-factor that it tells."""
        place = ("jobs", id_of(job), "iterations", iteration, "classes", cls)
        return Guinier.model_validate(self._get(*place, "guinier.json"))

    def download_sharpened(
        self,
        job: str | Job,
        to: str | Path,
        *,
        b_factor: float | None = None,
        cls: int = 1,
        iteration: int | str = "last",
    ) -> Path:
        """Download the mean of both half maps, weighted by their FSC and sharpened, as MRC.

        Parameters
        ----------
        job : str or Job
        to : str or Path
            A file's name, or an existing folder.
        b_factor : float, optional
            In ångström^2, negative to sharpen, 0 for the FSC weights alone. By default that of the
            Guinier plot, or 0 where it tells none.
        cls : int
            Class, counted from 1.
        iteration : int or str
            Its number, or ``last``.
        """
        asked = {} if b_factor is None else {"b_factor": repr(float(b_factor))}
        name = "sharpened.mrc"
        return self._class_file(job, iteration, cls, name, to, asked=asked)

    def make_mask(
        self,
        job: str | Job,
        name: str,
        *,
        level: float,
        extend: float = 0.0,
        edge: float = 20.0,
        cls: int = 1,
        iteration: int | str = "last",
        group: str | None = None,
    ) -> Map:
        """Draw a mask from an average and keep it among my maps.

        It lies in the frame of that job's averages: use it to continue the job, or for one that
        starts from its poses, with ``mask={"kind": "map", "map": mask.id}``.

        Parameters
        ----------
        job : str or Job
        name : str
            Of the mask.
        level : float
            The mask is 1 where the average is above it, in standard deviations of the whole map
            above its mean. Small pieces are left out.
        extend, edge : float
            In ångström: by how much it is extended, and the width of its soft edge.
        cls : int
            Class, counted from 1.
        iteration : int or str
            Its number, or ``last``.
        group : str, optional
            Group with which to share it.

        Raises
        ------
        HTTPProblem
            If nothing, or all of the box, lies above the level.
        """
        body = {"name": name, "level": level, "extend_angstrom": extend, "edge_angstrom": edge}
        shared = {} if group is None else {"group": group}
        place = ("jobs", id_of(job), "iterations", iteration, "classes", cls)
        return Map.model_validate(self._post(*place, "mask", json={**body, **shared}))
