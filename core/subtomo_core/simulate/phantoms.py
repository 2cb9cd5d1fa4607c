"""Phantoms of Gaussians with any symmetry: complexes, shells, helices, patches of membrane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.orientation.rotations import rotation_about
from subtomo_core.simulate.gaussians import GaussianStructure, asymmetric_blob

Points = NDArray[np.float64]

_LAYERS = 18.0  # ångström from the middle of a membrane to its head groups
_HEAD = 6.0  # ångström, width of a layer


def symmetric_phantom(
    symmetry: str, diameter_angstrom: float = 140.0, blobs: int = 8, seed: int = 5
) -> GaussianStructure:
    """Make a complex of a point group: ``blobs`` Gaussians in each asymmetric unit.

    Axes are those of `orientation.point_group_rotations`. The same arguments give the same
    phantom.

    Raises
    ------
    InputError
        If there is no such point group.
    """
    group = symmetry_group(symmetry)
    rng = np.random.default_rng(seed)
    outer = diameter_angstrom / 2.0
    directions = rng.normal(size=(blobs, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centres = outer * directions * rng.uniform(0.35, 0.85, (blobs, 1))
    widths = outer * rng.uniform(0.1, 0.16, blobs)
    amplitudes = rng.uniform(0.5, 1.5, blobs)
    structure = _copied(group, np.zeros((len(group), 3)), centres, widths, amplitudes)
    return structure if symmetry != "C1" else _centred(structure)


def shell(
    symmetry: str = "O", diameter_angstrom: float = 120.0, blobs: int = 4, seed: int = 9
) -> GaussianStructure:
    """Make a hollow shell of one small asymmetric subunit for each rotation of a point group.

    O gives 24 subunits (as ferritin), I gives 60 (as a small capsid), T gives 12.

    Raises
    ------
    InputError
        If there is no such point group.
    """
    group = symmetry_group(symmetry)
    radius = 0.4 * diameter_angstrom
    size = 2.2 * radius / np.sqrt(len(group))
    unit = asymmetric_blob(2.0 * size, blobs, seed)
    # A general direction: on no axis of any of the groups.
    outward = np.array([0.45, 0.16, 0.88])
    centres = unit.centres + radius * outward / np.linalg.norm(outward)
    still = np.zeros((len(group), 3))
    return _copied(group, still, centres, unit.widths, unit.amplitudes)


def helix(
    rise_angstrom: float = 22.0,
    twist_deg: float = 50.0,
    diameter_angstrom: float = 90.0,
    length_angstrom: float = 160.0,
    seed: int = 7,
) -> GaussianStructure:
    """Make a piece of a helix along z, of asymmetric subunits.

    Raises
    ------
    InputError
        If the rise does not lie between 0 and the length.
    """
    if not 0 < rise_angstrom < length_angstrom:
        raise InputError(Problem("the helix's rise must lie between 0 and its length"))
    count = int(length_angstrom / rise_angstrom)
    heights = rise_angstrom * (np.arange(count) - 0.5 * (count - 1))
    turns = rotation_about([0, 0, 1], twist_deg * np.arange(count))
    unit = asymmetric_blob(0.45 * diameter_angstrom, 5, seed)
    centres = unit.centres + np.array([0.3 * diameter_angstrom, 0.0, 0.0])
    moves = np.outer(heights, [0.0, 0.0, 1.0])
    return _copied(turns, moves, centres, unit.widths, unit.amplitudes)


def membrane_patch(diameter_angstrom: float = 200.0) -> GaussianStructure:
    """Make a round, flat patch of a lipid bilayer, its normal along z."""
    spacing = 1.5 * _HEAD
    steps = np.arange(-diameter_angstrom / 2, diameter_angstrom / 2, spacing)
    x, y = (a.ravel() for a in np.meshgrid(steps, steps))
    inside = np.hypot(x, y) < diameter_angstrom / 2
    flat = np.stack([x[inside], y[inside], np.full(inside.sum(), _LAYERS)], -1)
    centres = np.concatenate([flat, flat * [1.0, 1.0, -1.0]])
    return GaussianStructure(centres, np.full(len(centres), _HEAD), np.ones(len(centres)))


def _copied(
    turns: Points, moves: Points, centres: Points, widths: Points, amplitudes: Points
) -> GaussianStructure:
    copies = np.einsum("gij,mj->gmi", turns, centres) + moves[:, None]
    count = len(turns)
    return GaussianStructure(
        copies.reshape(-1, 3), np.tile(widths, count), np.tile(amplitudes, count)
    )


def _centred(structure: GaussianStructure) -> GaussianStructure:
    mass = structure.amplitudes * structure.widths**3
    centre = (mass[:, None] * structure.centres).sum(0) / mass.sum()
    return GaussianStructure(structure.centres - centre, structure.widths, structure.amplitudes)
