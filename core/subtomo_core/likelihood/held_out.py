"""Components held out of everything that finds poses, which tell whether these mean anything.

Of each particle a few Fourier components take no part in any search nor in any sum, from the
survey to the last iteration: the free set of a crystallographer (Brünger 1992), for each particle
one of its own. What is noise there is independent of all poses, classes and references, however
these were found. See docs/decisions/0052-a-verdict-on-every-job.md.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.data.particles import Particles
from subtomo_core.fourier.band import Band
from subtomo_core.fourier.missing import Region
from subtomo_core.fourier.transforms import centreless, from_centreless
from subtomo_core.likelihood.observation import Samples
from subtomo_core.spec.dataset import DatasetSummary

SHARE = 1.0 / 32.0  # of a particle's components which are held out
_EDGE = 4  # of the cubes of components which are held out together, Fourier pixels
_DRAW = 51  # told apart from the draws of a job, which have its seed


class HeldOut(NamedTuple):
    """What a particle holds where nothing but the verdict looks.

    Attributes
    ----------
    points : ndarray of float32, (3, H)
        Frequencies x, y, z in pixels, none of them another's conjugate mate.
    shell : ndarray of int32, (H,)
    values : ndarray of complex64, (H,)
        S.
    weights : ndarray of float32, (H,)
        W.
    box : int
    """

    points: Real
    shell: NDArray[np.int32]
    values: Complex
    weights: Real
    box: int


@lru_cache(maxsize=4)
def _cubes(box: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Cube of each half component, and which is the first of its mates.

    (n n (n // 2 + 1),) each. On the plane kx = 0 both mates are stored; they lie in one cube.
    """
    full = np.fft.fftfreq(box, 1.0 / box).astype(np.int64)
    kz, ky, kx = np.meshgrid(full, full, np.arange(box // 2 + 1), indexing="ij")
    second = (kx == 0) & ((ky < 0) | ((ky == 0) & (kz < 0)))
    sign = np.where(second, -1, 1)
    offset = _EDGE * (box // (2 * _EDGE) + 1)
    places = [sign * k + offset for k in (kz, ky, kx)]
    place, side = [p // _EDGE for p in places], 2 * offset // _EDGE + 1
    number = ((place[0] * side + place[1]) * side + place[2]).reshape(-1)
    cubes = np.unique(number, return_inverse=True)[1].reshape(-1)
    first = ~second.reshape(-1)
    return cubes, first


def chosen(band: Band, index: int) -> NDArray[np.bool_]:
    """Which components of a band particle ``index`` holds out, (J,).

    They depend on the box and the particle's place in its dataset alone: jobs which go on from
    each other, or from each other's poses, hold out the same.
    """
    found: NDArray[np.bool_] = _draw(band.box, index)[_cubes(band.box)[0][band.index]]
    return found


def _draw(box: int, index: int) -> NDArray[np.bool_]:
    """Which cubes of a box particle ``index`` holds out."""
    cubes = int(_cubes(box)[0].max()) + 1
    return np.random.default_rng([_DRAW, index]).random(cubes) < SHARE


def without(samples: Samples, out: NDArray[np.bool_]) -> Samples:
    """Samples as if components ``out`` (J,) had not been observed."""
    zero = np.float32(0.0)
    return Samples(np.where(out, zero, samples.values), np.where(out, zero, samples.weights))


def apart(band: Band, samples: Samples, out: NDArray[np.bool_], r_max: float) -> HeldOut:
    """What is held out of samples (J,) of a band, up to ``r_max`` pixels."""
    first = _cubes(band.box)[1][band.index]
    inside = (band.points**2).sum(0) <= r_max * r_max
    where = np.flatnonzero(out & first & inside & (samples.weights > 0))
    return HeldOut(
        np.ascontiguousarray(band.points[:, where]),
        band.shell[where],
        samples.values[where],
        samples.weights[where],
        band.box,
    )


class Cleaned:
    """Particles without what they hold out: for a search under a mask.

    A mask carries every component over to its neighbours, the held-out ones too.
    """

    def __init__(self, particles: Particles):
        self._particles = particles

    @property
    def summary(self) -> DatasetSummary:
        """That of the particles."""
        return self._particles.summary

    def volume(self, index: int) -> Real:
        """Particle ``index``, (n, n, n), its held-out components 0."""
        transform = centreless(np.ascontiguousarray(self._particles.volume(index), np.float32))
        box = len(transform)
        transform.reshape(-1)[_draw(box, index)[_cubes(box)[0]]] = 0.0
        return from_centreless(transform)

    def weight(self, index: int) -> Real | None:
        """Its weights, as they are."""
        return self._particles.weight(index)

    def region(self, index: int) -> Region | None:
        """What it has observed."""
        return self._particles.region(index)
