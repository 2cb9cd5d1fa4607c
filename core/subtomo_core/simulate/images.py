"""Images of a tilt series, and the subtomograms which are made of them.

Two forms of the same images: back-projections behind a missing region, and sums of images
multiplied by their contrast transfer with weights (as RELION's pseudo-subtomograms).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import ducc0
import numpy as np
from numpy.typing import NDArray

from subtomo_core.exact import sample_transform
from subtomo_core.fourier import to_real
from subtomo_core.simulate.microscope import Defocus, Microscope, dose_weight
from subtomo_core.simulate.scene import Placed
from subtomo_core.simulate.tilts import TiltSeries

Values = NDArray[np.float64]
Complex = NDArray[np.complex128]
Correction = Literal["flipped", "first zero", "none"]

_FIELD = 2  # images are this many boxes wide, so that nothing wraps round


@dataclass(frozen=True, eq=False)
class Camera:
    """Takes images of boxes of n voxels, _FIELD times as wide.

    Attributes
    ----------
    box : int
    voxel : float
        Ångström.
    microscope : Microscope
    tilts : TiltSeries
    """

    box: int
    voxel: float
    microscope: Microscope
    tilts: TiltSeries

    @property
    def side(self) -> int:
        """Width of an image in pixels."""
        return _FIELD * self.box

    def grid(self, side: int) -> tuple[Values, Values, Values, Values]:
        """U and v in pixels of a half transform of an image, frequency in 1/Å, and angle."""
        full = np.fft.fftfreq(side, 1.0 / side)
        v, u = np.meshgrid(full, np.arange(side // 2 + 1.0), indexing="ij")
        return u, v, np.hypot(u, v) / (side * self.voxel), np.arctan2(v, u)

    def points(self, side: int, planes: Values) -> Values:
        """Where components of images lie in the volume's transform, in Fourier pixels of the box.

        (T, side, side // 2 + 1, 3), order x, y, z.
        """
        u, v, _, _ = self.grid(side)
        a, b = planes[:, None, None, 0], planes[:, None, None, 1]
        return np.asarray((u[..., None] * a + v[..., None] * b) * (self.box / side))

    def projections(
        self, maps: NDArray[np.float32], box: Placed, planes: Values, chosen: slice = slice(None)
    ) -> Complex:
        """Transforms (T, side, side // 2 + 1) of projections, origin at the image's centre."""
        points = self.points(self.side, planes)
        flat = points.reshape(-1, 3)
        total = np.zeros(len(flat), np.complex128)
        for k, rotation, shift in zip(
            box.structures[chosen], box.rotations[chosen], box.shifts[chosen], strict=True
        ):
            phase = (-2.0 * math.pi / self.box) * (flat @ shift)
            total += sample_transform(maps[k], flat @ rotation) * np.exp(1j * phase)
        return np.asarray((total * self.box**1.5).reshape(points.shape[:-1]))

    def transfer(self, defocus: Defocus, side: int) -> Values:
        """Contrast transfer times what the dose leaves, (T, side, side // 2 + 1)."""
        _, _, frequency, angle = self.grid(side)
        contrast = self.microscope.contrast(frequency, angle, defocus)
        return np.stack([contrast * dose_weight(frequency, d) for d in self.tilts.doses])

    def detector(self, side: int) -> Values:
        """Transfer of the detector, (side, side // 2 + 1)."""
        _, _, frequency, _ = self.grid(side)
        return self.microscope.detector(frequency * 2.0 * self.voxel)


def recorded(camera: Camera, transforms: Complex) -> Values:
    """The part of images (T, n, n) which lies over the box, from their transforms."""
    images = np.fft.fftshift(np.fft.irfft2(transforms, (camera.side,) * 2), axes=(1, 2))
    inner = slice((camera.side - camera.box) // 2, (camera.side + camera.box) // 2)
    return np.asarray(images[:, inner, inner])


def weighted_sum(
    camera: Camera, images: Complex, defocus: Defocus
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sum S (n, n, n) of images times their transfer, and the weights W (n, n, n // 2 + 1).

    Images are multiplied before they are cut to the box, so that it holds what the transfer had
    spread. Each component of the cut image is shared out among the eight around it in the box's
    transform, and W is the sum of the squared transfers in the same shares. Where S = W A, the
    map A has the scale of the structure; the noise of S has a little less than the variance W.
    """
    n = camera.box
    passed = camera.transfer(defocus, camera.side) * camera.detector(camera.side)
    cut = recorded(camera, images * passed)
    own = np.fft.fft2(np.fft.ifftshift(cut, axes=(1, 2))) / n**1.5
    transfer = camera.transfer(defocus, n) * camera.detector(n)
    u, v = np.meshgrid(np.fft.fftfreq(n, 1.0 / n), np.fft.fftfreq(n, 1.0 / n))
    mirrored = u < 0
    rows, columns = np.where(mirrored, -v, v).astype(int) % n, np.abs(u).astype(int)
    power = transfer[:, rows, columns] ** 2
    inside = np.hypot(u, v) < n / 2 - 1
    planes = camera.tilts.planes
    points = u[inside][:, None] * planes[:, None, 0] + v[inside][:, None] * planes[:, None, 1]
    values = own[:, inside].ravel()
    parts = np.stack([values.real, values.imag, power[:, inside].ravel()])
    real, imaginary, weights = _spread(points.reshape(-1, 3), parts, n)
    return to_real((real + 1j * imaginary).astype(np.complex64)), weights.astype(np.float32)


def _spread(points: Values, values: Values, n: int) -> Values:
    """Values (c, m) at points (m, 3) shared out among the eight components around each.

    (c, n, n, n // 2 + 1).
    """
    low = np.floor(points).astype(np.int64)
    part = points - low
    grids = np.zeros((len(values), n**3))
    for corner in np.ndindex(2, 2, 2):
        share = np.prod([p if c else 1.0 - p for c, p in zip(corner, part.T, strict=True)], 0)
        x, y, z = ((low + corner) % n).T
        cell = (z * n + y) * n + x
        for number, value in enumerate(values):
            grids[number] += np.bincount(cell, share * value, n**3)
    return grids.reshape(-1, n, n, n)[..., : n // 2 + 1]


def back_projection(
    camera: Camera, images: Complex, defocus: Defocus, correction: Correction
) -> NDArray[np.float32]:
    """Weighted back-projection (n, n, n): each image times the ramp across its tilt axis."""
    n, side = camera.box, camera.side
    u, v, frequency, angle = camera.grid(side)
    across = np.where(camera.tilts.about_x[:, None, None], np.abs(v), np.abs(u))
    if correction == "flipped":
        factor = np.sign(camera.microscope.contrast(frequency, angle, defocus))
    elif correction == "first zero":
        factor = camera.microscope.before_first_zero(frequency, angle, defocus)
    else:
        factor = np.ones_like(frequency)
    dose = np.stack([dose_weight(frequency, d) for d in camera.tilts.doses])
    used = (np.hypot(u, v) < side / 2 - 1) & ((u > 0) | ((u == 0) & (v > 0)))
    values = (images * across * factor * dose)[:, used].reshape(-1)
    points = camera.points(side, camera.tilts.planes)[:, used].reshape(-1, 3)
    volume = ducc0.nufft.nu2u(
        points=values,
        coord=np.ascontiguousarray(points[:, ::-1] * (2.0 * math.pi / n)),
        forward=False,
        epsilon=1e-5,
        out=np.zeros((n,) * 3, np.complex128),
    )
    return np.asarray(volume.real / len(images), np.float32)
