"""Point groups: their rotations, and what they leave to be searched and averaged.

Axes are RELION's: C and D have their main axis along z, D a two-fold axis along x; T has a
three-fold axis along z, O a four-fold one; I is I2, with two-fold axes along x, y and z and the
five-fold axes nearest to z in the plane of x and z (in I1: of y and z). See docs/conventions.md.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.rotations import angular_distance, from_euler, rotation_about
from subtomo_core.spec.point_groups import symmetry_name

Array = NDArray[np.float64]
_SAME_DEG = 1e-3


def symmetry_group(name: str) -> Array:
    """Rotations (m, 3, 3) of a point group: ``C7``, ``D7``, ``T``, ``O``, ``I``, ``I1``, ``I2``.

    The identity is the first element.

    Raises
    ------
    InputError
        If ``name`` is no point group of these.
    """
    try:
        known = symmetry_name(name)
    except ValueError as error:
        raise InputError(Problem(str(error), pointer="/symmetry")) from error
    if known[0] in "CD":
        order = int(known[1:])
        turns = rotation_about([0, 0, 1], 360.0 / order * np.arange(order))
        if known[0] == "C":
            return turns
        return np.concatenate([turns, turns @ rotation_about([1, 0, 0], 180.0)])
    return _closure(_generators(known))


def _generators(name: str) -> list[Array]:
    """Two rotations of which the others of T, O and I are products."""
    golden = (1.0 + math.sqrt(5.0)) / 2.0
    z = [0.0, 0.0, 1.0]
    axes: dict[str, tuple[tuple[list[float], int], tuple[list[float], int]]] = {
        "T": ((z, 3), ([0.0, math.sqrt(2.0 / 3.0), math.sqrt(1.0 / 3.0)], 2)),
        "O": ((z, 4), ([1.0, 1.0, 1.0], 3)),
        "I1": ((z, 2), ([0.0, 1.0, golden], 5)),
        "I2": ((z, 2), ([1.0, 0.0, golden], 5)),
    }
    return [rotation_about(axis, 360.0 / fold) for axis, fold in axes[name]]


def _closure(generators: list[Array]) -> Array:
    """All products of some rotations, in the order in which they are found."""
    found = [np.eye(3)]
    for element in found:  # grows while it is walked
        for generator in generators:
            product = generator @ element
            if angular_distance(np.stack(found), product).min() > _SAME_DEG:
                found.append(product)
    return np.stack(found)


def distance_modulo(first: Array, second: Array, group: Array) -> Array:
    """Angle in degrees between rotations (m, 3, 3) that ``group`` cannot tell apart, (m,).

    A reference with this symmetry looks alike from ``R`` and from ``R g``.
    """
    distances: Array = angular_distance((first[:, None] @ group), second[:, None]).min(1)
    return distances


def asymmetric_unit(group: Array, bandwidth: int) -> NDArray[np.float32]:
    """Which points of an Euler grid have to be searched: 1 there and 0 elsewhere.

    Shape (L + 1, 2 L, 2 L), axes beta, alpha, gamma, each ``pi index / L``. Of the rotations
    ``R g`` that show a reference alike, the one nearest to none at all is kept: of which the
    trace is the largest.
    """
    steps = 180.0 / bandwidth * np.arange(2 * bandwidth)
    unit = np.empty((bandwidth + 1, len(steps), len(steps)), np.float32)
    alpha, gamma = np.meshgrid(steps, steps, indexing="ij")
    for j in range(bandwidth + 1):
        R = from_euler(np.stack([alpha, np.full_like(alpha, steps[j]), gamma], -1))
        trace = np.einsum("kiab,gba->kig", R, group)
        unit[j] = trace[..., 0] >= trace.max(-1) - 1e-6
    return unit


def invariant_share(group: Array, degrees: Array) -> Array:
    """Share of the functions on a sphere, of degrees below ``degrees`` (s,), which are invariant.

    This much of white noise's power is left when a map is averaged over the group: 1 / order
    where a shell holds many independent components, more near the origin, where the copies of a
    component come to lie close to itself. From the characters: a rotation by w has the trace
    ``sin^2(L w / 2) / sin^2(w / 2)`` on the ``L^2`` functions of degree below L.
    """
    half = np.radians(angular_distance(group, np.eye(3))) / 2.0
    L = np.maximum(np.asarray(degrees, np.float64), 1.0)[:, None]
    sine = np.maximum(np.sin(half), 1e-12)
    traces = np.where(half > 1e-9, (np.sin(L * half) / sine) ** 2, L**2)
    share: Array = (traces / L**2).mean(1)
    return np.minimum(share, 1.0)
