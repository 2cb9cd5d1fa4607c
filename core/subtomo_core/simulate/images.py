"""Images of a tilt series: central slices through everything in a box, seen by a microscope."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier.nufft import frequencies, sample_transform
from subtomo_core.simulate.microscope import Defocus, Microscope, dose_weight
from subtomo_core.simulate.scene import Placed
from subtomo_core.simulate.tilts import TiltSeries

Array = NDArray[np.float64]
Slices = NDArray[np.complex64]

FIELD = 2  # images are this many boxes wide, so that nothing wraps round into the box


@dataclass(frozen=True, eq=False)
class Camera:
    """Takes images of boxes of n voxels; an image is `FIELD` n = m pixels wide.

    Only components within the circle which fits the box's transform are kept, those of half the
    plane: P of them, the same for all images. All transforms have their origin at the centre.

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

    @property
    def side(self) -> int:
        """Width m of an image in pixels."""
        return FIELD * self.box

    @cached_property
    def used(self) -> NDArray[np.bool_]:
        """Which components of an image's half transform are kept, (m, m // 2 + 1)."""
        full = np.fft.fftfreq(self.side, 1.0 / self.side)
        radius = np.hypot(full[:, None], np.arange(self.side // 2 + 1))
        return np.asarray(radius <= self.side / 2 - FIELD)

    @cached_property
    def uv(self) -> Array:
        """Components (P, 2) in pixels of the box's transform: steps of 1 / `FIELD`."""
        rows, columns = np.nonzero(self.used)
        v = np.fft.fftfreq(self.side, 1.0 / self.side)[rows]
        return np.stack([columns.astype(np.float64), v], -1) / FIELD

    @cached_property
    def shares(self) -> Array:
        """Weight (P,) of each component in a sum over the whole plane: its mate's added."""
        return np.where(self.uv[:, 0] > 0, 2.0, 1.0)

    @cached_property
    def frequency(self) -> Array:
        """Of each component, 1/ångström, (P,)."""
        return np.asarray(np.hypot(self.uv[:, 0], self.uv[:, 1]) / (self.box * self.voxel))

    @cached_property
    def angle(self) -> Array:
        """Of each component, radians from the x axis, (P,)."""
        return np.arctan2(self.uv[:, 1], self.uv[:, 0])

    def points(self, planes: Array) -> Array:
        """Where the components of images lie in the box's transform, (T, P, 3)."""
        return np.asarray(self.uv @ planes)

    def observed(self, visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which components (n, n, n // 2 + 1) of the box lie within a pixel of an image's.

        Only images count that are ``visible`` (T,).
        """
        k = frequencies(self.box).astype(np.float32)
        edge = np.hypot(*self.uv.T).max()
        found = np.zeros(k.shape[:-1], bool)
        for a, b in self.tilts.planes[visible].astype(np.float32):
            found |= (np.abs(k @ np.cross(a, b)) < 1.0) & (np.hypot(k @ a, k @ b) <= edge)
        return found

    def contrast(self, defocus: Defocus) -> Array:
        """Contrast transfer and detector, which the signal and the specimen's noise pass, (P,)."""
        contrast = self.microscope.contrast(self.frequency, self.angle, defocus)
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
        points = self.points(planes).reshape(-1, 3)
        total = np.zeros(len(points), np.complex64)
        for number, rotation, shift in zip(box.structures, box.rotations, box.shifts, strict=True):
            phase = ((-2.0 * math.pi / self.box) * (points @ shift)).astype(np.float32)
            turned = np.exp(1j * phase)
            total += sample_transform(maps[number], points @ rotation) * turned
        return (total * np.float32(self.box**1.5)).reshape(len(planes), -1)

    def recorded(self, slices: Slices) -> NDArray[np.float32]:
        """The part of images (T, P) which lies over the box, (T, n, n), axes y, x."""
        whole = np.zeros((len(slices), *self.used.shape), np.complex64)
        whole[:, self.used] = slices
        images = np.fft.fftshift(np.fft.irfft2(whole, (self.side,) * 2), axes=(1, 2))
        first = self.side // 2 - self.box // 2
        inner = slice(first, first + self.box)
        return images[:, inner, inner].astype(np.float32)

    def noise(
        self, variance: float, before: float, defocus: Defocus, rng: np.random.Generator
    ) -> Slices:
        """Transforms (T, P) of noise which has this variance in a pixel of a recorded image.

        The share ``before`` of it is in the specimen, and passes contrast transfer and detector.
        """
        white = self._white(rng) * math.sqrt(variance * (1.0 - before))
        if before > 0:
            contrast = self.contrast(defocus)
            passed = (self.shares * contrast**2).sum() / self.side**2
            white += self._white(rng) * contrast * math.sqrt(variance * before / passed)
        return white.astype(np.complex64)

    def _white(self, rng: np.random.Generator) -> NDArray[np.complex128]:
        """Transforms of white noise of variance 1 a pixel."""
        count = len(self.tilts.angles_deg)
        images = rng.standard_normal((count, self.side, self.side), np.float32)
        return np.asarray(np.fft.rfft2(images)[:, self.used], np.complex128)
