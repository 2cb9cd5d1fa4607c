"""Subtomograms out of images, in two forms: back-projections, and sums with weights.

Both add up plane waves (`imaging.sums`), and differ in the factor of the waves alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from subtomo_core.imaging.components import FIELD, Array, Slices
from subtomo_core.imaging.microscope import Defocus
from subtomo_core.imaging.sums import PlaneWaves, Volume
from subtomo_core.simulate.images import Camera

Correction = Literal["flipped", "first zero", "none"]


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
    def _waves(self) -> PlaneWaves:
        return PlaneWaves(self.camera.components, self.camera.tilts.planes)

    @cached_property
    def _transfer(self) -> Array:
        return self.camera.transfer(self.defocus) * self.visible[:, None]

    @cached_property
    def _observed(self) -> NDArray[np.bool_]:
        return self.camera.components.observed(self.camera.tilts.planes[self.visible])

    @cached_property
    def _filter(self) -> Array:
        """What images are multiplied by before they are back-projected, (T, P)."""
        camera, microscope = self.camera, self.camera.microscope
        components = camera.components
        where = camera.frequency, components.angle, self.defocus
        factor = np.ones_like(camera.frequency)
        if self.correction == "flipped":
            factor = np.where(microscope.contrast(*where) < 0, -1.0, 1.0)
        elif self.correction == "first zero":
            factor = microscope.before_first_zero(*where)
        ramps = camera.tilts.ramps
        # A ramp's mean over the pixel in which it turns is not 0.
        least = np.abs(ramps).sum(1, keepdims=True) / (4.0 * FIELD)
        ramp = np.maximum(np.abs(ramps @ components.uv.T), least)
        visits = camera.tilts.visits(components.points(camera.tilts.planes))
        return np.asarray(factor * ramp / visits * camera.damage * self.visible[:, None])

    def back_projection(self, slices: Slices) -> Volume:
        """Weighted back-projection (n, n, n) of images (T, P).

        Were there nothing but projecting, it would be the map behind the missing region, in the
        map's own scale.
        """
        return self._waves.added(slices * self._filter)

    def weighted_sum(self, slices: Slices) -> Volume:
        """Sum S (n, n, n) of images (T, P) times their transfer: S = W A, in the map's scale."""
        return self._waves.weighted_sum(slices * self._transfer, self._observed)

    @cached_property
    def weights(self) -> Volume:
        """Weights W (n, n, n // 2 + 1) of `weighted_sum`."""
        return self._waves.weights(self._transfer, self._observed)
