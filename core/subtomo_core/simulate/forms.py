"""Subtomograms out of images, in two forms: back-projections, and sums with weights.

A component at p of an image is worth a plane wave in the box. Both forms add these waves up, each
times a factor (the adjoint of taking central slices), and differ in the factor alone. No image is
interpolated, so nothing is lost but what the box cuts off. See docs/decisions/0051.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import ducc0
import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.simulate.images import FIELD, Array, Camera, Slices
from subtomo_core.simulate.microscope import Defocus

Volume = NDArray[np.float32]
Correction = Literal["flipped", "first zero", "none"]

_ERROR = 1e-5  # of the transform, relative to the norm
_ONE_THREAD = 1  # with more the last bits differ


@dataclass(frozen=True, eq=False)
class Assembly:
    """Makes subtomograms of the images of one tomogram.

    Attributes
    ----------
    camera : Camera
    defocus : Defocus
        As it is assumed to be.
    visible : ndarray of bool, (T,)
        Images that can be used; the others count for nothing.
    correction : {"flipped", "first zero", "none"}
        Of the contrast transfer in back-projections.
    """

    camera: Camera
    defocus: Defocus
    visible: NDArray[np.bool_]
    correction: Correction

    @cached_property
    def _plan(self) -> ducc0.nufft.plan:
        return ducc0.nufft.plan(
            nu2u=True,
            coord=self._coordinates,
            grid_shape=(self.camera.box,) * 3,
            epsilon=_ERROR,
            nthreads=_ONE_THREAD,
        )

    @property
    def _coordinates(self) -> NDArray[np.float32]:
        """Phases (T P, 3) of a step along z, y and x."""
        points = self.camera.points(self.camera.tilts.planes).reshape(-1, 3)
        phases = points[:, ::-1] * (2.0 * math.pi / self.camera.box)
        return np.ascontiguousarray(phases, np.float32)

    @cached_property
    def _transfer(self) -> Array:
        return self.camera.transfer(self.defocus) * self.visible[:, None]

    @cached_property
    def _observed(self) -> NDArray[np.bool_]:
        return self.camera.observed(self.visible)

    @cached_property
    def _filter(self) -> Array:
        """What images are multiplied by before they are back-projected, (T, P)."""
        camera, microscope = self.camera, self.camera.microscope
        where = camera.frequency, camera.angle, self.defocus
        factor = np.ones_like(camera.frequency)
        if self.correction == "flipped":
            factor = np.where(microscope.contrast(*where) < 0, -1.0, 1.0)
        elif self.correction == "first zero":
            factor = microscope.before_first_zero(*where)
        ramps = camera.tilts.ramps
        # A ramp's mean over the pixel in which it turns is not 0.
        least = np.abs(ramps).sum(1, keepdims=True) / (4.0 * FIELD)
        ramp = np.maximum(np.abs(ramps @ camera.uv.T), least)
        visits = camera.tilts.visits(camera.points(camera.tilts.planes))
        return np.asarray(factor * ramp / visits * camera.damage * self.visible[:, None])

    def back_projection(self, slices: Slices) -> Volume:
        """Weighted back-projection (n, n, n) of images (T, P).

        Were there nothing but projecting, it would be the map behind the missing region, in the
        map's own scale.
        """
        return self._waves(slices * self._filter)

    def weighted_sum(self, slices: Slices) -> Volume:
        """Sum S (n, n, n) of images (T, P) times their transfer: S = W A, in the map's scale.

        Components further than one pixel from every image hold nothing but what the box's edges
        spread from others; they are 0, as their weights are.
        """
        return to_real(to_fourier(self._waves(slices * self._transfer)) * self._observed)

    def _waves(self, values: NDArray[np.complexfloating]) -> Volume:
        camera = self.camera
        scaled = values * (camera.shares / (camera.box**3 * FIELD**2))
        out = np.zeros((camera.box,) * 3, np.complex64)
        flat = np.ascontiguousarray(scaled, np.complex64).reshape(-1)
        return np.ascontiguousarray(self._plan.nu2u(points=flat, forward=False, out=out).real)

    @cached_property
    def weights(self) -> Volume:
        """Weights W (n, n, n // 2 + 1) of `weighted_sum`: squared transfers, spread by the box.

        White noise of variance v in the images' pixels is noise of variance v W / n in the
        components of S: exactly, as cutting a plane wave to the box spreads it over components
        by a product of Dirichlet kernels, and independent waves add up by their squares
        (Fejér kernels: triangles of the width of the box, in real space).
        """
        n = self.camera.box
        values = self._transfer**2 * (self.camera.shares / (n**3 * FIELD**2))
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
        return np.where(self._observed, np.maximum(found, 0.0), 0.0).astype(np.float32)
