"""Phantoms made of Gaussians: their density at any pose is exact."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from subtomo_core.orientation.rotations import rotation_about

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GaussianStructure:
    """A sum of isotropic 3D Gaussians.

    Attributes
    ----------
    centres : ndarray
        Shape (m, 3), ångström from the origin, order x, y, z.
    widths : ndarray
        Standard deviations (m,), ångström.
    amplitudes : ndarray
        Peak densities (m,).
    """

    centres: Points
    widths: Points
    amplitudes: Points

    def density(
        self,
        box: int,
        voxel_size_angstrom: float,
        rotation: ArrayLike | None = None,
        shift: ArrayLike = (0.0, 0.0, 0.0),
    ) -> NDArray[np.float32]:
        """Density (n, n, n) at a pose: rotation (3, 3), then shift (3,) in voxels, x, y, z."""
        R = np.eye(3) if rotation is None else np.asarray(rotation, np.float64)
        centres = self.centres @ R.T / voxel_size_angstrom + np.asarray(shift, np.float64)
        widths = self.widths / voxel_size_angstrom
        axis = np.arange(box) - box // 2
        offsets = axis[None, None, :] - centres.T[:, :, None]
        x, y, z = np.exp(-0.5 * (offsets / widths[:, None]) ** 2)
        planes = (y[:, :, None] * x[:, None, :]).reshape(len(centres), -1)
        volume: NDArray[np.float32] = ((z * self.amplitudes[:, None]).T @ planes).astype(np.float32)
        return volume.reshape(box, box, box)

    def with_peak(self, density: float) -> GaussianStructure:
        """The same structure, with this density at the densest of its Gaussians' centres."""
        apart = np.linalg.norm(self.centres[:, None] - self.centres, axis=2)
        found = np.exp(-0.5 * (apart / self.widths) ** 2) @ self.amplitudes
        return replace(self, amplitudes=self.amplitudes * (density / found.max()))


def barrel(diameter_angstrom: float = 140.0, blobs: int = 10, seed: int = 14) -> GaussianStructure:
    """Make a barrel of two seven-fold rings, back to back, with D7 symmetry, like GroEL.

    Each of the fourteen subunits holds the same ``blobs`` Gaussians. The axis is z, one
    two-fold axis is x. The same arguments give the same phantom.
    """
    rng = np.random.default_rng(seed)
    outer = diameter_angstrom / 2.0
    radius = outer * rng.uniform(0.48, 0.95, blobs)
    turn = rng.uniform(-0.4, 0.4, blobs)
    height = outer * rng.uniform(0.08, 1.0, blobs)
    unit = np.stack([radius * np.cos(turn), radius * np.sin(turn), height], -1)
    ring = rotation_about((0, 0, 1), 360.0 / 7.0 * np.arange(7))
    flip = np.stack([np.eye(3), rotation_about((1, 0, 0), 180.0)])
    group = np.einsum("fij,rjk->frik", flip, ring).reshape(-1, 3, 3)
    centres = np.einsum("gij,mj->gmi", group, unit).reshape(-1, 3)
    widths = np.tile(outer * rng.uniform(0.11, 0.15, blobs), len(group))
    amplitudes = np.tile(rng.uniform(0.6, 1.4, blobs), len(group))
    return GaussianStructure(centres, widths, amplitudes)


def asymmetric_blob(
    diameter_angstrom: float = 140.0, blobs: int = 16, seed: int = 3
) -> GaussianStructure:
    """Make a compact body of ``blobs`` Gaussians without any symmetry.

    The centre of mass lies at the origin. The same arguments give the same phantom.
    """
    rng = np.random.default_rng(seed)
    outer = diameter_angstrom / 2.0
    directions = rng.normal(size=(blobs, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    stretch = np.array([0.9, 0.65, 0.5])
    centres = outer * stretch * directions * rng.uniform(0.4, 1.0, (blobs, 1))
    widths = outer * rng.uniform(0.1, 0.2, blobs)
    amplitudes = rng.uniform(0.5, 1.5, blobs)
    mass = amplitudes * widths**3
    centres -= (mass[:, None] * centres).sum(0) / mass.sum()
    return GaussianStructure(centres, widths, amplitudes)


def four_gaussians(diameter_angstrom: float = 140.0) -> GaussianStructure:
    """Set four unlike Gaussians at the corners of an uneven tetrahedron, centred on their mass.

    References
    ----------
    Xu & Alber (2012), the phantom of their tests: four 3D Gaussian functions.
    """
    outer = diameter_angstrom / 2.0
    corners = np.array([[0.62, 0.0, -0.1], [-0.3, 0.55, 0.0], [-0.25, -0.5, 0.2], [0.0, 0.1, 0.65]])
    widths = outer * np.array([0.24, 0.2, 0.16, 0.18])
    amplitudes = np.array([1.0, 1.2, 0.9, 0.8])
    mass = amplitudes * widths**3
    centre = (mass[:, None] * corners).sum(0) / mass.sum()
    return GaussianStructure(outer * (corners - centre), widths, amplitudes)
