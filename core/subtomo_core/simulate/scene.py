"""What stands in each particle's box: its structure, neighbours, or nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.rotations import random_rotations

_TRIES = 1000  # places tried for a neighbour


@dataclass(frozen=True)
class Crowd:
    """How particles lie, and what lies beside them.

    Attributes
    ----------
    shift_range : float
        Shifts are uniform in a cube of +- this many voxels.
    neighbours : int
        Other copies beside each particle, of any structure, in random poses.
    nearest, farthest : float
        Distance of their centres from the particle's, in boxes.
    junk : int
        Boxes without a particle, which have neighbours as all others.
    left_out_deg : tuple of float or None
        Band of the tilt angle (of the structure's z axis from the beam) which no particle has
        (Scheres 2009: preferred orientations).
    """

    shift_range: float = 3.0
    neighbours: int = 0
    nearest: float = 0.55
    farthest: float = 0.8
    junk: int = 0
    left_out_deg: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Placed:
    """Copies in one box: structures (m,), rotations (m, 3, 3), shifts (m, 3) in voxels.

    Attributes
    ----------
    shown : bool
        The first is the particle.
    """

    structures: NDArray[np.int64]
    rotations: NDArray[np.float64]
    shifts: NDArray[np.float64]
    shown: bool


def placed(
    counts: tuple[int, ...], crowd: Crowd, box: int, rng: np.random.Generator
) -> list[Placed]:
    """Boxes of all particles and of the junk, in random order.

    Raises
    ------
    InputError
        If there is nothing to place, or no room for the neighbours.
    """
    if not counts or min(counts) < 0 or sum(counts) < 1 or crowd.junk < 0:
        detail = "give one particle count for each structure, and at least one particle in all"
        raise InputError(Problem(detail))
    classes = rng.permutation(np.repeat(np.arange(-1, len(counts)), (crowd.junk, *counts)))
    return [_box(int(k), len(counts), crowd, box, rng) for k in classes]


def _box(k: int, kinds: int, crowd: Crowd, box: int, rng: np.random.Generator) -> Placed:
    own = [] if k < 0 else [k]
    structures = np.array([*own, *rng.integers(0, kinds, crowd.neighbours)], np.int64)
    rotations = random_rotations(rng, len(structures)) if len(structures) else np.zeros((0, 3, 3))
    if own:
        rotations[0] = _orientation(crowd, rng)
    centre = rng.uniform(-1.0, 1.0, 3) * crowd.shift_range
    shifts = [centre] * len(own)
    for _ in range(crowd.neighbours):
        shifts.append(_beside(shifts[len(own) :], centre, crowd, box, rng))
    return Placed(structures, rotations, np.array(shifts).reshape(-1, 3), bool(own))


def _orientation(crowd: Crowd, rng: np.random.Generator) -> NDArray[np.float64]:
    while True:
        rotation = random_rotations(rng, 1)[0]
        tilt = np.degrees(np.arccos(np.clip(rotation[2, 2], -1.0, 1.0)))
        low, high = crowd.left_out_deg or (-1.0, -1.0)
        if not low <= tilt <= high:
            return np.asarray(rotation)


def _beside(
    others: list[NDArray[np.float64]],
    centre: NDArray[np.float64],
    crowd: Crowd,
    box: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    for _ in range(_TRIES):
        direction = rng.normal(size=3)
        distance = box * rng.uniform(crowd.nearest, crowd.farthest)
        place = centre + distance * direction / np.linalg.norm(direction)
        if all(np.linalg.norm(place - other) > crowd.nearest * box for other in others):
            return np.asarray(place)
    raise InputError(
        Problem(
            f"there is no room for {crowd.neighbours} neighbours between {crowd.nearest:g} and "
            f"{crowd.farthest:g} boxes from the particle: ask for fewer"
        )
    )
