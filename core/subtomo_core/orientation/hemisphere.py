"""Directions whose opposites are the same: evenly over a hemisphere, and bodies told by them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

Vectors = NDArray[np.float64]

_DIRECTIONS = 200
_NEAR = math.cos(math.radians(20.0))


def hemisphere(count: int = _DIRECTIONS) -> Vectors:
    """Unit vectors (count, 3), x, y, z, evenly over the hemisphere z > 0 (a Fibonacci lattice)."""
    number = np.arange(count) + 0.5
    z = 1.0 - number / count
    turn = number * np.pi * (3.0 - math.sqrt(5.0))
    across = np.sqrt(1.0 - z**2)
    return np.stack([across * np.cos(turn), across * np.sin(turn), z], axis=1)


def sphericity(axes: Vectors, radii: Vectors) -> float:
    """Area of the sphere of a body's volume over the body's own area: 1 for a sphere, else less.

    Parameters
    ----------
    axes : ndarray, (D, 3)
        Unit vectors over a hemisphere, at least four; the body is alike at their opposites.
    radii : ndarray, (D,)
        Of the body along them.

    References
    ----------
    Wadell (1935), J. Geol. 43, 250-280; of the 3D FSC, Tan et al. (2017). The surface consists of
    triangles, so that the value is over that of the unit sphere with the same corners.
    """
    corners = np.concatenate([axes, -axes])
    triangles = ConvexHull(corners).simplices
    scaled = corners * np.concatenate([radii, radii])[:, None]
    return _wadell(scaled[triangles]) / _wadell(corners[triangles])


def _wadell(triangles: Vectors) -> float:
    a, b, c = (triangles[:, i] for i in range(3))
    volume = float(np.abs(np.sum(a * np.cross(b, c), axis=1)).sum()) / 6.0
    area = float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2.0
    return float(np.pi ** (1 / 3) * (6.0 * volume) ** (2 / 3) / area)


def axis_words(axis: Vectors) -> str:
    """An axis in words: its name where it is within 20 degrees of one, else x, y and z."""
    aligned = np.flatnonzero(np.abs(axis) >= _NEAR)
    if len(aligned):
        return "xyz"[int(aligned[0])]
    return "({:.2f}, {:.2f}, {:.2f})".format(*axis)
