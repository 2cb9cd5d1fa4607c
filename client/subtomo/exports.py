"""Calls which download a job's result as other programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from subtomo.calls import Calls, id_of, path_of, with_query
from subtomo.records import Job
from subtomo.transfer import Counter, download

TABLES = {
    "relion": "particles.star",
    "dynamo": "particles.tbl",
    "stopgap": "motive_list.star",
}


class ExportCalls(Calls):
    """Tables, averages and places in the formats of other programs."""

    def download_particles(
        self,
        job: str | Job,
        to: str | Path,
        *,
        program: str = "relion",
        iteration: int | str = "last",
        recentred: bool = False,
        coordinate_pixel_size: float | None = None,
    ) -> Path:
        """Download the poses as a table of ``relion``, ``dynamo`` or ``stopgap``.

        Parameters
        ----------
        job : str or Job
        to : str or Path
            A file's name, or an existing folder.
        program : str
            Whose table.
        iteration : int or str
            Its number, or ``last``.
        recentred : bool
            Whether coordinates are those of the particles themselves, to cut boxes out anew
            (Dynamo and STOPGAP).
        coordinate_pixel_size : float, optional
            Å in one step of the dataset's coordinates, where its table does not tell.

        Raises
        ------
        ValueError
            For another program.
        """
        if program not in TABLES:
            raise ValueError(f"{program!r} is none of {', '.join(TABLES)}")
        asked = {"recentred": "true" if recentred else None}
        asked["coordinate_pixel_size"] = _text(coordinate_pixel_size)
        return self._export(job, iteration, TABLES[program], to, asked)

    def download_tomogram_numbers(
        self, job: str | Job, to: str | Path, *, iteration: int | str = "last"
    ) -> Path:
        """Download which number is which tomogram in tables of Dynamo and STOPGAP."""
        return self._export(job, iteration, "tomograms.doc", to, {})

    def download_em(
        self, job: str | Job, to: str | Path, *, cls: int = 1, iteration: int | str = "last"
    ) -> Path:
        """Download the average of class ``cls`` (counted from 1) as an EM file."""
        path = path_of("jobs", id_of(job), "iterations", iteration, "classes", cls, "map.em")
        return download(self._transport, path, Path(to))

    def download_posteriors(
        self, job: str | Job, to: str | Path, *, iteration: int | str = "last"
    ) -> Path:
        """Download posteriors of classes, and the best pose of each particle in each, as NPZ."""
        return self._export(job, iteration, "posteriors.npz", to, {})

    def download_placed(
        self,
        job: str | Job,
        to: str | Path,
        *,
        iteration: int | str = "last",
        coordinate_pixel_size: float | None = None,
    ) -> Path:
        """Download averages with scripts that place their copies in ChimeraX and ArtiaX (ZIP)."""
        asked = {"coordinate_pixel_size": _text(coordinate_pixel_size)}
        return self._export(job, iteration, "placed.zip", to, asked)

    def download_map_back(
        self,
        job: str | Job,
        to: str | Path,
        *,
        tomogram: str,
        size: Sequence[int],
        voxel_size: float | None = None,
        iteration: int | str = "last",
        coordinate_pixel_size: float | None = None,
        on_bytes: Counter | None = None,
    ) -> Path:
        """Download a tomogram's volume with an average at each of its particles, as MRC.

        Parameters
        ----------
        job : str or Job
        to : str or Path
        tomogram : str
            Its name in the particles' table.
        size : sequence of int
            Its sides x, y, z in voxels.
        voxel_size : float, optional
            Its voxel size in Å, at whatever binning; the particles' by default.
        iteration, coordinate_pixel_size
            As for `download_particles`.
        on_bytes : callable, optional
            Told the number of bytes after each piece.
        """
        asked = {
            "tomogram": tomogram,
            "size": ",".join(map(str, size)),
            "voxel_size": _text(voxel_size),
            "coordinate_pixel_size": _text(coordinate_pixel_size),
        }
        path = _path(job, iteration, "map_back.mrc", asked)
        return download(self._transport, path, Path(to), on_bytes)

    def _export(
        self,
        job: str | Job,
        iteration: int | str,
        name: str,
        to: str | Path,
        asked: dict[str, str | None],
    ) -> Path:
        return download(self._transport, _path(job, iteration, name, asked), Path(to))


def _path(job: str | Job, iteration: int | str, name: str, asked: dict[str, str | None]) -> str:
    return with_query(path_of("jobs", id_of(job), "iterations", iteration, name), asked)


def _text(number: float | None) -> str | None:
    return None if number is None else repr(float(number))
