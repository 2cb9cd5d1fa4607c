"""Starting poses of a refinement: evenly spread rotations, each with its best shift."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from subtomo_core.kernels import pairs
from subtomo_core.likelihood.rings import ShiftGrid
from subtomo_core.orientation.rotations import even_rotations, from_rotation_vectors, rotation_about
from subtomo_core.refiners.climbing import FREE, about
from subtomo_core.refiners.pairs import Array, FourierPair
from subtomo_core.refiners.seam import Starts

_SHIFT_RADIUS = 12.0  # shifts of starts are found within this many shells at most

# A grid of Euler angles has 4 pi^3 / step^3 points; as many, evenly spread, stand nearer.
_EULER = (2.0 / math.pi) ** (1.0 / 3.0)

_Z = np.array([0.0, 0.0, 1.0])


def everywhere(pair: FourierPair, step_deg: float) -> Starts:
    """Rotations evenly spread over SO(3), as many as Euler angles ``step_deg`` apart make.

    108 at 60 degrees (the number of Xu & Alber 2012), 256 at 45.
    """
    rotations = even_rotations(_EULER * step_deg)
    return Starts(rotations, best_shifts(pair, rotations), FREE)


def about_axis(
    pair: FourierPair, fixed_normal: ArrayLike, moved_normal: ArrayLike, step_deg: float
) -> Starts:
    """Rotations ``R_f^-1 Rz(phi) R_g`` every ``step_deg``; only phi and the shift are free.

    Parameters
    ----------
    fixed_normal, moved_normal : array_like, (3,)
        The same axis (a membrane's normal) seen in f and in g, order x, y, z.
    """
    back = to_z(fixed_normal).T
    turns = rotation_about(_Z, np.arange(0.0, 360.0 - 1e-6, step_deg))
    rotations = back @ turns @ to_z(moved_normal)
    return Starts(rotations, best_shifts(pair, rotations), about(back @ _Z))


def to_z(normal: ArrayLike) -> Array:
    """The least rotation (3, 3) that brings a direction (3,) to z."""
    unit = np.asarray(normal, np.float64)
    unit = unit / np.linalg.norm(unit)
    axis = np.cross(unit, _Z)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-12:
        return np.eye(3) if unit[2] > 0 else np.diag([1.0, -1.0, -1.0])
    return from_rotation_vectors(axis / sine * np.arctan2(sine, unit[2]))


def best_shifts(pair: FourierPair, rotations: Array, radius: float = _SHIFT_RADIUS) -> Array:
    """For each rotation (m, 3, 3) the shift (m, 3) at which f and g agree best."""
    fixed = pair.fixed if radius >= pair.fixed.support.reach else pair.fixed.within(radius)
    support = fixed.support
    grid = ShiftGrid.covering(support, pair.reach)
    best = np.empty((len(rotations), 3))
    pairs.best_shifts(
        pair.moved.grid,
        pair.moved.table,
        support.points,
        fixed.samples,
        fixed.weights,
        np.ascontiguousarray(rotations),
        grid.runs,
        grid.waves,
        grid.shifts,
        pair.reach,
        support.box,
        best,
    )
    return best
