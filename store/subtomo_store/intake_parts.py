"""Words which everything that takes particles in shares."""

from __future__ import annotations

from typing import NamedTuple

from subtomo_core.errors import InputError, Problem
from subtomo_store.formats.particle_table import ParticleTable
from subtomo_store.formats.text import MOST_PROBLEMS


class Problems:
    """Gathers problems; at the hundredth it stops the work."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, *problems: Problem) -> None:
        """Note problems.

        Raises
        ------
        InputError
            With all problems, once there are a hundred.
        """
        for problem in problems:
            self.found.append(problem)
            if len(self.found) >= MOST_PROBLEMS:
                last = Problem(f"stopped after {MOST_PROBLEMS} problems: there may be more")
                raise InputError(*self.found, last)

    def raise_all(self) -> None:
        """Raise everything found, if anything."""
        if self.found:
            raise InputError(*self.found)


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
    """All particles in order, with the table they came from and its file's name, if any."""

    sources: list[Source]
    table: ParticleTable | None
    listing: str
    remarks: list[str]
