"""The third form of the images: stacks of them, cut to the box, as RELION 5 keeps particles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.imaging.components import Array, Slices
from subtomo_core.imaging.microscope import Defocus
from subtomo_core.simulate.images import Camera


@dataclass(frozen=True, eq=False)
class Stacks:
    """Images of N particles in G tomograms of T images each, and what is assumed of them.

    Images are taken again whenever they are asked for: none is kept.

    Attributes
    ----------
    camera : Camera
        Box, pixel, microscope and tilts.
    premultiplied : bool
        Images are multiplied by contrast transfer and dose, before they are cut to the box.
    defocus : tuple of Defocus
        Of each tomogram, as it is assumed to be: that of its particles in all images.
    visible : ndarray of bool, (G, T)
        Images of each tomogram that are in the stacks.
    tomograms : ndarray of int, (N,)
        Tomogram of each particle.
    taken : callable
        Takes a particle's images (T, P), as they are.
    """

    camera: Camera
    premultiplied: bool
    defocus: tuple[Defocus, ...]
    visible: NDArray[np.bool_]
    tomograms: NDArray[np.int64]
    taken: Callable[[int], Slices]

    def images(self, index: int) -> NDArray[np.float32]:
        """Visible images (V, n, n) of a particle, axes y, x, protein bright.

        What the detector does is not made up for: the tables of stacks do not tell it.
        """
        tomogram = self.tomograms[index]
        visible = self.visible[tomogram]
        slices = self.taken(index)[visible]
        if self.premultiplied:
            slices = slices * self._told(self.defocus[tomogram])[visible]
        return self.camera.components.recorded(slices.astype(np.complex64))

    def _told(self, defocus: Defocus) -> Array:
        """Contrast transfer times dose, (T, P): all that the tables tell of the images."""
        camera = self.camera
        contrast = camera.microscope.contrast(camera.frequency, camera.components.angle, defocus)
        return contrast * camera.damage

    @property
    def ranks(self) -> NDArray[np.int64]:
        """Number (N,) of each particle among those of its tomogram, from 0."""
        ranks = np.empty(len(self.tomograms), np.int64)
        for tomogram in range(len(self.visible)):
            own = self.tomograms == tomogram
            ranks[own] = np.arange(own.sum())
        return ranks

    @property
    def places(self) -> Array:
        """Where particles lie from the tomogram's centre: voxels (N, 3), order x, y, z.

        A particle off the tilt axis has another defocus in each image. The simulated images
        have one, so particles stand in a row on the axis, a box apart. Dual-axis and conical
        series have no such axis: there they all lie in the centre.
        """
        middle = (np.bincount(self.tomograms)[self.tomograms] - 1) / 2.0
        steps: Array = (self.ranks - middle) * self.camera.box
        return steps[:, None] * self.camera.tilts.axis
