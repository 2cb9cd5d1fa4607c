"""Words which everything that takes particles in shares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from subtomo_store.datasets.stacks import Stacks
from subtomo_store.formats.particle_table import ParticleTable
from subtomo_store.formats.problems import named

NO_PARTICLES = "neither a volume (MRC, EM) nor a table (RELION STAR, Dynamo)"


class Place(NamedTuple):
    """Where a volume lies.

    Attributes
    ----------
    file : str
        Name below the uploads.
    position : int or None
        Place in a stack, from 0; None for the file's only volume.
    """

    file: str
    position: int | None


class Source(NamedTuple):
    """One particle: its volume, its weights, and its row in the table (from 1)."""

    name: str
    volume: Place
    weight: Place | None
    row: int | None


class Intake(NamedTuple):
    """All particles in order, with the table they came from and its file's name, if any.

    ``carried`` says that the tables of jobs carry that table through; others become new ones. Of
    ``stacks`` of tilt images it has what is known of the images; None for volumes.
    """

    sources: list[Source]
    table: ParticleTable | None
    listing: str
    remarks: list[str]
    carried: bool = False
    stacks: Stacks | None = None

    def row(self, index: int) -> int:
        """Row of the table (from 1) of a row that was taken in; some may have been left out."""
        rows = [source.row for source in self.sources]
        complete = self.table is not None and len(rows) == len(self.table)
        return (rows[index] if complete else None) or index + 1


def counted(number: int, what: str) -> str:
    """Say that one was, or that several were."""
    return f"1 {what} was" if number == 1 else f"{number} {what}s were"


def left_out(names: Iterable[str], reason: str) -> list[str]:
    """Say which files were left out and why; nothing where there is none."""
    found = list(names)
    if not found:
        return []
    return [f"{counted(len(found), 'file')} left out, {reason}: {named(found)}"]
