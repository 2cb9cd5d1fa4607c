"""Volume files, MRC or EM: read as ``[z, y, x]`` float32, one volume at a time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_store.files.readable import Readable
from subtomo_store.formats.em import is_em, parse_em_header
from subtomo_store.formats.mrc_header import HEADER_BYTES, parse_header
from subtomo_store.formats.packed import Packing, packing_of, plain_name, unpacked
from subtomo_store.formats.volume_header import VolumeHeader, check_cubic, refuse

SUFFIXES = (".mrc", ".mrcs", ".map", ".rec", ".st", ".em")
LARGEST_UNPACKED = 1 << 36

_CHUNK = 1 << 20


class Volume(NamedTuple):
    """One volume ``[z, y, x]`` (float32), its voxel size in ångström, and its file's format."""

    array: NDArray[np.float32]
    voxel_size: float
    kind: Literal["MRC", "EM"] = "MRC"


def is_volume_name(name: str) -> bool:
    """Tell whether a file name is that of a volume file, packed or not."""
    return plain_name(name).endswith(SUFFIXES)


class FileVolumes:
    """The volumes of one MRC or EM file, read one at a time.

    The file is memory-mapped; a packed one is first unpacked into an unnamed temporary file of
    no more than the size that its header announces. Use as a context manager.

    Parameters
    ----------
    path : Path or other readable file
        File to read.
    name : str, optional
        Name used in problems; the file's own name by default.
    scratch : Path, optional
        Folder for unpacking; the system's own by default.
    stacked : bool
        Whether a table counts volumes in it, be the header silent about them.

    Attributes
    ----------
    goes_on : bool
        Whether bytes follow behind the voxels which the header announces.

    Raises
    ------
    InputError
        If the file is not a complete, readable volume file.
    """

    def __init__(
        self,
        path: Readable,
        name: str | None = None,
        scratch: Path | None = None,
        *,
        stacked: bool = False,
    ):
        self.name = name or path.name
        packing = packing_of(path)
        self._file, self.goes_on = (
            _unpack(path, packing, self.name, scratch) if packing else (path.open("rb"), False)
        )
        try:
            self.header = _parse(self._file.read(HEADER_BYTES), self.name, stacked)
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
        header, expected = self.header, self.header.data_bytes
        size = self._file.seek(0, 2)
        found = max(0, size - header.offset)
        if found < expected and size == header.usual_offset + expected:
            raise refuse(
                self.name,
                f"its header announces an extended header of {header.extended} bytes (nsymbt), but "
                f"behind it lie its {expected} bytes of voxels alone: set nsymbt, bytes 93 to 96, "
                "to 0 (printf '\\0\\0\\0\\0' | dd of=FILE bs=1 seek=92 conv=notrunc)",
                "nsymbt",
            )
        if found == 0:
            raise refuse(
                self.name, f"a header without voxels ({expected} bytes expected): upload it again"
            )
        if found < expected:
            raise refuse(
                self.name,
                f"truncated: {expected} bytes of voxels expected, {found} found; upload it again",
            )
        self.goes_on |= found > expected

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

    def region(self, where: tuple[slice, ...]) -> NDArray[np.float32]:
        """Read a part of the only volume, ``[z, y, x]``, float32."""
        return np.ascontiguousarray(
            self._voxels.transpose(self.header.order)[where], dtype=np.float32
        )

    def section(self, index: int) -> NDArray[np.float32]:
        """Read section ``index`` (from 0) as it lies in the file, float32."""
        return np.ascontiguousarray(self._voxels[index], dtype=np.float32)

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


def _parse(raw: bytes, name: str, stacked: bool = False) -> VolumeHeader:
    if is_em(raw, name):
        return parse_em_header(raw, name)
    return parse_header(raw, name, stacked=stacked)


def read_header(path: Readable, name: str | None = None, *, stacked: bool = False) -> VolumeHeader:
    """Read and check a file's header only; a packed file is unpacked no further than needed.

    ``stacked``: a table counts volumes in the file, be the header silent about them.
    """
    shown, packing = name or path.name, packing_of(path)
    if packing is None:
        with path.open("rb") as file:
            return _parse(file.read(HEADER_BYTES), shown, stacked)
    with unpacked(path, packing, shown) as stream:
        raw = stream.read(HEADER_BYTES)
    return _parse(raw, shown, stacked)


def _unpack(
    path: Readable, packing: Packing, name: str, scratch: Path | None
) -> tuple[BinaryIO, bool]:
    """Unpack what the header announces, and tell whether there is more.

    A small file cannot fill the disk.
    """
    header = read_header(path, name)
    wanted = header.offset + header.data_bytes
    if wanted > LARGEST_UNPACKED:
        raise refuse(name, f"unpacks to {wanted} bytes, more than {LARGEST_UNPACKED}: unpack it")
    target: BinaryIO = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
    try:
        with unpacked(path, packing, name) as stream:
            while wanted > 0 and (chunk := stream.read(min(_CHUNK, wanted))):
                target.write(chunk)
                wanted -= len(chunk)
            goes_on = wanted == 0 and stream.read(1) != b""
    except BaseException:
        target.close()
        raise
    target.seek(0)
    return target, goes_on


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
