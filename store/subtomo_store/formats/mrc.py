"""MRC files: volumes in as ``[z, y, x]`` float32 with a voxel size, and out again."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import NDArray

from subtomo_store.formats.mrc_header import (
    HEADER_BYTES,
    MrcHeader,
    check_cubic,
    parse_header,
    refuse,
)
from subtomo_store.readable import Readable
from subtomo_store.whole import write_whole

SUFFIXES = (".mrc", ".mrcs", ".map", ".rec", ".st")
LARGEST_UNPACKED = 1 << 36
LABEL = b"Subtomo"

_CHUNK = 1 << 20


class Volume(NamedTuple):
    """One volume ``[z, y, x]`` (float32) and its voxel size in ångström."""

    array: NDArray[np.float32]
    voxel_size: float


def is_mrc_name(name: str) -> bool:
    """Tell whether a file name is that of an MRC file, packed by gzip or not."""
    return name.lower().removesuffix(".gz").endswith(SUFFIXES)


class MrcVolumes:
    """The volumes of one MRC file, read one at a time.

    The file is memory-mapped; a gzip file is first unpacked into an unnamed temporary file of
    exactly the size that its header announces. Use as a context manager.

    Parameters
    ----------
    path : Path or other readable file
        File to read.
    name : str, optional
        Name used in problems; the file's own name by default.
    scratch : Path, optional
        Folder for unpacking; the system's own by default.

    Raises
    ------
    InputError
        If the file is not a complete, readable MRC file.
    """

    def __init__(self, path: Readable, name: str | None = None, scratch: Path | None = None):
        self.name = name or path.name
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        self._file: BinaryIO = _unpack(path, self.name, scratch) if packed else path.open("rb")
        try:
            self.header = parse_header(self._file.read(HEADER_BYTES), self.name)
            self._check_length()
            self._voxels = np.memmap(
                self._file,
                dtype=self.header.dtype,
                mode="r",
                offset=self.header.offset,
                shape=self.header.file_shape,
            )
        except BaseException:
            self._file.close()
            raise

    def _check_length(self) -> None:
        found = max(0, self._file.seek(0, 2) - self.header.offset)
        expected = self.header.data_bytes
        if found == 0:
            raise refuse(
                self.name, f"a header without voxels ({expected} bytes expected): upload it again"
            )
        if found < expected:
            raise refuse(
                self.name,
                f"truncated: {expected} bytes of voxels expected, {found} found; upload it again",
            )

    def __len__(self) -> int:
        return self.header.volumes

    @property
    def shape(self) -> tuple[int, int, int]:
        """One volume's ``(z, y, x)``."""
        return self.header.shape

    @property
    def voxel_size(self) -> float | None:
        """In ångström; None where the header gives none."""
        return self.header.voxel_size

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        """Read volume ``index`` (from 0) as ``[z, y, x]`` float32."""
        depth = self.header.file_shape[0] // self.header.volumes
        block = self._voxels[index * depth : (index + 1) * depth]
        return np.ascontiguousarray(block.transpose(self.header.order), dtype=np.float32)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> MrcVolumes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_header(path: Readable, name: str | None = None) -> MrcHeader:
    """Read and check a file's header only; a gzip file is unpacked no further than needed."""
    shown = name or path.name
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            return parse_header(file.read(HEADER_BYTES), shown)
        try:
            with gzip.open(file) as stream:
                return parse_header(stream.read(HEADER_BYTES), shown)
        except (OSError, EOFError, zlib.error) as error:
            raise refuse(shown, f"a damaged gzip file ({error}): upload it again") from error


def _unpack(path: Readable, name: str, scratch: Path | None) -> BinaryIO:
    """Unpack no more than the header announces: a small file cannot fill the disk."""
    header = read_header(path, name)
    wanted = header.offset + header.data_bytes
    if wanted > LARGEST_UNPACKED:
        raise refuse(name, f"unpacks to {wanted} bytes, more than {LARGEST_UNPACKED}: unpack it")
    target: BinaryIO = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
    try:
        with path.open("rb") as packed, gzip.open(packed) as stream:
            while wanted > 0 and (chunk := stream.read(min(_CHUNK, wanted))):
                target.write(chunk)
                wanted -= len(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        target.close()
        raise refuse(name, f"a damaged gzip file ({error}): upload it again") from error
    except BaseException:
        target.close()
        raise
    target.seek(0)
    return target


def check_finite(array: NDArray[np.float32], name: str) -> None:
    """Refuse voxels that are NaN or infinite, with their number and the first place.

    Raises
    ------
    InputError
        If a voxel is not finite.
    """
    wrong = ~np.isfinite(array)
    if not wrong.any():
        return
    nans = int(np.count_nonzero(np.isnan(array)))
    infinite = int(np.count_nonzero(wrong)) - nans
    z, y, x = np.argwhere(wrong)[0]
    raise refuse(
        name,
        f"{nans} voxels are NaN and {infinite} infinite, the first at x {x}, y {y}, z {z}: "
        "replace them by the mean",
    )


def read_volume(path: Path, name: str | None = None, voxel_size: float | None = None) -> Volume:
    """Read a file that holds one cubic volume.

    Parameters
    ----------
    path : Path
        File to read.
    name : str, optional
        Name used in problems.
    voxel_size : float, optional
        In ångström, instead of the header's.

    Raises
    ------
    InputError
        If the file is damaged, not cubic, not finite, holds several volumes or no voxel size.
    """
    with MrcVolumes(path, name) as volumes:
        if len(volumes) != 1:
            raise refuse(volumes.name, f"holds {len(volumes)} volumes where one is wanted")
        check_cubic(volumes.header, volumes.name)
        array = volumes[0]
        check_finite(array, volumes.name)
        size = voxel_size or volumes.voxel_size
        if size is None:
            raise refuse(
                volumes.name, "the voxel size in its header is 0: give one in ångström", "cella"
            )
        return Volume(array, size)


def volume_header(
    shape: tuple[int, int, int],
    voxel_size: float,
    volumes: int = 1,
    array: NDArray[np.float32] | None = None,
) -> bytes:
    """Header of a float32 file: 1024 bytes, the same for the same content.

    Without ``array`` the density statistics are marked as not determined, as MRC2014 says.
    """
    header = np.zeros((), HEADER_DTYPE)
    nz, ny, nx = shape
    header["nx"], header["ny"], header["nz"] = nx, ny, nz * volumes
    header["mx"], header["my"], header["mz"] = nx, ny, nz
    header["mode"], header["nversion"] = 2, 20140
    header["ispg"] = 401 if volumes > 1 else 1 if nz > 1 else 0
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


def write_image(file: BinaryIO, image: NDArray[np.floating], pixel_size: float = 1.0) -> None:
    """Write a picture ``(y, x)`` as float32: a file of one section is one, not a volume."""
    write_volume(file, image[None], pixel_size)


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
