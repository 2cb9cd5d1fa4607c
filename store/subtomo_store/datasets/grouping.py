"""Which particles of a sealed dataset belong together, as the core takes it."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from subtomo_core.data.folds import NOTHING_TOLD, Grouping
from subtomo_store.errors import StorageError
from subtomo_store.formats.particle_table import ParticleTable

GROUPING = "grouping.npz"
_FIELDS = ("halves", "groups", "tomograms")


def grouping_of(table: ParticleTable) -> Grouping:
    """What a table tells of its particles."""
    tomograms = table.tomograms
    return Grouping(
        halves=None if table.half_sets is None else table.half_sets - 1,
        groups=table.groups,
        tomograms=None if tomograms is None else np.unique(tomograms, return_inverse=True)[1],
    )


def write_grouping(folder: Path, grouping: Grouping) -> None:
    """Keep what a table told, if it told anything."""
    told = {name: labels for name in _FIELDS if (labels := getattr(grouping, name)) is not None}
    if told:
        np.savez(folder / GROUPING, allow_pickle=False, **told)


def read_grouping(folder: Path) -> Grouping:
    """What the dataset's table told; nothing where it was sealed before this was kept.

    Raises
    ------
    StorageError
        If the file is damaged.
    """
    try:
        with (folder / GROUPING).open("rb") as file, np.load(file, allow_pickle=False) as told:
            return Grouping(**{name: told[name] for name in _FIELDS if name in told})
    except FileNotFoundError:
        return NOTHING_TOLD
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise StorageError(f"dataset {folder.name} is damaged: {error}") from error
