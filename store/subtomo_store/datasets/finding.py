"""Files that a STAR table names, among those of a dataset."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from subtomo_core.errors import Problem
from subtomo_store.datasets.intake_parts import Place
from subtomo_store.formats.particle_table import ImageName
from subtomo_store.formats.problems import Problems


class Finder(NamedTuple):
    """Finds files from the STAR file's own folder, or else from the dataset's root."""

    star: str
    names: set[str]
    problems: Problems

    def find(self, image: ImageName, row: int, column: str) -> Place | None:
        """Place of an image; None where a problem was noted."""
        name = self.file(image.path, row, column, image.text)
        return None if name is None else Place(name, image.place)

    def file(self, path: str, row: int, column: str, text: str = "") -> str | None:
        """Name of a file; None where a problem was noted. ``text`` is what the table says."""
        name = self.name(path)
        if name is not None:
            return name
        text = text or path
        if path.startswith(("/", "~", "\\")) or re.match(r"[A-Za-z]:", path):
            return self._refuse(
                text, row, column, "is an absolute path: give it relative to the STAR file"
            )
        beside = self._beside(path)
        if beside == ".." or beside.startswith("../"):
            reason = "climbs out of the dataset with '..': give a path inside it"
        else:
            reason = "was not uploaded: upload it under this name or remove the row"
        return self._refuse(text, row, column, reason)

    def name(self, path: str) -> str | None:
        """Name of the file that a path leads to; None where there is none."""
        candidates = self._beside(path), posixpath.normpath(path)
        return next((name for name in candidates if name in self.names), None)

    def _beside(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.star), path))

    def _refuse(self, text: str, row: int, column: str, reason: str) -> None:
        detail = f"{self.star}, row {row}: _{column} names {text!r}, which {reason}"
        self.problems.add(Problem(detail, file=self.star, row=row, column=column))
