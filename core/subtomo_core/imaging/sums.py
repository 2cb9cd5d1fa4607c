"""Sums and weights of images, which are added up as plane waves.

A component at p of an image is worth a plane wave in the box. The waves are added up, each times
a factor: the adjoint of taking central slices. No image is interpolated, so nothing is lost but
what the box cuts off. See docs/decisions/0051.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import ducc0
import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.imaging.components import FIELD, Array, ImageComponents

Volume = NDArray[np.float32]

_ERROR = 1e-5  # of the transform, relative to the norm
_ONE_THREAD = 1  # with more the last bits differ


@dataclass(frozen=True, eq=False)
class PlaneWaves:
    """Adds up the components of T images.

    Attributes
    ----------
    components : ImageComponents
    planes : ndarray, (T, 2, 3)
        Directions of the images' x and y axes in the box, order x, y, z.
    """

    components: ImageComponents
    planes: Array

    @cached_property
    def _plan(self) -> ducc0.nufft.plan:
        return ducc0.nufft.plan(
            nu2u=True,
            coord=self._coordinates,
            grid_shape=(self.components.box,) * 3,
            epsilon=_ERROR,
            nthreads=_ONE_THREAD,
        )

    @cached_property
    def _coordinates(self) -> NDArray[np.float32]:
        """Phases (T P, 3) of a step along z, y and x."""
        points = self.components.points(self.planes).reshape(-1, 3)
        phases = points[:, ::-1] * (2.0 * math.pi / self.components.box)
        return np.ascontiguousarray(phases, np.float32)

    @property
    def _shares(self) -> Array:
        return self.components.shares / (self.components.box**3 * FIELD**2)

    def added(self, values: NDArray[np.complexfloating]) -> Volume:
        """Sum (n, n, n) of the waves of ``values`` (T, P), in the map's scale."""
        out = np.zeros((self.components.box,) * 3, np.complex64)
        flat = np.ascontiguousarray(values * self._shares, np.complex64).reshape(-1)
        return np.ascontiguousarray(self._plan.nu2u(points=flat, forward=False, out=out).real)

    def weights(self, transfer: Array, observed: NDArray[np.bool_]) -> Volume:
        """Weights W (n, n, n // 2 + 1) of sums of images times their ``transfer`` (T, P).

        That are the squared transfers, spread by the box. White noise of variance v in the
        images' pixels is noise of variance v W / n in the components of the sum: exactly, as
        cutting a plane wave to the box spreads it over components by a product of Dirichlet
        kernels, and independent waves add up by their squares (Fejér kernels: triangles of the
        width of the box, in real space). Components which are not ``observed`` get 0.
        """
        n = self.components.box
        values = transfer**2 * self._shares
        lags = ducc0.nufft.nu2u(
            points=values.reshape(-1).astype(np.complex64),
            coord=self._coordinates,
            forward=False,
            epsilon=_ERROR,
            out=np.zeros((2 * n,) * 3, np.complex64),
            nthreads=_ONE_THREAD,
        ).real
        for axis in range(3):
            triangle = 1.0 - np.abs(np.arange(-n, n)) / n
            lags = np.moveaxis(lags, axis, -1) * triangle.astype(np.float32)
            lags = np.moveaxis(lags[..., :n] + lags[..., n:], -1, axis)
        # Lag 0 stands at voxel 0 now: -n and 0 came to the same place, as any l and l + n.
        found = np.fft.rfftn(lags).real
        return np.where(observed, np.maximum(found, 0.0), 0.0).astype(np.float32)

    def weighted_sum(
        self, values: NDArray[np.complexfloating], observed: NDArray[np.bool_]
    ) -> Volume:
        """Sum S (n, n, n) of ``values`` (T, P): images times their transfer. S = W A.

        Components further than one pixel from every image (not ``observed``) hold nothing but
        what the box's edges spread from others; they are 0, as their weights are.
        """
        return to_real(to_fourier(self.added(values)) * observed)
