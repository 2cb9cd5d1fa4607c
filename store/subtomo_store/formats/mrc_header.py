"""What the header of an MRC file says, checked before a voxel is read.

The layout is MRC2014 (Cheng et al. 2015, J. Struct. Biol. 192, 146), with IMOD's stamp for
unsigned bytes. Volume stacks are marked by space group 401 and ``mz`` sections per volume.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import DTypeLike, NDArray

from subtomo_store.formats.volume_header import (
    LARGEST_BYTES,
    LARGEST_SIDE,
    VolumeHeader,
    refuse,
)

HEADER_BYTES = 1024
LABEL = b"Subtomo"  # of files that this program writes

_MODES: dict[int, DTypeLike] = {
    0: np.int8,
    1: np.int16,
    2: np.float32,
    6: np.uint16,
    12: np.float16,
}
ByteOrder = Literal["<", ">"]

_OTHER_MODES = {3: "complex 16-bit", 4: "complex 32-bit", 101: "4-bit packed"}
_LITTLE, _BIG = ((0x44, 0x44), (0x44, 0x41)), ((0x11, 0x11),)
_IMOD_STAMP, _IMOD_SIGNED = 1146047817, 1


def parse_header(raw: bytes, name: str, *, stacked: bool = False) -> VolumeHeader:
    """Understand the first 1024 bytes of an MRC file.

    With ``stacked`` a table counts volumes in the file: where the header does not mark them,
    they are the cubes that its sections make.

    Raises
    ------
    InputError
        One sentence naming the file, the field and the remedy.
    """
    if len(raw) < HEADER_BYTES:
        raise refuse(
            name, f"only {len(raw)} bytes: an MRC file begins with {HEADER_BYTES}; upload it again"
        )
    header, order = _in_byte_order(raw, name)
    dtype = _voxel_type(header, raw, order, name)
    columns, rows, sections = (int(header[field]) for field in ("nx", "ny", "nz"))
    if not all(0 < side <= LARGEST_SIDE for side in (columns, rows)) or sections <= 0:
        raise refuse(name, f"impossible size {columns} x {rows} x {sections}", "nx, ny, nz")
    if sections * rows * columns * dtype.itemsize > LARGEST_BYTES:
        raise refuse(name, f"{columns} x {rows} x {sections} voxels are too large", "nz")
    extended = int(header["nsymbt"])
    if not 0 <= extended < 1 << 30:
        raise refuse(name, f"impossible extended header of {extended} bytes", "nsymbt")
    axes = _axes(header, name)
    depth = _sections_per_volume(header, axes, name)
    counted = stacked and depth == sections and _cubes(header)
    depth = columns if counted else depth
    in_file = (depth, rows, columns)
    to_zyx = (axes.index(3), axes.index(2), axes.index(1))
    shape = (in_file[to_zyx[0]], in_file[to_zyx[1]], in_file[to_zyx[2]])
    return VolumeHeader(
        dtype=dtype,
        offset=HEADER_BYTES + extended,
        file_shape=(sections, rows, columns),
        order=to_zyx,
        volumes=sections // depth,
        shape=shape,
        voxel_sizes=_stacked_sizes(header) if counted else _voxel_sizes(header, shape),
        own=bytes(header["label"][0]).strip() == LABEL,
        extended=extended,
        counted=counted,
    )


def _in_byte_order(raw: bytes, name: str) -> tuple[NDArray[Any], ByteOrder]:
    """Return the header in the byte order its stamp gives, or else in the one that makes sense."""
    little: NDArray[Any] = np.frombuffer(raw, HEADER_DTYPE, count=1)[0]
    big: NDArray[Any] = np.frombuffer(raw, HEADER_DTYPE.newbyteorder(">"), count=1)[0]
    stamp = tuple(int(byte) for byte in little["machst"][:2])
    candidates: list[tuple[NDArray[Any], ByteOrder]] = [(little, "<"), (big, ">")]
    if stamp in _BIG:
        candidates.reverse()
    for header, order in candidates:
        if int(header["mode"]) in _MODES and 0 < int(header["nx"]) <= LARGEST_SIDE:
            return header, order
    if bytes(little["map"])[:3] != b"MAP" and stamp not in (*_LITTLE, *_BIG):
        raise refuse(name, "not an MRC file (no 'MAP' in its header): save it as MRC")
    return candidates[0]


def _voxel_type(header: NDArray[Any], raw: bytes, order: ByteOrder, name: str) -> np.dtype[Any]:
    mode = int(header["mode"])
    if mode not in _MODES:
        known = _OTHER_MODES.get(mode, "unknown")
        raise refuse(
            name,
            f"data mode {mode} ({known}) is not read: save it with mode 2 (float32)",
            "mode",
        )
    if mode == 0 and _unsigned_bytes(header, raw, f"{order}i4"):
        return np.dtype(np.uint8)
    return np.dtype(_MODES[mode]).newbyteorder(order)


def _unsigned_bytes(header: NDArray[Any], raw: bytes, integer: str) -> bool:
    """IMOD's stamp decides; without it only a maximum above 127 tells unsigned bytes."""
    stamp, flags = np.frombuffer(raw[152:160], integer)
    if stamp == _IMOD_STAMP:
        return not int(flags) & _IMOD_SIGNED
    return bool(header["dmax"] > 127)


def _axes(header: NDArray[Any], name: str) -> tuple[int, int, int]:
    """Axes of sections, rows and columns: 1 is x, 2 is y, 3 is z."""
    axes = (int(header["maps"]), int(header["mapr"]), int(header["mapc"]))
    if axes == (0, 0, 0):
        return 3, 2, 1  # written before the fields existed
    if sorted(axes) != [1, 2, 3]:
        raise refuse(
            name,
            f"invalid axes {axes[2]}, {axes[1]}, {axes[0]}: mapc, mapr and maps must be "
            "1, 2 and 3 in some order",
            "mapc, mapr, maps",
        )
    return axes


def _sections_per_volume(header: NDArray[Any], axes: tuple[int, int, int], name: str) -> int:
    sections, columns = int(header["nz"]), int(header["nx"])
    depth = int(header[("mx", "my", "mz")[axes[0] - 1]])
    marked = 401 <= int(header["ispg"]) <= 630
    if marked and depth > 0 and sections % depth == 0:
        return depth
    if marked:
        raise refuse(
            name,
            f"a stack of {sections} sections cannot hold volumes of {depth} sections",
            "mz",
        )
    return columns if _cubes(header) and depth == columns else sections


def _cubes(header: NDArray[Any]) -> bool:
    """Tell whether the sections can be several cubes, one behind the other."""
    columns, rows, sections = (int(header[field]) for field in ("nx", "ny", "nz"))
    return rows == columns and sections > columns and sections % columns == 0


def _stacked_sizes(header: NDArray[Any]) -> tuple[float, float, float]:
    """Voxel sizes of cubes that the header takes for something else.

    Along z the cell is divided by the sections of the file, or by what ``mz`` calls one volume:
    by whichever makes voxels cubic.
    """
    columns = int(header["nx"])
    x, y, _ = _voxel_sizes(header, (columns, columns, columns))
    cell, sections, depth = (float(v) for v in (header["cella"]["z"], header["nz"], header["mz"]))
    along = [cell / count for count in (sections, depth, columns) if count > 0]
    return x, y, min(along, key=lambda z: abs(z - x))


def _voxel_sizes(header: NDArray[Any], shape: tuple[int, int, int]) -> tuple[float, float, float]:
    z, y, x = shape
    cell = header["cella"]
    samples = [int(header[field]) for field in ("mx", "my", "mz")]
    x, y, z = (m if m > 0 else side for m, side in zip(samples, (x, y, z), strict=True))
    return float(cell["x"]) / x, float(cell["y"]) / y, float(cell["z"]) / z
