"""Averaging over a point group, in Fourier space."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import ducc0
import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.fourier.shells import radius_of
from subtomo_core.fourier.transforms import to_fourier, to_real

Matrix = NDArray[np.float64]
_CHUNK_POINTS = 4_000_000  # bounds the memory of one transform to about 100 MB
_EPSILON = 1e-4  # of the norm: a hundred times below the error of interpolation in the sums
_WHOLE = 1e-6  # from whole numbers: what elements of a group are off by


def symmetrised(
    transforms: NDArray[np.complex64],
    group: Matrix,
    r_max: float,
    rotation: Matrix | None = None,
    shift: Matrix | None = None,
) -> NDArray[np.complex64]:
    """Mean over a group of half transforms, after the motion to the group's axes is undone.

    A map that lies at the pose (Q, c), ``A(x) = B(Q^-1 (x - c))``, is brought to B and averaged:
    ``mean over g of exp(2 pi i (Q g k).c / n) A(Q g k)``. Sums of samples and sums of weights
    are averaged alike (the latter without c), so that each copy counts by what was seen of it.
    Values between components come from a non-uniform FFT. Elements that turn the grid onto
    itself need none: with h among these, and one r for each of their cosets, ``g = r h``.

    Parameters
    ----------
    transforms : ndarray of complex64, (m, n, n, n // 2 + 1)
    group : ndarray, (g, 3, 3)
    r_max : float
        Fourier pixels; components beyond are 0.
    rotation : ndarray, (3, 3), optional
        Q. Default: none.
    shift : ndarray, (3,), optional
        c in voxels, order x, y, z. Default: none.
    """
    box = transforms.shape[1]
    inside = (radius_of(box) <= r_max) & (radius_of(box) > 0)
    k = _frequencies(inside)
    exact, others = _cosets(group)
    turns = others if rotation is None else np.einsum("ij,gjk->gik", rotation, others)
    total = _turned(transforms, inside, k, turns, shift)
    result = np.zeros_like(transforms)
    result[:, 0, 0, 0] = transforms[:, 0, 0, 0]  # turns onto itself: exact, above all where 0
    result[:, inside] = _over_grid(total, inside, exact) / np.float32(len(group))
    return result


def _frequencies(inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Frequencies of the components ``inside`` (n, n, n // 2 + 1), order x, y, z: (J, 3)."""
    box, index = len(inside), np.argwhere(inside)
    return np.where(index < box / 2, index, index - box)[:, ::-1].astype(np.int64)


def _cosets(group: Matrix) -> tuple[NDArray[np.int64], Matrix]:
    """Elements that turn a grid onto itself, (h, 3, 3), and one of each of their cosets r h."""
    whole = np.abs(group - group.round()).max((1, 2)) < _WHOLE
    exact = group[whole].round().astype(np.int64)
    others: list[Matrix] = []
    for element in group:
        # The same coset: the way from the one to the other is one of the exact elements.
        ways = [other.T @ element for other in others]
        if not any(np.abs(way - way.round()).max() < _WHOLE for way in ways):
            others.append(element)
    return exact, np.stack(others)


def _turned(
    transforms: NDArray[np.complex64],
    inside: NDArray[np.bool_],
    k: NDArray[np.int64],
    turns: Matrix,
    shift: Matrix | None,
) -> NDArray[np.complex128]:
    """Sum over turns R of ``exp(2 pi i (R k).c / n) A(R k)``, (m, J)."""
    box = transforms.shape[1]
    total = np.zeros((len(transforms), len(k)), np.complex128)
    still = np.array([np.array_equal(turn, np.eye(3)) for turn in turns])
    if still.any():
        total += _shifted(transforms[:, inside], k.astype(np.float64), shift, box)
    moving = turns[~still]
    if not len(moving):
        return total
    grids = np.stack([to_real(t) for t in transforms]).astype(np.complex64)
    together = max(1, _CHUNK_POINTS // (len(k) * len(transforms)))
    for first in range(0, len(moving), together):
        # Written out: a product by BLAS may differ in the last bit with an array's address.
        points = np.einsum("gij,kj->gki", moving[first : first + together], k)
        values = _sample(grids, points.reshape(-1, 3)).reshape(len(grids), -1, len(k))
        total += _shifted(values, points, shift, box).sum(1)
    return total


def _shifted(
    values: NDArray[np.complex64], points: Matrix, shift: Matrix | None, box: int
) -> NDArray[np.complex64]:
    """``exp(2 pi i p.c / n)`` times the values at points p (..., 3)."""
    if shift is None or not shift.any():
        return values
    phases = np.exp(2j * math.pi / box * np.einsum("...i,i->...", points, shift))
    moved: NDArray[np.complex64] = values * phases.astype(np.complex64)
    return moved


def _over_grid(
    values: NDArray[np.complex128],
    inside: NDArray[np.bool_],
    exact: NDArray[np.int64],
) -> NDArray[np.complex64]:
    """Sum over elements h that turn the grid onto itself of the values (m, J) at ``h k``."""
    if len(exact) == 1:
        return values.astype(np.complex64)
    orbits = _orbits(inside.tobytes(), len(inside), exact.tobytes())
    total = np.zeros((len(values), orbits.members.shape[1]), np.complex128)
    for members, mates in zip(orbits.members, orbits.mates, strict=True):
        found = values[:, members]
        total += np.where(mates, found.conj(), found)
    whole = total.astype(np.complex64)[:, orbits.of]
    return np.where(orbits.flipped, whole.conj(), whole)


class _Orbits(NamedTuple):
    """Components that elements h turn onto each other; a sum over all h is one for each orbit.

    Attributes
    ----------
    members : ndarray of int, (h, orbits)
        Places of ``h k`` for one k of each orbit, or of its conjugate mate.
    mates : ndarray of bool, (h, orbits)
        It is the mate that is stored there.
    of : ndarray of int, (J,)
        Orbit of each component.
    flipped : ndarray of bool, (J,)
        The component is the mate of one in that orbit.
    """

    members: NDArray[np.int64]
    mates: NDArray[np.bool_]
    of: NDArray[np.int64]
    flipped: NDArray[np.bool_]


@lru_cache(maxsize=8)
def _orbits(inside: bytes, box: int, exact: bytes) -> _Orbits:
    """Orbits of the components ``inside`` (n, n, n // 2 + 1) under elements (h, 3, 3)."""
    within = np.frombuffer(inside, np.bool_).reshape(box, box, box // 2 + 1)
    k = _frequencies(within)
    place = np.empty(within.shape, np.int64)
    place[within] = np.arange(len(k))
    turned = np.einsum("hij,kj->hki", np.frombuffer(exact, np.int64).reshape(-1, 3, 3), k)
    mates = turned[..., 0] < 0
    turned[mates] *= -1
    places = place[turned[..., 2] % box, turned[..., 1] % box, turned[..., 0]]
    nearest = places.argmin(0)  # the element that leads to the first component of the orbit
    every = np.arange(len(k))
    first, of = np.unique(places[nearest, every], return_inverse=True)
    return _Orbits(places[:, first], mates[:, first], of, mates[nearest, every])


def symmetrised_map(
    volume: Real,
    group: Matrix,
    rotation: Matrix | None = None,
    shift: Matrix | None = None,
    *,
    r_max: float | None = None,
) -> Real:
    """Mean of a map (n, n, n) over a group, as `symmetrised` makes it, up to Nyquist or r_max."""
    reach = volume.shape[0] / 2 - 1.0 if r_max is None else r_max
    return to_real(symmetrised(to_fourier(volume)[None], group, reach, rotation, shift)[0])


def invariance(first: Complex, second: Complex, average: Complex) -> float:
    """Correlation that a map has with its average over a group, of noisy halves of it.

    From the half transforms of the one half, of the other, and of the other's average:
    ``sqrt(<first, average> / <first, second>)``. Averaging over a group projects, so the ratio is
    the share of the power that is invariant; halves whose noise is their own keep the noise
    out of it. 0 where the halves have nothing in common.
    """
    mates = np.full(first.shape[-1], 2.0)
    mates[0] = 1.0
    both, kept = (
        float(((first * np.conj(other)).real * mates).sum(dtype=np.float64))
        for other in (second, average)
    )
    return math.sqrt(min(1.0, max(0.0, kept) / both)) if both > 0 else 0.0


def _sample(grids: NDArray[np.complex64], points: Matrix) -> NDArray[np.complex64]:
    """Unitary transforms of volumes (m, n, n, n) at points (j, 3), order x, y, z: (m, j)."""
    box = grids.shape[1]
    coordinates = np.ascontiguousarray(points[:, ::-1] * (2.0 * math.pi / box), np.float32)
    values: NDArray[np.complex64] = ducc0.nufft.u2nu(
        grid=grids, coord=coordinates, forward=True, epsilon=_EPSILON
    )
    return values * np.float32(box**-1.5)
