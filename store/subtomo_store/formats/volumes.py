"""Volume files, MRC or EM: read as ``[z, y, x]`` float32, one volume at a time."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_store.formats.em import is_em, parse_em_header
from subtomo_store.formats.mrc_header import HEADER_BYTES, parse_header
from subtomo_store.formats.volume_header import VolumeHeader, check_cubic, refuse
from subtomo_store.readable import Readable

SUFFIXES = (".mrc", ".mrcs", ".map", ".rec", ".st", ".em")
LARGEST_UNPACKED = 1 << 36

_CHUNK = 1 << 20


class Volume(NamedTuple):
    """One volume ``[z, y, x]`` (float32), its voxel size in ångström, and its file's format."""

    array: NDArray[np.float32]
    voxel_size: float
    kind: Literal["MRC", "EM"] = "MRC"


def is_volume_name(name: str) -> bool:
    """Tell whether a file name is that of a volume file, packed by gzip or not."""
    return name.lower().removesuffix(".gz").endswith(SUFFIXES)


class FileVolumes:
    """The volumes of one MRC or EM file, read one at a time.

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
        If the file is not a complete, readable volume file.
    """

    def __init__(self, path: Readable, name: str | None = None, scratch: Path | None = None):
        self.name = name or path.name
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        self._file: BinaryIO = _unpack(path, self.name, scratch) if packed else path.open("rb")
        try:
            self.header = _parse(self._file.read(HEADER_BYTES), self.name)
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

    def __enter__(self) -> FileVolumes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _parse(raw: bytes, name: str) -> VolumeHeader:
    if is_em(raw, name):
        return parse_em_header(raw, name)
    return parse_header(raw, name)


def read_header(path: Readable, name: str | None = None) -> VolumeHeader:
    """Read and check a file's header only; a gzip file is unpacked no further than needed."""
    shown = name or path.name
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            return _parse(file.read(HEADER_BYTES), shown)
        try:
            with gzip.open(file) as stream:
                return _parse(stream.read(HEADER_BYTES), shown)
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
    with FileVolumes(path, name) as volumes:
        if len(volumes) != 1:
            raise refuse(volumes.name, f"holds {len(volumes)} volumes where one is wanted")
        check_cubic(volumes.header, volumes.name)
        array = volumes[0]
        check_finite(array, volumes.name)
        size = voxel_size or volumes.voxel_size
        if size is None:
            header = volumes.header
            sentence = f"{header.unknown_voxel_size}: give voxel_size_angstrom"
            raise refuse(volumes.name, sentence, header.voxel_size_field)
        return Volume(array, size, volumes.header.kind)
