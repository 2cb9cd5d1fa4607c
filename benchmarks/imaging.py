"""Subtomograms of phantoms, projected through a microscope with noise and back-projected.

After Xu & Alber (2012), *Generating simulated cryo-electron tomograms*: tilts one degree apart,
noise in the images, then a CTF (Cs 2 mm, defocus 4 um, here at 300 kV) without what lies beyond
its first zero and the MTF sinc(pi w / 2), then weighted back-projection. Gaussians are projected
exactly.
"""

from __future__ import annotations

import math

import ducc0
import numpy as np
from numpy.typing import NDArray

from subtomo_core.simulate import GaussianStructure

_WAVELENGTH, _CS, _DEFOCUS = 0.0196875, 2.0e7, 4.0e4  # ångström, 300 kV
_AMPLITUDE_CONTRAST = 0.07
_FIELD = 2  # images are this many boxes wide, so that nothing wraps round


class Microscope:
    """Makes subtomograms of one box, voxel size and tilt range."""

    def __init__(self, box: int, voxel_angstrom: float, tilt_deg: float) -> None:
        self.box, self.voxel = box, voxel_angstrom
        self.tilts = np.radians(np.arange(-tilt_deg, tilt_deg + 0.5))
        side = _FIELD * box
        full = np.fft.fftfreq(side, 1.0 / side)
        self.v, self.u = np.meshgrid(full, np.arange(side // 2 + 1), indexing="ij")
        radius = np.hypot(self.u, self.v)
        self.used = (radius < 0.8 * side / 2) & (self.u > 0)
        self.transfer = _ctf(radius / (side * voxel_angstrom)) * np.sinc(radius / side)
        u, v = self.u[self.used], self.v[self.used]
        cos, sin = np.cos(self.tilts)[:, None], np.sin(self.tilts)[:, None]
        points = np.stack([u * sin, np.broadcast_to(v, sin.shape[:1] + v.shape), u * cos], -1)
        self.points = (points * (2.0 * math.pi / side)).reshape(-1, 3)

    def take(
        self,
        structure: GaussianStructure,
        rotation: NDArray[np.float64],
        shift: NDArray[np.float64],
        snr: float,
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        """Subtomogram (n, n, n) of a structure at a pose.

        ``snr`` is the variance of the signal over that of the noise, in the images, over the
        box's width.
        """
        images = self._project(structure, rotation, shift)
        if np.isfinite(snr):
            n = self.box
            inner = slice(n * (_FIELD - 1) // 2, n * (_FIELD + 1) // 2)
            variance = images[:, inner, inner].var(axis=(1, 2)).mean()
            images = images + rng.normal(0.0, math.sqrt(variance / snr), images.shape)
        shifted = np.fft.ifftshift(images, axes=(1, 2))
        slices = np.fft.rfft2(shifted) * self.transfer * self.u  # the ramp of back-projection
        values = slices[:, self.used].reshape(-1).astype(np.complex128)
        volume = ducc0.nufft.nu2u(
            points=values,
            coord=self.points,
            forward=False,
            epsilon=1e-5,
            out=np.zeros((self.box,) * 3, np.complex128),
        )
        result: NDArray[np.float32] = (volume.real / len(self.tilts)).astype(np.float32)
        return result

    def _project(
        self,
        structure: GaussianStructure,
        rotation: NDArray[np.float64],
        shift: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Images (tilts, side, side), axes y and across."""
        centres = structure.centres @ rotation.T / self.voxel + shift
        widths = structure.widths / self.voxel
        side = _FIELD * self.box
        axis = np.arange(side) - side // 2
        across = np.outer(np.cos(self.tilts), centres[:, 0])
        across += np.outer(np.sin(self.tilts), centres[:, 2])
        x = np.exp(-0.5 * ((axis - across[..., None]) / widths[:, None]) ** 2)
        y = np.exp(-0.5 * ((axis - centres[:, 1, None]) / widths[:, None]) ** 2)
        heights = structure.amplitudes * math.sqrt(2.0 * math.pi) * widths
        seen: NDArray[np.float64] = np.einsum("m,my,tmx->tyx", heights, y, x, optimize=True)
        return seen


def _ctf(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Contrast, protein bright, up to the first zero, at frequencies in 1/ångström."""
    phase = (
        math.pi
        * _WAVELENGTH
        * frequency**2
        * (_DEFOCUS - 0.5 * _CS * (_WAVELENGTH * frequency) ** 2)
    )
    contrast = math.sqrt(1.0 - _AMPLITUDE_CONTRAST**2) * np.sin(phase)
    contrast = contrast + _AMPLITUDE_CONTRAST * np.cos(phase)
    first_zero = phase + math.asin(_AMPLITUDE_CONTRAST) > math.pi
    beyond = frequency >= frequency[first_zero].min(initial=math.inf)
    return np.where(beyond, 0.0, contrast)
