"""Datasets whose files lie on the facility's disk already."""

from __future__ import annotations

import os
from pathlib import Path

from subtomo_core.errors import InputError, Problem
from subtomo_server.schemas import Source
from subtomo_store.settings import Settings

STAR = ".star"


def allowed_source(settings: Settings, source: Source | None) -> Path | None:
    """Give the real path of a folder or STAR file below one of the allow-listed roots.

    Raises
    ------
    InputError
        If it lies elsewhere (also by way of a link), or does not exist.
    """
    if source is None:
        return None
    path = source.path.expanduser().resolve()
    roots = [root.expanduser().resolve() for root in settings.source_roots]
    # What lies outside the roots is not even said to exist.
    if not any(path.is_relative_to(root) for root in roots):
        raise _refused(
            f"{source.path} is not below a folder which this service may read: ask its keeper "
            "to add one to SUBTOMO_SOURCE_ROOTS, or upload the files"
        )
    if not (path.is_dir() or (path.is_file() and path.suffix.lower() == STAR)):
        raise _refused(f"{source.path} is neither a folder nor a STAR file: correct the path")
    return path


def link_source(source: Path, uploads: Path) -> None:
    """Let a dataset's uploads point at the files of ``source``; nothing is copied.

    Raises
    ------
    InputError
        If a link in the folder leads out of it.
    """
    folder = source if source.is_dir() else source.parent
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            entry = Path(parent, name)
            if entry.is_symlink() and not entry.resolve().is_relative_to(folder):
                raise _refused(f"{entry.name} is a link which leads out of {folder}: remove it")
    uploads.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        other_star = entry.suffix.lower() == STAR and source.is_file() and entry != source
        if not entry.name.startswith(".") and not other_star:
            (uploads / entry.name).symlink_to(entry)


def _refused(detail: str) -> InputError:
    return InputError(Problem(detail, pointer="/source/path"))
