"""What a dataset is made of: uploaded files, and files of a registered folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from subtomo_core.errors import InputError, Problem
from subtomo_store.files.confinement import Below, below, open_below
from subtomo_store.files.data_folder import DEEPEST_NAME
from subtomo_store.files.readable import Readable
from subtomo_store.files.whole import TEMPORARY
from subtomo_store.formats.tomograms import leads_further

STAR = ".star"
TBL = ".tbl"
TABLES = (STAR, TBL)


class Registered(NamedTuple):
    """A folder, or a table (STAR, Dynamo) with its folder, and the folders which may be read."""

    source: Path
    roots: tuple[Path, ...]

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        return self.source if self.source.is_dir() else self.source.parent


class RegisteredFile(NamedTuple):
    """A file of a registered folder; confined again whenever it is opened."""

    path: Path
    roots: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Last part of its name."""
        return self.path.name

    def place(self) -> Below:
        """Where it lies now.

        Raises
        ------
        InputError
            If it lies outside of the allowed folders.
        """
        found = below(self.path, self.roots)
        if found is None:
            raise _leads_out(self.path.name)
        return found

    def open(self, _mode: Literal["rb"] = "rb", /) -> BinaryIO:
        """Open it for reading.

        Raises
        ------
        InputError
            If it is gone, or leads out of the allowed folders.
        """
        try:
            return os.fdopen(open_below(self.place()), "rb")
        except OSError as error:
            reason = error.strerror or str(error)
            detail = f"{self.name} cannot be read where it was registered ({reason})"
            raise InputError(Problem(detail, file=self.name)) from error


class Material:
    """All files of a dataset, by name; an uploaded file stands before a registered one."""

    def __init__(self, uploads: Path, registered: Registered | None = None):
        self._uploads, self._registered = uploads, registered
        self._lying = registered_files(registered) if registered else {}

    @property
    def chosen(self) -> str:
        """Name of the table or motive list that was registered itself; else empty."""
        source = self._registered and self._registered.source
        return source.name if source and source.name in self._lying and source.is_file() else ""

    def names(self) -> list[str]:
        """All names, sorted so that ``p2`` comes before ``p10``."""
        return sorted({*_uploaded(self._uploads), *self._lying}, key=_natural)

    def registered(self, name: str) -> RegisteredFile | None:
        """File of a registered folder; None for an uploaded one."""
        return None if self.uploaded(name).is_file() else self._lying.get(name)

    def uploaded(self, name: str) -> Path:
        """Path of an uploaded file."""
        return self._uploads / name

    def file(self, name: str) -> Readable:
        """File of a name."""
        return self.registered(name) or self.uploaded(name)


def registered_files(registered: Registered) -> dict[str, RegisteredFile]:
    """Files of a registered folder, by their names below it; hidden ones are left out.

    Beside a table which was registered itself, others in and below its folder are left out,
    unless it needs them: tables of tomograms, or the particles of an optimisation set.

    Raises
    ------
    InputError
        If a link leads out of the allowed folders, or the folder is gone.
    """
    source, roots = registered
    try:
        found = dict(_walk(registered.folder, roots, "", frozenset()))
    except OSError as error:
        detail = f"{source} cannot be read ({error.strerror}): register it again"
        raise InputError(Problem(detail, pointer="/source/path")) from error
    own = found.get(source.name)
    if _is_table(source) and (own is None or not leads_further(own, source.name)):
        others = {name for name in found if name.lower().endswith(TABLES)} - {source.name}
        found = {name: file for name, file in found.items() if name not in others}
    return found


def _is_table(source: Path) -> bool:
    return source.suffix.lower() in TABLES and not source.is_dir()


def _walk(
    folder: Path, roots: tuple[Path, ...], above: str, passed: frozenset[Path]
) -> Iterator[tuple[str, RegisteredFile]]:
    """Walk down; a link may lead anywhere in the allowed folders, but never round in a circle.

    A folder which is too deep to be looked into is named, with a slash at its end.
    """
    place = below(folder, roots)
    if place is None:
        raise _leads_out(above or folder.name)
    if place.path in passed:
        return
    if above.count("/") >= DEEPEST_NAME:
        yield above, RegisteredFile(folder, roots)
        return
    with os.scandir(place.path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name, path = above + entry.name, Path(entry.path)
            if entry.is_symlink() and below(path, roots) is None:
                raise _leads_out(name)
            if entry.is_dir():
                yield from _walk(path, roots, f"{name}/", passed | {place.path})
            elif entry.is_file():
                yield name, RegisteredFile(path, roots)


def _uploaded(uploads: Path) -> Iterator[str]:
    for parent, _, files in os.walk(uploads):
        for name in files:
            if not (name.startswith(".") and name.endswith(TEMPORARY)):
                yield (Path(parent).relative_to(uploads) / name).as_posix()


def _natural(name: str) -> tuple[Sequence[tuple[int, int | str]], str]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(p)) if p.isdecimal() else (1, p) for p in parts if p], name


def _leads_out(name: str) -> InputError:
    detail = (
        f"{name} is a link which leads out of the folders that this service may read: remove it, "
        "or ask the service's keeper to allow where it leads"
    )
    return InputError(Problem(detail, pointer="/source/path"))
