"""What a volume file's header says, whichever its format, and what is asked of it."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from subtomo_core.errors import InputError, Problem

LARGEST_SIDE = 1 << 16
LARGEST_BYTES = 1 << 44
UNSET = 1.0
BY_DEFAULT = "as many programs write where they know none"


class VolumeHeader(NamedTuple):
    """The parts of a header that a reader needs.

    Attributes
    ----------
    dtype : numpy dtype
        Of one voxel, with its byte order.
    offset : int
        Bytes before the first voxel.
    file_shape : tuple of int
        Sections, rows, columns as they lie in the file, all volumes together.
    order : tuple of int
        ``file_volume.transpose(order)`` is ``[z, y, x]``.
    volumes : int
        Number of volumes one behind the other.
    shape : tuple of int
        One volume's ``(z, y, x)``.
    voxel_sizes : tuple of float
        In ångström along x, y, z, as the header gives them.
    kind : str
        The file's format.
    own : bool
        Whether this program wrote the file: it writes no voxel size which it does not know.
    extended : int
        Bytes between the header and the first voxel.
    counted : bool
        Whether the header is silent about its volumes, which a table counts.
    """

    dtype: np.dtype[Any]
    offset: int
    file_shape: tuple[int, int, int]
    order: tuple[int, int, int]
    volumes: int
    shape: tuple[int, int, int]
    voxel_sizes: tuple[float, float, float]
    kind: Literal["MRC", "EM"] = "MRC"
    own: bool = False
    extended: int = 0
    counted: bool = False

    @property
    def voxel_size(self) -> float | None:
        """In ångström; None where the header gives none.

        That is one of 0, negative or not finite, and one of 1, which other programs write where
        they know none.
        """
        said = self.said_voxel_size
        return None if said == UNSET and not self.own else said

    @property
    def said_voxel_size(self) -> float | None:
        """As the header says it, in ångström; None where that is no length."""
        if not all(math.isfinite(size) and size > 0 for size in self.voxel_sizes):
            return None
        return round(sum(self.voxel_sizes) / 3, 5)

    @property
    def data_bytes(self) -> int:
        """Bytes of all voxels."""
        sections, rows, columns = self.file_shape
        return sections * rows * columns * self.dtype.itemsize

    @property
    def usual_offset(self) -> int:
        """Bytes before the first voxel where there is no extended header."""
        return self.offset - self.extended

    @property
    def voxel_size_field(self) -> str:
        """Field of the header with the voxel size, if its format has one."""
        return "" if self.kind == "EM" else "cella"

    @property
    def unknown_voxel_size(self) -> str:
        """Say why it has no voxel size."""
        if self.kind == "EM":
            return "EM files do not tell their voxel size"
        if self.said_voxel_size == UNSET:
            return f"the voxel size in its header is 1 Å, {BY_DEFAULT}"
        return "the voxel size in its header is 0"


def refuse(name: str, sentence: str, column: str = "") -> InputError:
    """Return an error about one file, which the sentence names."""
    return InputError(Problem(f"{name}: {sentence}", file=name, column=column))


def check_cubic(header: VolumeHeader, name: str) -> int:
    """Return the side of a cubic volume of cubic voxels.

    Raises
    ------
    InputError
        If the sides of the volume or of its voxels differ.
    """
    z, y, x = header.shape
    if not z == y == x:
        hint = " (a 2D image: Subtomo averages 3D volumes)" if z == 1 else ""
        if x == y and z > x and z % x == 0:
            hint = f": if they are {z // x} volumes, name them in a STAR file (000001@{name}, ...)"
        raise refuse(name, f"{x} x {y} x {z} voxels are not a cube{hint}", "nx, ny, nz")
    if header.voxel_size and max(header.voxel_sizes) > 1.01 * min(header.voxel_sizes):
        shown = " x ".join(f"{size:.4g}" for size in header.voxel_sizes)
        raise refuse(
            name, f"voxels of {shown} Å are not cubic: resample to one voxel size", "cella"
        )
    return x


def as_images(header: VolumeHeader) -> VolumeHeader:
    """Take a file for a stack of images, be its header what it may; sections have no size."""
    x, y, _ = header.voxel_sizes
    return header._replace(volumes=1, shape=header.file_shape, voxel_sizes=(x, y, x))


def check_square(header: VolumeHeader, name: str) -> int:
    """Return the side of square images of square pixels.

    Raises
    ------
    InputError
        If the sides of the images or of their pixels differ, or axes are permuted.
    """
    _, y, x = header.file_shape
    if header.order != (0, 1, 2):
        sentence = "its axes are permuted: write the images one after the other, rows along x"
        raise refuse(name, sentence, "mapc, mapr, maps")
    if x != y:
        raise refuse(name, f"images of {x} x {y} pixels are not square", "nx, ny")
    if header.voxel_size and max(header.voxel_sizes) > 1.01 * min(header.voxel_sizes):
        shown = " x ".join(f"{size:.4g}" for size in header.voxel_sizes[:2])
        raise refuse(name, f"pixels of {shown} Å are not square", "cella")
    return x
