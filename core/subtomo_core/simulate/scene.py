"""What lies in each particle's box: its structure, neighbours, a membrane, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem, refuse_unless
from subtomo_core.orientation.rotations import from_euler, rotation_about
from subtomo_core.simulate.direct import Bands, Orientations, outside_bands
from subtomo_core.spec.strict import STRICT

Array = NDArray[np.float64]
Generator = np.random.Generator

_TRIES = 1000  # places tried for a neighbour
MEMBRANE = -1  # in place of a structure's number


@dataclass(frozen=True)
class Crowd:
    """How particles lie, and what lies beside them.

    Attributes
    ----------
    orientations : {"uniform", "about_y"}
        Uniform on SO(3), or about the y axis alone.
    left_out_deg : tuple of (float, float)
        Bands of the tilt angle, of the structure's z axis from the beam, which no particle has
        (preferred orientations, as in Scheres et al. 2009).
    shift_range : float
        Shifts are uniform in a cube of +- this many voxels.
    neighbours : int
        Other copies beside each particle, of any of the structures, in any orientation.
    nearest, farthest : float
        Distance of the neighbours' centres from the particle's, in boxes. Neighbours keep
        ``nearest`` from each other too.
    membrane_share : float
        Share of the boxes with a patch of membrane in any direction.
    membrane_distance : float
        Distance of the patch's centre from the particle's, in boxes.
    junk : int
        Boxes without a particle, which have neighbours and membranes as all others.
    empty : int
        Boxes of noise alone.
    """

    __pydantic_config__ = STRICT

    orientations: Orientations = "uniform"
    left_out_deg: Bands = ()
    shift_range: float = 3.0
    neighbours: int = 0
    nearest: float = 0.55
    farthest: float = 0.8
    membrane_share: float = 0.0
    membrane_distance: float = 0.45
    junk: int = 0
    empty: int = 0

    def __post_init__(self) -> None:
        rules = {
            "shift_range must lie between 0 and 100 voxels": 0 <= self.shift_range <= 100,
            "neighbours must lie between 0 and 12": 0 <= self.neighbours <= 12,
            "nearest and farthest must rise, from 0 to 1": 0 <= self.nearest < self.farthest <= 1,
            "membrane_share must lie between 0 and 1": 0 <= self.membrane_share <= 1,
            "membrane_distance must lie between 0 and 1": 0 <= self.membrane_distance <= 1,
            "junk and empty are counts from 0 up": min(self.junk, self.empty) >= 0,
            "left_out_deg are bands which rise, from 0 to 180": _rising(self.left_out_deg),
        }
        refuse_unless("this crowd", rules)


@dataclass(frozen=True, eq=False)
class Placed:
    """Everything in one box.

    Attributes
    ----------
    kind : int
        Structure of the particle, or -1 where there is none.
    structures : ndarray of int, (m,)
        The particle first, if there is one; `MEMBRANE` for a membrane.
    rotations : ndarray, (m, 3, 3)
    shifts : ndarray, (m, 3)
        Voxels, order x, y, z.
    """

    kind: int
    structures: NDArray[np.int64]
    rotations: Array
    shifts: Array


def placed(crowd: Crowd, counts: Sequence[int], box: int, rng: Generator) -> list[Placed]:
    """Contents of all boxes, in random order of their kinds.

    Raises
    ------
    InputError
        If there is nothing to place, no room for the neighbours, or no orientation is left.
    """
    if not counts or min(counts) < 0 or sum(counts) < 1:
        detail = "give one particle count for each structure, and at least one particle in all"
        raise InputError(Problem(detail))
    each = (crowd.empty, crowd.junk, *counts)
    kinds = rng.permutation(np.repeat(np.arange(-2, len(counts)), each))
    own = rng.spawn(len(kinds))  # what is beside one particle moves no other
    return [_filled(int(k), len(counts), crowd, box, g) for k, g in zip(kinds, own, strict=True)]


def _filled(kind: int, structures: int, crowd: Crowd, box: int, rng: Generator) -> Placed:
    centre = rng.uniform(-1.0, 1.0, 3) * crowd.shift_range
    things: list[tuple[int, Array, Array]] = []
    if kind >= 0:
        things.append((kind, _orientation(crowd, rng), centre))
    if kind > -2:
        places: list[Array] = []
        for _ in range(crowd.neighbours):
            places.append(_beside(places, centre, crowd, box, rng))
            number = int(rng.integers(0, structures))
            things.append((number, _anyhow(rng), places[-1]))
        if rng.uniform() < crowd.membrane_share:
            turn = _anyhow(rng)
            away = -crowd.membrane_distance * box * turn[:, 2]
            things.append((MEMBRANE, turn, centre + away))
    return Placed(
        max(kind, -1),
        np.array([number for number, _, _ in things], np.int64),
        np.array([turn for _, turn, _ in things]).reshape(-1, 3, 3),
        np.array([place for _, _, place in things]).reshape(-1, 3),
    )


def _anyhow(rng: Generator) -> Array:
    angles = [*rng.uniform(0.0, 360.0, 2), np.degrees(np.arccos(rng.uniform(-1.0, 1.0)))]
    return from_euler([angles[0], angles[2], angles[1]])


def _orientation(crowd: Crowd, rng: Generator) -> Array:
    def draw(_: int) -> Array:
        turn = _anyhow(rng)
        if crowd.orientations == "about_y":
            turn = rotation_about((0.0, 1.0, 0.0), rng.uniform(0.0, 360.0))
        return turn[None]

    turn: Array = outside_bands(draw, 1, crowd.left_out_deg)[0]
    return turn


def _beside(others: list[Array], centre: Array, crowd: Crowd, box: int, rng: Generator) -> Array:
    for _ in range(_TRIES):
        direction = rng.normal(size=3)
        distance = box * rng.uniform(crowd.nearest, crowd.farthest)
        place = np.asarray(centre + distance * direction / np.linalg.norm(direction))
        if all(np.linalg.norm(place - other) > crowd.nearest * box for other in others):
            return place
    raise InputError(
        Problem(
            f"there is no room for {crowd.neighbours} neighbours between {crowd.nearest:g} and "
            f"{crowd.farthest:g} boxes from the particle: ask for fewer"
        )
    )


def _rising(bands: Bands) -> bool:
    return all(0.0 <= low < high <= 180.0 for low, high in bands)
