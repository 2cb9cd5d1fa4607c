"""A table of particles as everything beyond the formats sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.spec.missing_region import Formula
from subtomo_store.formats.star_stacks import StackRows
from subtomo_store.formats.star_write import USUAL_MICROSCOPE, Microscope

_STACK = re.compile(r"(\d+)@(.+)", re.DOTALL)
_HINT = re.compile(r"(?<=\w):(?:mrcs?|map|ccp4|rec|st|em)$", re.IGNORECASE)


class ImageName(NamedTuple):
    """Where a volume lies: a file, and its place from 0 in it when the file is a stack."""

    text: str
    path: str
    place: int | None

    @classmethod
    def parse(cls, text: str) -> ImageName:
        """Read ``path`` or RELION's ``000012@path``, which counts from 1.

        The format behind a colon, as Xmipp writes it (``path:mrc``), is left out.
        """
        match = _STACK.fullmatch(text)
        path = _HINT.sub("", text if match is None else match[2])
        return cls(text, path, None if match is None else int(match[1]) - 1)


@dataclass(frozen=True, eq=False)
class ParticleTable:
    """One row per particle, whatever table it came from; None where that has no such column.

    Attributes
    ----------
    images, ctf_images : tuple of ImageName
    rotations : array, shape (N, 3, 3)
        Reference to particle.
    shifts : array, shape (N, 3)
        Of the particles from their centres, x, y, z: in voxels, or else in ångström.
    voxel_sizes : array, shape (N,)
        In ångström.
    classes : array of int, shape (N,)
    half_sets : array of int, shape (N,)
        1 or 2.
    groups : array of int, shape (N,)
        The same number for rows that belong together.
    tomograms : tuple of str
        Names or numbers.
    microscope : Microscope
    voxel_column : str
        Where the voxel sizes stand.
    coordinates : array, shape (N, 3)
        Where the boxes lie in their tomograms, as the table counts: in voxels of the boxes, unless
        it gives another size. Only tables of results use them.
    turns : array, shape (N, 3, 3)
        Takes a vector of a particle's box to the frame of its tomogram, where boxes were cut out
        turned; exactly the unit matrix for those that were not.
    optics : tuple of tuple of str
        Number and name of each row's optics group.
    regions : tuple of Wedge, Pyramid, Cone or Complete
        Missing region of each row, where it was asked for.
    boxes : tuple of str
        What it says of the sides of the boxes, in voxels.
    stacks : StackRows or None
        What it tells of stacks of tilt images, where particles are stacks.
    remarks : tuple of str
        For the dataset's owner.
    """

    images: tuple[ImageName, ...]
    ctf_images: tuple[ImageName, ...] | None
    rotations: NDArray[np.float64] | None
    voxel_sizes: NDArray[np.float64] | None
    classes: NDArray[np.int64] | None
    half_sets: NDArray[np.int64] | None
    groups: NDArray[np.int64] | None
    tomograms: tuple[str, ...] | None
    shifts: NDArray[np.float64]
    shifts_in_voxels: bool
    microscope: Microscope = USUAL_MICROSCOPE
    voxel_column: str = "rlnImagePixelSize"
    coordinates: NDArray[np.float64] | None = None
    turns: NDArray[np.float64] | None = None
    optics: tuple[tuple[str, ...], ...] | None = None
    regions: tuple[Formula, ...] | None = None
    boxes: tuple[str, ...] = ()
    stacks: StackRows | None = None
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def shifts_angstrom(self, voxel_size: float) -> NDArray[np.float64]:
        """Shifts ``(N, 3)`` in ångström; ``voxel_size`` is for those which are in voxels."""
        return self.shifts * (voxel_size if self.shifts_in_voxels else 1.0)
