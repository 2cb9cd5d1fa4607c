"""Datasets whose files lie on the facility's disk already."""

from __future__ import annotations

from pathlib import Path

from subtomo_core.errors import InputError, Problem
from subtomo_server.datasets.schemas import Source
from subtomo_store.config.settings import Settings
from subtomo_store.datasets.material import TABLES, Registered, registered_files
from subtomo_store.files.confinement import below
from subtomo_store.formats.av3 import is_av3
from subtomo_store.formats.pytom import is_pytom


def allowed_source(settings: Settings, source: Source | None) -> Path | None:
    """Give the real path of a folder, table or motive list below an allow-listed root.

    Raises
    ------
    InputError
        If it lies elsewhere (also by way of a link), does not exist, or holds a link which
        leads out.
    """
    if source is None:
        return None
    place = below(source.path, settings.source_roots)
    # What lies outside the roots is not even said to exist.
    if place is None:
        raise _refused(
            f"{source.path} is not below a folder which this service may read: ask its keeper "
            "to add one to SUBTOMO_SOURCE_ROOTS, or upload the files"
        )
    path = place.path
    if not (path.is_dir() or (path.is_file() and _is_table(path))):
        raise _refused(
            f"{source.path} is neither a folder nor a STAR file or Dynamo table, nor a motive "
            "list: correct the path"
        )
    registered_files(Registered(path, settings.source_roots))
    return path


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in TABLES or is_pytom(path, path.name) or is_av3(path, path.name)


def _refused(detail: str) -> InputError:
    return InputError(Problem(detail, pointer="/source/path"))
