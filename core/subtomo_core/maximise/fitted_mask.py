"""Mask fitted to the molecule: a sphere about it, then its own shape.

What lies outside the molecule is noise in every reference, and in the correlation of the halves
(docs/decisions/0019-gains.md, 0054-the-shape-of-the-molecule.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from subtomo_core.arrays import Complex, Real
from subtomo_core.data.statistics import Model
from subtomo_core.fourier.masks import radii, soft_within
from subtomo_core.fourier.reference_mask import MASK_EDGE, mask_within
from subtomo_core.fourier.shells import on_components, radius_of, soft_edge
from subtomo_core.fourier.transforms import to_real
from subtomo_core.maximise.averages import Averages
from subtomo_core.plan import Settings
from subtomo_core.spec.mask_and_resolution import Mask

_HELD = 0.99  # of the molecule's squared density
_MARGIN = 4.0  # voxels from there to where the mask is one half; its edge is six wide
_WORTH = 2.5  # voxels by which the sphere is drawn in at least
_OUTER = (-3.0, 1.0)  # voxels about where the last mask was one half: no molecule there
_EMPTY = 0.1  # of the molecule's: a sphere with more than this in its outer part is full
_CLEAR = 0.2  # the same, up to which the molecule has a shape to be seen
_SMOOTH = 0.5  # width of the smoothing that shows it, over the resolution in use


def fitted(settings: Settings, averages: Averages, model: Model) -> Settings:
    """The settings with their sphere drawn in, where the job asks for it.

    Never beyond the radius which they have, and by nothing less than `_WORTH`: a molecule that
    all but fills the sphere would be cut in one iteration and found cut in the next, for ever. The
    largest class decides.
    """
    if not _fits(settings, model):
        return settings
    radius = max(found.radius for found in _agreements(settings, averages, model)) + _MARGIN
    if radius > settings.mask_radius - _WORTH:
        return settings
    return replace(settings, mask=mask_within(settings.box, radius), mask_radius=radius)


def shaped(settings: Settings, averages: Averages, model: Model) -> Settings:
    """The settings with the mask drawn in to the shapes of all classes, within the sphere.

    As it was where the shape of one of them cannot be seen.
    """
    if not _fits(settings, model) or model.iteration < 1:
        return settings
    shapes = [found.shape for found in _agreements(settings, averages, model)]
    seen = [shape for shape in shapes if shape is not None]
    if len(seen) < len(shapes):
        return settings
    return replace(settings, mask=np.max(seen, axis=0) * settings.mask)


def _fits(settings: Settings, model: Model) -> bool:
    mask = settings.spec.mask
    wanted = isinstance(mask, Mask) and bool(mask.fit)
    return wanted and model.iteration >= 0 and model.scaled


def _agreements(settings: Settings, averages: Averages, model: Model) -> list[Agreement]:
    halves = half_transforms(averages, model)
    return [Agreement.of(settings, halves, model, k) for k in range(settings.spec.classes)]


def half_transforms(averages: Averages, model: Model) -> tuple[list[Complex], list[Complex]]:
    """Averages of both halves, filled in where nothing was seen, of each class."""
    first, second = (averages.classes(model, None, 0.0, half) for half in (0, 1))
    return first, second


@dataclass(frozen=True, eq=False)
class Agreement:
    """What the half maps of a class agree on.

    They also agree on what they took from references made of both, evenly over the mask of
    these; where that falls off it tells how much it is.

    Attributes
    ----------
    settings : Settings
    shared : ndarray of float64, (n, n, n)
        Product of the half maps, which are not masked, so that a mask that was too small grows
        again. Shells count by how far halves agreed before.
    taken : ndarray of float64, (n, n, n)
        Squared mask of the references: where halves share their noise.
    background : float
        How much of that they share.
    resolution : float
        Resolution in use, voxels.
    """

    settings: Settings
    shared: NDArray[np.float64]
    taken: NDArray[np.float64]
    background: float
    resolution: float

    @classmethod
    def of(
        cls,
        settings: Settings,
        halves: tuple[list[Complex], list[Complex]],
        model: Model,
        class_index: int,
    ) -> Agreement:
        """That of one class, from `half_transforms`."""
        box = settings.box
        known = np.clip(model.fsc[class_index], 0.0, 1.0)
        known[: int(settings.start_shell) + 1] = 1.0
        passed = soft_edge(radius_of(box), model.shell_in_use) * on_components(known, box)
        first, second = (to_real(half[class_index] * passed) for half in halves)
        shared = first.astype(np.float64) * second
        edge = last_radius(settings, model)
        taken = mask_within(box, edge).astype(np.float64) ** 2
        held = np.any(model.maps != 0, axis=0)
        if held.any():
            taken *= held
        outer = _outer(box, edge)
        background = max(0.0, float(shared[outer].sum() / max(taken[outer].sum(), 1e-30)))
        return cls(settings, shared, taken, background, box / model.shell_in_use)

    @property
    def molecule(self) -> NDArray[np.float64]:
        """What is shared beyond noise, (n, n, n)."""
        return self.shared - self.background * self.taken

    @property
    def radius(self) -> float:
        """Radius in voxels about the origin that holds the molecule; all there is, if unknown."""
        last = int(self.settings.mask_radius)
        distance = np.rint(radii(self.settings.box)).astype(np.int64).ravel()
        spheres = np.bincount(distance, self.molecule.ravel()).astype(np.float64)
        radius = holding(np.cumsum(spheres[: last + 1]))
        if radius is None:
            return self.settings.mask_radius
        inside = float(self.shared.ravel()[distance <= radius].mean())
        return float(radius) if self.background < _EMPTY * inside else self.settings.mask_radius

    @property
    def shape(self) -> Real | None:
        """Soft mask (n, n, n) about the molecule; None where it does not stand out.

        About the voxels within the sphere where most is shared, smoothed, which together hold
        all but a hundredth of it.
        """
        sphere = self.settings.mask > 0
        molecule = self.molecule
        smooth = ndimage.gaussian_filter(molecule, _SMOOTH * self.resolution)
        order = np.argsort(-smooth[sphere], kind="stable")
        within = np.cumsum(molecule[sphere][order])
        if not within.max() > 0:
            return None
        count = int(np.argmax(within >= _HELD * within.max())) + 1
        region = sphere & (smooth >= smooth[sphere][order[count - 1]])
        if self.background > _CLEAR * float(self.shared[region].mean()):
            return None
        return soft_within(ndimage.distance_transform_edt(~region) - _MARGIN, MASK_EDGE)


def holding(within: NDArray[np.float64]) -> int | None:
    """First radius from which on all but a hundredth of the last sum is held.

    None where sums within spheres end at nothing, or do not grow towards their end.
    """
    short = np.flatnonzero(within < _HELD * within[-1])
    return int(short[-1]) + 1 if within[-1] > 0 and len(short) else None


def last_radius(settings: Settings, model: Model) -> float:
    """Radius in voxels at which the mask of the references was one half, from where they end."""
    held = np.any(model.maps != 0, axis=0)
    outermost = float(radii(settings.box)[held].max()) if held.any() else np.inf
    return min(settings.mask_radius, outermost - 0.5 * MASK_EDGE)


def _outer(box: int, edge: float) -> NDArray[np.bool_]:
    """Voxels about where the last mask was one half, (n, n, n)."""
    distance = np.rint(radii(box))
    return (distance >= int(edge + _OUTER[0])) & (distance <= int(edge + _OUTER[1]))
