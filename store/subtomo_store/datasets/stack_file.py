"""Where the particles of a dataset lie."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from subtomo_core.errors import InputError, Problem
from subtomo_store.files.confinement import Below, open_below
from subtomo_store.formats.mrc_header import HEADER_BYTES

PARTICLES = "particles.mrcs"


class Stack(BaseModel):
    """Where the particles lie: in the dataset's own folder, or where they were registered.

    Attributes
    ----------
    root : str or None
        Folder below which a registered file lies; None within the dataset's own.
    file : str
        Name, or the way from ``root`` down.
    offset : int
        Bytes before the first voxel.
    dtype : str
        Of a voxel, as numpy writes it: ``<f4``, ``<f2``, ``>f4``, ``>f2``.
    size, mtime_ns : int or None
        Of a registered file when it was checked: another one is not what was checked.
    """

    model_config = ConfigDict(frozen=True)

    root: str | None = None
    file: str = PARTICLES
    offset: int = HEADER_BYTES
    dtype: str = "<f4"
    size: int | None = None
    mtime_ns: int | None = None

    def open(self, folder: Path) -> int:
        """Open it for reading; the descriptor is the caller's."""
        if self.root is None:
            return os.open(folder / self.file, os.O_RDONLY)
        return open_below(Below(Path(self.root), self.file))

    def check(self, folder: Path) -> None:
        """Refuse a registered file which is not the one that was checked.

        Raises
        ------
        InputError
            Naming the file and the remedy.
        """
        if self.root is None:
            return
        try:
            found = os.stat(Path(self.root) / self.file, follow_symlinks=False)
        except OSError as error:
            raise _changed(self, folder, f"is gone ({error.strerror})") from error
        if (found.st_size, found.st_mtime_ns) != (self.size, self.mtime_ns):
            raise _changed(self, folder, "has changed")


def _changed(stack: Stack, folder: Path, what: str) -> InputError:
    detail = (
        f"the file {stack.root}/{stack.file}, which the dataset {folder.name} reads where it "
        f"lies, {what} since it was checked: put it back as it was, or register it as a new dataset"
    )
    return InputError(Problem(detail, file=stack.file))
