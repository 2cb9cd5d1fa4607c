"""Images of a tilt series: central slices through everything in a box, seen by a microscope."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier.nufft import sample_transform
from subtomo_core.imaging.components import Array, ImageComponents, Slices
from subtomo_core.imaging.microscope import Defocus, Microscope, dose_weight
from subtomo_core.simulate.scene import Placed
from subtomo_core.simulate.tilts import TiltSeries


@dataclass(frozen=True, eq=False)
class Camera:
    """Takes images of boxes of n voxels: their components, P of each, see `ImageComponents`.

    Attributes
    ----------
    box : int
        Side n of the particles in voxels.
    voxel : float
        Ångström, of a voxel and of a pixel.
    microscope : Microscope
    tilts : TiltSeries
    """

    box: int
    voxel: float
    microscope: Microscope
    tilts: TiltSeries

    @cached_property
    def components(self) -> ImageComponents:
        """Of the images, P of each."""
        return ImageComponents(self.box)

    @cached_property
    def frequency(self) -> Array:
        """Of each component, 1/ångström, (P,)."""
        return self.components.frequency(self.voxel)

    def contrast(self, defocus: Defocus) -> Array:
        """Contrast transfer and detector, which the signal and the specimen's noise pass, (P,)."""
        contrast = self.microscope.contrast(self.frequency, self.components.angle, defocus)
        return contrast * self.microscope.detector(2.0 * self.voxel * self.frequency)

    @cached_property
    def damage(self) -> Array:
        """What the dose leaves of the signal, (T, P)."""
        return np.stack([dose_weight(self.frequency, dose) for dose in self.tilts.doses])

    def transfer(self, defocus: Defocus) -> Array:
        """All that the signal passes, (T, P)."""
        return self.contrast(defocus) * self.damage

    def projections(self, maps: NDArray[np.float32], box: Placed, planes: Array) -> Slices:
        """Transforms (T, P), not scaled, of the sums of voxels along the beam.

        ``maps`` (K, n, n, n) are the structures; a membrane, number -1, is the last one.
        """
        points = self.components.points(planes).reshape(-1, 3)
        total = np.zeros(len(points), np.complex64)
        for number, rotation, shift in zip(box.structures, box.rotations, box.shifts, strict=True):
            phase = ((-2.0 * math.pi / self.box) * (points @ shift)).astype(np.float32)
            turned = np.exp(1j * phase)
            total += sample_transform(maps[number], points @ rotation) * turned
        return (total * np.float32(self.box**1.5)).reshape(len(planes), -1)

    def noise(
        self, variance: float, before: float, defocus: Defocus, rng: np.random.Generator
    ) -> Slices:
        """Transforms (T, P) of noise which has this variance in a pixel of a recorded image.

        The share ``before`` of it is in the specimen, and passes contrast transfer and detector.
        """
        white = self._white(rng) * math.sqrt(variance * (1.0 - before))
        if before > 0:
            components, contrast = self.components, self.contrast(defocus)
            passed = (components.shares * contrast**2).sum() / components.side**2
            white += self._white(rng) * contrast * math.sqrt(variance * before / passed)
        return white.astype(np.complex64)

    def _white(self, rng: np.random.Generator) -> NDArray[np.complex128]:
        """Transforms of white noise of variance 1 a pixel."""
        count = len(self.tilts.angles_deg)
        side = self.components.side
        images = rng.standard_normal((count, side, side), np.float32)
        return np.asarray(np.fft.rfft2(images)[:, self.components.used], np.complex128)
