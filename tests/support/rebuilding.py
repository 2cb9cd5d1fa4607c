"""Averages at given poses by the plainest way, which shares nothing with the program."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]


def about_x(degrees: float) -> Array:
    """Right-handed rotation about x, written out."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def about_y(degrees: float) -> Array:
    """Right-handed rotation about y, written out."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def about_z(degrees: float) -> Array:
    """Right-handed rotation about z, written out."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def brought_back(volume: NDArray[np.floating], rotation: Array, shift: Array) -> Array:
    """A particle moved into the reference's frame: ``v(R x + t)``, by a cubic spline."""
    middle = np.full(3, volume.shape[0] // 2, float)
    turn = rotation[::-1, ::-1]
    offset = middle + shift[::-1] - turn @ middle
    moved: Array = ndimage.affine_transform(np.asarray(volume, float), turn, offset, order=3)
    return moved


def rebuilt(volumes: NDArray[np.floating], rotations: Array, shifts: Array) -> Array:
    """Mean of particles (N, n, n, n) brought back."""
    parts = zip(volumes, rotations, shifts, strict=True)
    mean: Array = np.mean([brought_back(*part) for part in parts], axis=0)
    return mean


def alike(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Correlation of two maps within the sphere that turns with its box."""
    half = first.shape[0] // 2
    z, y, x = np.ogrid[-half:half, -half:half, -half:half]
    inside = x * x + y * y + z * z < (half - 2) ** 2
    return float(np.corrcoef(first[inside].ravel(), second[inside].ravel())[0, 1])


def put_at(average: NDArray[np.floating], rotation: Array, shift: Array) -> Array:
    """An average at a pose, ``A(R^-1 (x - t))``, within the sphere that turns with its box."""
    box = average.shape[0]
    moved = brought_back(average, rotation.T, -rotation.T @ shift)
    z, y, x = np.indices((box,) * 3) - box // 2
    away = (x - shift[0]) ** 2 + (y - shift[1]) ** 2 + (z - shift[2]) ** 2
    moved[away > (box // 2 - 1) ** 2] = 0.0
    return moved
