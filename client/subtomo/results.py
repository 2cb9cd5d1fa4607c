"""Calls which download what a job has made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from subtomo.calls import Calls, id_of, path_of, with_query
from subtomo.records import Job
from subtomo.transfer import Counter, download


class ResultCalls(Calls):
    """Maps, curves, poses and archives.

    ``to`` is a file's name, or an existing folder: then the server's own file name is used.
    Each file is written to a temporary name, checked against the server's SHA-256 and renamed.
    """

    def download_map(
        self,
        job: str | Job,
        to: str | Path,
        *,
        cls: int = 1,
        iteration: int | str = "last",
        on_bytes: Counter | None = None,
    ) -> Path:
        """Download the average of class ``cls`` (counted from 1) as MRC."""
        return self._class_file(job, iteration, cls, "map.mrc", to, count=on_bytes)

    def download_half_map(
        self,
        job: str | Job,
        to: str | Path,
        *,
        half: int,
        cls: int = 1,
        iteration: int | str = "last",
    ) -> Path:
        """Download the average of half 1 or 2 of the particles of class ``cls`` as MRC."""
        return self._class_file(job, iteration, cls, f"half{half}.mrc", to)

    def download_fsc(
        self,
        job: str | Job,
        to: str | Path,
        *,
        cls: int = 1,
        iteration: int | str = "last",
        kind: str = "star",
    ) -> Path:
        """Download a class's FSC curve as ``star``, ``json`` or ``xml``."""
        return self._class_file(job, iteration, cls, f"fsc.{kind}", to)

    def fsc(self, job: str | Job, *, cls: int = 1, iteration: int | str = "last") -> dict[str, Any]:
        """Read a class's FSC curve."""
        answer: dict[str, Any] = self._get(
            "jobs", id_of(job), "iterations", iteration, "classes", cls, "fsc.json"
        )
        return answer

    def download_slices(
        self, job: str | Job, to: str | Path, *, cls: int = 1, iteration: int | str = "last"
    ) -> Path:
        """Download a picture (PNG) of central slices of a class's average."""
        return self._class_file(job, iteration, cls, "slices.png", to)

    def download_star(
        self, job: str | Job, to: str | Path, *, iteration: int | str = "last"
    ) -> Path:
        """Download the poses and classes of all particles as a RELION STAR."""
        path = path_of("jobs", id_of(job), "iterations", iteration, "particles.star")
        return download(self._transport, path, Path(to))

    def download_dissimilarity(
        self,
        job: str | Job,
        to: str | Path,
        *,
        iteration: int | str = "last",
        kind: str = "npy",
    ) -> Path:
        """Download how unlike all particles of a `pairwise` job are: ``npy``, ``mrc`` or ``png``.

        The matrix has the particles in their order, the picture in that of the dendrogram.
        Iteration 0 compares particles as they lie.
        """
        path = path_of("jobs", id_of(job), "iterations", iteration, f"dissimilarity.{kind}")
        return download(self._transport, path, Path(to))

    def download_archive(
        self, job: str | Job, to: str | Path, *, on_bytes: Counter | None = None
    ) -> Path:
        """Download everything a job has made as one ZIP."""
        return download(
            self._transport, path_of("jobs", id_of(job), "archive.zip"), Path(to), on_bytes
        )

    def _class_file(
        self,
        job: str | Job,
        iteration: int | str,
        cls: int,
        name: str,
        to: str | Path,
        *,
        count: Counter | None = None,
        asked: Mapping[str, str] | None = None,
    ) -> Path:
        path = path_of("jobs", id_of(job), "iterations", iteration, "classes", cls, name)
        return download(self._transport, with_query(path, asked), Path(to), count)
