"""What the particles themselves tell: their SNR, and how good an average of them can be."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from subtomo_core.data.truth import Truth
from subtomo_core.errors import InputError, Problem
from subtomo_core.score import Limits, PairSnr, limits, pair_snr
from subtomo_core.spec.missing_region import Weights
from subtomo_server.scoring.inputs import Inputs, NamedMap
from subtomo_server.scoring.particles import Known, Opened

_PAIRS = 100  # of each class


@dataclass(frozen=True)
class Requested:
    """What is asked of the particles.

    Attributes
    ----------
    pairs : int or None
        Of which the SNR is told, for each class; 0 for none, None for the usual number.
    images : int or None
        Images of which each sum with weights is made, to tell their SNR too.
    imposed : bool
        Jobs imposed the point groups.
    """

    pairs: int | None = None
    images: int | None = None
    imposed: bool = False


@dataclass(frozen=True, eq=False)
class SeenClass:
    """A class of the particles: its own number, how many there are, and their SNR if asked for."""

    number: int
    count: int
    snr: PairSnr | None


@dataclass(frozen=True, eq=False)
class Seen:
    """What particles tell.

    Attributes
    ----------
    known : Known
        The particles, and their poses.
    found : bool
        Poses are not known to be true: they were found, in these particles.
    classes : tuple of SeenClass
    limits : tuple of Limits
        Of each true map; none where true maps or true poses are not given.
    images : int or None
        Of each sum.
    """

    known: Known
    found: bool
    classes: tuple[SeenClass, ...]
    limits: tuple[Limits, ...]
    images: int | None

    @classmethod
    def of(cls, given: Inputs, opened: Opened, requested: Requested) -> Seen:
        """Measure particles by the true poses, or by those found where no true ones are given.

        Raises
        ------
        InputError
            If they do not go with what else was given.
        """
        source = given.true or given.found
        if source is None:
            raise InputError(Problem("--particles needs poses: give --true-poses, or --poses"))
        known = Known.of(opened, source)
        weighted = isinstance(known.particles.summary.missing, Weights)
        if requested.images is not None and not weighted:
            detail = "--images goes with --missing-from-weights: the SNR of a volume is no image's"
            raise InputError(Problem(detail))
        reached = _limits(given, known, requested.imposed) if given.true and given.truths else ()
        classes = tuple(
            _seen(known, k, _PAIRS if requested.pairs is None else requested.pairs)
            for k in range(len(known.numbers))
        )
        return cls(known, given.true is None, classes, reached, requested.images)

    @property
    def _what(self) -> str:
        weighted = isinstance(self.known.particles.summary.missing, Weights)
        return "sum with weights" if weighted else "volume"

    def lines(self) -> list[str]:
        """Sentences for a person."""
        known, told = self.known, [*self.known.remarks]
        alone = known.shared.left_out
        more = f" ({alone[0]} and {alone[1]} are in one alone)" if any(alone) else ""
        junk = f"; {known.shared.junk} others are junk" if known.shared.junk else ""
        told.append(
            f"particles: {len(known.shared.rows)} of {known.listing} with their poses in "
            f"{known.source}{more}{junk}"
        )
        for seen in self.classes:
            line = f"  class {seen.number}: {seen.count} particles"
            if seen.count < 2:
                line = f"  class {seen.number}: a single particle, which tells no SNR"
            elif seen.snr is not None:
                snr = f"{seen.snr.snr:.3g} ± {seen.snr.error:.1g}"
                line += f", SNR of a {self._what} {snr}{self._of_images(seen.snr)} "
                line += f"({seen.snr.pairs} pairs)"
            told.append(line)
        if self.found and any(seen.snr is not None for seen in self.classes):
            told.append("  poses which were found in these particles make their SNR too high")
        return told

    def _of_images(self, snr: PairSnr) -> str:
        if self.images is None:
            return ""
        value, error = snr.of_images(self.known.particles.summary.box, self.images)
        return f", of its images {value:.3g} ± {error:.1g}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        shared = self.known.shared
        return {
            "particles": len(shared.rows),
            "left_out": list(shared.left_out),
            "junk": shared.junk,
            "poses": "found" if self.found else "true",
            "remarks": [*self.known.remarks],
            "classes": [self._class(seen) for seen in self.classes],
        }

    def _class(self, seen: SeenClass) -> dict[str, Any]:
        told = {"class": seen.number, "particles": seen.count, "snr": None}
        if seen.snr is None:
            return told
        box = self.known.particles.summary.box
        image = seen.snr.of_images(box, self.images) if self.images else (None, None)
        return told | {
            "snr": {
                "of": self._what,
                "value": seen.snr.snr,
                "error": _finite(seen.snr.error),
                "image": image[0],
                "image_error": None if image[1] is None else _finite(image[1]),
                "pairs": seen.snr.pairs,
                "shells": [_finite(value) for value in seen.snr.shells],
                "correlation": [_finite(value) for value in seen.snr.correlation],
            }
        }


def _finite(value: float) -> float | None:
    """A number for JSON, which knows no other."""
    return float(value) if math.isfinite(value) else None


def _seen(known: Known, k: int, pairs: int) -> SeenClass:
    own = np.nonzero(known.poses.classes == k)[0]
    snr = None
    if pairs and len(own) > 1:
        poses = known.poses.rotations[own], known.poses.shifts[own]
        snr = pair_snr(known.particles, own, *poses, pairs=pairs)
    return SeenClass(known.numbers[k], len(own), snr)


def _limits(given: Inputs, known: Known, imposed: bool) -> tuple[Limits, ...]:
    """Of each true map; these stand in the order of the true classes' numbers."""
    truths, count = given.truths, len(known.numbers)
    if len(truths) != count:
        detail = f"{len(truths)} --truth for the {count} classes of {known.source}"
        numbers = ", ".join(map(str, known.numbers))
        raise InputError(Problem(f"{detail}: give one for each, in this order: {numbers}"))
    _check_box(truths[0], given.voxel_size, known)
    maps = np.stack([truth.array for truth in truths])
    truth = Truth(known.poses.classes, known.poses.rotations, known.poses.shifts, maps)
    groups = given.symmetries_of(count) if imposed else ("C1",) * count
    threads = os.cpu_count() or 1
    return tuple(
        limits(known.particles, truth, k, symmetry=group, threads=threads)
        for k, group in enumerate(groups)
    )


def _check_box(truth: NamedMap, voxel_size: float, known: Known) -> None:
    """Refuse a true map which is not on the particles' grid."""
    summary = known.particles.summary
    if len(truth.array) != summary.box:
        boxes = f"{len(truth.array)} voxels, the particles of {known.listing} one of {summary.box}"
        raise InputError(Problem(f"{truth.name} has a box of {boxes}: crop or pad the map"))
    if abs(voxel_size - summary.voxel_size_angstrom) > 0.01 * voxel_size:
        sizes = f"{voxel_size:g} Å, {known.listing} of {summary.voxel_size_angstrom:g} Å"
        detail = f"{truth.name} has voxels of {sizes}: resample the map, or say --voxel-size"
        raise InputError(Problem(detail))
