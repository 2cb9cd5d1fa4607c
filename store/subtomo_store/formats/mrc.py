"""MRC files as this program writes them: float32 volumes, stacks, and volumes in 8 bits."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import NDArray

from subtomo_store.files.whole import write_whole
from subtomo_store.formats.mrc_header import LABEL


def volume_header(
    shape: tuple[int, int, int],
    voxel_size: float,
    volumes: int = 1,
    array: NDArray[np.float32] | NDArray[np.int8] | None = None,
) -> bytes:
    """Header of a file of float32, or of 8 bits if ``array`` is: 1024 bytes.

    The same content has the same header.

    Without ``array`` the density statistics are marked as not determined, as MRC2014 says.
    """
    header = np.zeros((), HEADER_DTYPE)
    nz, ny, nx = shape
    header["nx"], header["ny"], header["nz"] = nx, ny, nz * volumes
    header["mx"], header["my"], header["mz"] = nx, ny, nz
    header["mode"] = 0 if array is not None and array.dtype == np.int8 else 2
    header["nversion"] = 20140
    header["ispg"] = 0 if nz == 1 else 401 if volumes > 1 else 1
    for axis, side in zip("xyz", (nx, ny, nz), strict=True):
        header["cella"][axis] = side * voxel_size
    for angle in ("alpha", "beta", "gamma"):
        header["cellb"][angle] = 90.0
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["dmin"], header["dmax"], header["dmean"], header["rms"] = 0.0, -1.0, -2.0, -1.0
    if array is not None:
        header["dmin"], header["dmax"] = array.min(), array.max()
        header["dmean"] = array.mean(dtype=np.float64)
        header["rms"] = array.std(dtype=np.float64)
    header["map"], header["machst"] = b"MAP ", (0x44, 0x44, 0, 0)
    header["nlabl"] = 1
    header["label"][0] = LABEL
    return header.tobytes()


def write_images(
    target: Path | BinaryIO, images: NDArray[np.floating], pixel_size: float = 1.0
) -> None:
    """Write pictures ``(N, y, x)`` as float32: sections that are no volume."""
    write_volume(target, images[:, None], pixel_size)


def write_volume(target: Path | BinaryIO, array: NDArray[np.floating], voxel_size: float) -> None:
    """Write a volume ``(z, y, x)`` or a volume stack ``(N, z, y, x)`` as float32.

    The same array gives the same bytes: no date is written. A path is written whole or not at
    all.

    Parameters
    ----------
    target : Path or binary file
        Where to write.
    array : array, shape (z, y, x) or (N, z, y, x)
    voxel_size : float
        In ångström.
    """
    if isinstance(target, Path):
        write_whole(target, lambda file: write_volume(file, array, voxel_size))
        return
    data = np.ascontiguousarray(array, dtype="<f4")
    if data.ndim not in (3, 4):
        raise ValueError(f"a volume or a stack of volumes is wanted, not {data.ndim} axes")
    volumes = data.shape[0] if data.ndim == 4 else 1
    z, y, x = data.shape[-3:]
    target.write(volume_header((z, y, x), voxel_size, volumes, data))
    target.write(data.data)


def write_display(
    target: BinaryIO,
    array: NDArray[np.floating],
    voxel_size: float,
    limits: tuple[float, float] | None = None,
) -> None:
    """Write a volume (n, n, n) for display: 8 bits a voxel, from its least value to its greatest.

    ``voxel_size`` is in ångström. The scale of the densities is not kept; ``limits`` are the
    values of the least and the greatest byte, where given.
    """
    low, high = limits or (float(array.min()), float(array.max()))
    scale = 255 / (high - low) if high > low else 0.0
    data = (np.rint((np.clip(array, low, high) - low) * scale) - 128).astype(np.int8)
    z, y, x = data.shape
    target.write(volume_header((z, y, x), voxel_size, array=data))
    target.write(data.tobytes())
