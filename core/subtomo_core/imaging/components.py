"""Components of images, and where they lie in the transform of a box."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier.nufft import frequencies

Array = NDArray[np.float64]
Slices = NDArray[np.complex64]

FIELD = 2  # images are this many boxes wide, so that nothing wraps round into the box


@dataclass(frozen=True, eq=False)
class ImageComponents:
    """Components of images of boxes of n voxels; an image is `FIELD` n = m pixels wide.

    Only components within the circle which fits the box's transform are kept, those of half the
    plane: P of them, the same for all images. All transforms have their origin at the centre.

    Attributes
    ----------
    box : int
        Side n of the particles in voxels.
    """

    box: int

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

    def frequency(self, voxel: float) -> Array:
        """Of each component, 1/ångström, (P,), where voxels have ``voxel`` ångström."""
        return np.asarray(np.hypot(self.uv[:, 0], self.uv[:, 1]) / (self.box * voxel))

    @cached_property
    def angle(self) -> Array:
        """Of each component, radians from the x axis, (P,)."""
        return np.arctan2(self.uv[:, 1], self.uv[:, 0])

    def points(self, planes: Array) -> Array:
        """Where the components of images lie in the box's transform, (T, P, 3).

        ``planes`` (T, 2, 3) are the directions of the images' x and y axes, order x, y, z.
        """
        return np.asarray(self.uv @ planes)

    def observed(self, planes: Array) -> NDArray[np.bool_]:
        """Which components (n, n, n // 2 + 1) of the box lie within a pixel of an image's."""
        k = frequencies(self.box).astype(np.float32)
        edge = np.hypot(*self.uv.T).max()
        found = np.zeros(k.shape[:-1], bool)
        for a, b in planes.astype(np.float32):
            found |= (np.abs(k @ np.cross(a, b)) < 1.0) & (np.hypot(k @ a, k @ b) <= edge)
        return found

    def recorded(self, slices: Slices) -> NDArray[np.float32]:
        """The part of images (T, P) which lies over the box, (T, n, n), axes y, x."""
        whole = np.zeros((len(slices), *self.used.shape), np.complex64)
        whole[:, self.used] = slices
        images = np.fft.fftshift(np.fft.irfft2(whole, (self.side,) * 2), axes=(1, 2))
        return images[:, self._inner, self._inner].astype(np.float32)

    def transformed(self, images: NDArray[np.float32]) -> Slices:
        """Components (T, P) of images (T, n, n), axes y, x, with nothing around them.

        The other way from `recorded`, but for what was cut off there.
        """
        whole = np.zeros((len(images), self.side, self.side), np.float32)
        whole[:, self._inner, self._inner] = images
        transforms = np.fft.rfft2(np.fft.ifftshift(whole, axes=(1, 2)))
        return transforms[:, self.used].astype(np.complex64)

    @property
    def _inner(self) -> slice:
        first = self.side // 2 - self.box // 2
        return slice(first, first + self.box)
