"""Particles that are there twice.

A volume that counts as two particles confirms itself: in the average, where the one half knows
the noise of the other, and in the verdict, where the one holds what the other holds out.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import Problem
from subtomo_store.datasets.intake_parts import Intake, Place, Source
from subtomo_store.formats.problems import Problems

_WHY = (
    "a particle that is there twice confirms its own noise in averages, half maps and verdict: "
    "keep one of them"
)


def check_places(intake: Intake, problems: Problems) -> None:
    """Note a problem where several particles name one volume."""
    first: dict[Place, Source] = {}
    again = [
        (source, first[source.volume])
        for source in intake.sources
        if first.setdefault(source.volume, source) is not source
    ]
    if again:
        source, other = again[0]
        detail = (
            f"{intake.listing}, row {source.row}: {source.name} is the particle of row "
            f"{other.row} as well ({len(again)} such rows): {_WHY}"
        )
        problems.add(Problem(detail, file=intake.listing, row=source.row))


class Contents:
    """Looks at volumes one after the other, and remembers which were there before."""

    def __init__(self) -> None:
        self._places: set[Place] = set()
        self._first: dict[bytes, str] = {}
        self._again: list[tuple[Source, str]] = []

    def see(self, source: Source, volume: NDArray[np.float32]) -> None:
        """Note the volume of a particle."""
        self.note(source, self.digest(volume))

    @staticmethod
    def digest(array: NDArray[np.float32]) -> bytes:
        """Digest of what a particle holds."""
        return hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=16).digest()

    def note(self, source: Source, digest: bytes) -> None:
        """Note what a particle holds; one of a place which was there is told by its place."""
        if source.volume in self._places:
            return
        self._places.add(source.volume)
        first = self._first.setdefault(digest, source.name)
        if first is not source.name:
            self._again.append((source, first))

    def report(self, listing: str, problems: Problems) -> None:
        """Note a problem where particles hold the same voxels."""
        if not self._again:
            return
        source, other = self._again[0]
        where = "" if source.row is None else f" ({listing}, row {source.row})"
        detail = (
            f"{source.name} holds the same voxels as {other}{where}; {len(self._again)} such "
            f"particles: {_WHY}"
        )
        problems.add(Problem(detail, file=source.volume.file, row=source.row))
