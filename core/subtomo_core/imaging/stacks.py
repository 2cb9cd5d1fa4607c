"""Sums and weights of particles that come as stacks of images."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from subtomo_core.imaging.components import Array, ImageComponents
from subtomo_core.imaging.microscope import Defocus, Microscope, decay, dose_weight
from subtomo_core.imaging.sums import PlaneWaves, Volume

T = TypeVar("T")

_MOST_KEPT = 4


@dataclass(frozen=True, eq=False)
class Views:
    """What is known of T images of a particle.

    Attributes
    ----------
    planes : ndarray, (T, 2, 3)
        Directions of the images' x and y axes in the particle's box, order x, y, z.
    microscope : Microscope
    defocus : tuple of Defocus
        Of the particle in each image.
    doses : ndarray, (T,)
        Electrons per square ångström.
    scales : ndarray, (T,)
        What else is left of the signal's amplitude.
    b_factor : float
        Of the dose's damage, in Å² for an electron per Å²; 0 for Grant and Grigorieff's law.
    premultiplied : bool
        Whether images are multiplied by their transfer already.
    """

    planes: Array
    microscope: Microscope
    defocus: tuple[Defocus, ...]
    doses: Array
    scales: Array
    b_factor: float = 0.0
    premultiplied: bool = True

    def transfer(self, components: ImageComponents, voxel: float) -> Array:
        """All that the signal passes, (T, P): contrast transfer, dose and scale."""
        frequency = components.frequency(voxel)
        rows = [
            scale
            * self.microscope.contrast(frequency, components.angle, defocus)
            * self._damage(frequency, dose)
            for defocus, dose, scale in zip(
                self.defocus, self.doses.tolist(), self.scales.tolist(), strict=True
            )
        ]
        return np.stack(rows)

    def _damage(self, frequency: Array, dose: float) -> Array:
        if self.b_factor > 0:
            return decay(frequency, dose, self.b_factor)
        return dose_weight(frequency, dose)


class Sum(NamedTuple):
    """A particle as the engine takes it.

    Attributes
    ----------
    volume : ndarray of float32, (n, n, n)
        Sum S of the images times their transfer.
    weights : ndarray of float32, (n, n, n // 2 + 1)
        Weights W: S = W A, with noise of the variance W.
    """

    volume: Volume
    weights: Volume


class StackSums:
    """Makes sums with weights of stacks of images; any number of threads may ask at once.

    Parameters
    ----------
    box : int
        Side n in pixels and voxels.
    voxel : float
        Ångström.
    """

    def __init__(self, box: int, voxel: float):
        self._components, self._voxel = ImageComponents(box), voxel
        self._observed = _Kept[NDArray[np.bool_]]()
        self._weights = _Kept[Volume]()

    def sum(self, images: NDArray[np.float32], views: Views) -> Sum:
        """Sum and weights of the images (T, n, n), axes y, x, of a particle."""
        components = self._components
        waves = PlaneWaves(components, views.planes)
        observed = self._observed.get(
            _digest(views.planes), lambda: components.observed(views.planes)
        )
        transfer = views.transfer(components, self._voxel)
        slices = components.transformed(images)
        values = slices if views.premultiplied else slices * transfer
        weights = self._weights.get(
            _digest(views.planes, transfer), lambda: waves.weights(transfer, observed)
        )
        return Sum(waves.weighted_sum(values, observed), weights)


class _Kept(Generic[T]):
    """The last few arrays that were made: particles of one tomogram often share them."""

    def __init__(self) -> None:
        self._made: OrderedDict[bytes, T] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes, make: Callable[[], T]) -> T:
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = make()
        with self._lock:
            self._made[key] = made
            while len(self._made) > _MOST_KEPT:
                self._made.popitem(last=False)
        return made


def _digest(*arrays: Array) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
