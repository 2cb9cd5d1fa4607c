"""Calls which make something of an average: sharpened maps, masks, what its halves tell."""

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


class LocalResolution(Record):
    """Resolution at the voxels within the mask, in ångström.

    ``told_share`` of them have one; at the others not even bands as coarse as the window agree,
    and the map holds ``coarsest_angstrom``. ``quantiles_angstrom`` has the percentiles 5, 25, 50,
    75 and 95 of those that have one, None where none has.
    """

    cutoff: float
    window_angstrom: float
    coarsest_angstrom: float
    finest_angstrom: float
    told_share: float
    quantiles_angstrom: dict[str, float | None]


class DirectionalFsc(Record):
    """FSC of the half maps within cones about ``directions`` (x, y, z) of a hemisphere.

    ``curves`` has one for each direction, ``fsc`` is the whole one, over
    ``frequency_per_angstrom``. ``resolution_angstrom`` is where each curve falls below
    ``cutoff``; ``finest`` and ``coarsest`` are numbers of directions, from 0. ``sphericity`` is
    1 for a sphere. ``area_ratio`` is 1 where all directions are alike; below 0.5, unless by
    chance, the map is strongly anisotropic, and ``warning`` says so.
    """

    half_angle_deg: float
    cutoff: float
    frequency_per_angstrom: tuple[float, ...]
    fsc: tuple[float, ...]
    directions: tuple[tuple[float, float, float], ...]
    resolution_angstrom: tuple[float, ...]
    curves: tuple[tuple[float, ...], ...]
    finest: int
    coarsest: int
    least_angstrom: float
    median_angstrom: float
    greatest_angstrom: float
    spread_angstrom: float
    sphericity: float
    area_ratio: float
    warning: str | None = None


class PostprocessingCalls(ResultCalls):
    """Sharpened averages, masks drawn from averages, and what their halves tell."""

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

    def local_resolution(
        self,
        job: str | Job,
        *,
        mask: str | Map | None = None,
        window: float | None = None,
        cutoff: float = 0.5,
        cls: int = 1,
        iteration: int | str = "last",
    ) -> LocalResolution:
        """Tell the resolution at the voxels of a class's average, in numbers.

        Parameters
        ----------
        job : str or Job
        mask : str or Map, optional
            One of my maps; the job's own mask by default.
        window : float, optional
            Full width at half maximum of the Gaussian window, in ångström; by default five times
            the resolution of the whole map.
        cutoff : float
            Of the local correlation of the halves.
        cls : int
            Class, counted from 1.
        iteration : int or str
            Its number, or ``last``.
        """
        place = ("jobs", id_of(job), "iterations", iteration, "classes", cls)
        asked = _local(mask, window, cutoff)
        return LocalResolution.model_validate(
            self._get(*place, "local_resolution.json", params=asked)
        )

    def download_local_resolution(
        self,
        job: str | Job,
        to: str | Path,
        *,
        mask: str | Map | None = None,
        window: float | None = None,
        cutoff: float = 0.5,
        cls: int = 1,
        iteration: int | str = "last",
    ) -> Path:
        """Download the resolution at each voxel, in ångström, as MRC; see `local_resolution`.

        ``to`` is a file's name, or an existing folder.
        """
        asked = _local(mask, window, cutoff)
        return self._class_file(job, iteration, cls, "local_resolution.mrc", to, asked=asked)

    def directional_fsc(
        self,
        job: str | Job,
        *,
        mask: str | Map | None = None,
        cls: int = 1,
        iteration: int | str = "last",
    ) -> DirectionalFsc:
        """Tell whether a class's average is as well resolved along all directions.

        ``mask`` is one of my maps; the job's own mask by default.
        """
        place = ("jobs", id_of(job), "iterations", iteration, "classes", cls)
        asked = {} if mask is None else {"mask": id_of(mask)}
        return DirectionalFsc.model_validate(
            self._get(*place, "directional_fsc.json", params=asked)
        )

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


def _local(mask: str | Map | None, window: float | None, cutoff: float) -> dict[str, str]:
    asked = {"cutoff": repr(float(cutoff))}
    if mask is not None:
        asked["mask"] = id_of(mask)
    if window is not None:
        asked["window_angstrom"] = repr(float(window))
    return asked
