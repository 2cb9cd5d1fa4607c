"""EM files, as the TOM toolbox, AV3, Dynamo and PyTom write them.

512 bytes: machine, type of the voxels, the three sides, and fields of which no two programs
agree; the voxel size is not among those which are kept reliably.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from emfile.specs import dtype_spec, header_spec
from numpy.typing import NDArray

from subtomo_core.errors import InputError
from subtomo_store.formats.packed import plain_name
from subtomo_store.formats.volume_header import (
    LARGEST_BYTES,
    LARGEST_SIDE,
    VolumeHeader,
    refuse,
)

_MACHINES = range(1, 7)  # 0 is OS-9: a file of it is known by its name alone
_BIG = (0, 3, 5)  # OS-9, SGI, Macintosh
_SIZES = struct.Struct("3i")
_PC, _FLOAT = 6, 5
EM_HEADER_BYTES = struct.calcsize("<" + "".join(header_spec.values()))


class EmTable(NamedTuple):
    """A table of numbers kept as an EM file: motive lists are such."""

    columns: int
    rows: int
    dtype: np.dtype[Any]


def em_table(raw: bytes) -> EmTable | None:
    """Understand the beginning of an EM file with one section; None for everything else."""
    if len(raw) < EM_HEADER_BYTES or not is_em(raw, ".em"):
        return None
    try:
        order, (columns, rows, sections) = _sides(raw, ".em")
        dtype = _voxel_type(raw[3], order, ".em")
    except InputError:
        return None
    return EmTable(columns, rows, dtype) if sections == 1 else None


def is_em(raw: bytes, name: str) -> bool:
    """Tell an EM file from an MRC file by its name or its first bytes.

    An MRC file's stamp decides against it. Machine and voxel type of an EM file, taken for an
    MRC file's number of columns, make more than 16 million in either byte order.
    """
    if raw[208:211] == b"MAP":
        return False
    if plain_name(name).endswith(".em"):
        return True
    return len(raw) > 4 and raw[0] in _MACHINES and raw[1:3] == b"\0\0" and raw[3] in dtype_spec


def parse_em_header(raw: bytes, name: str) -> VolumeHeader:
    """Understand the first 512 bytes of an EM file.

    Raises
    ------
    InputError
        One sentence naming the file, the field and the remedy.
    """
    length = EM_HEADER_BYTES
    if len(raw) < length:
        sentence = f"only {len(raw)} bytes: an EM file begins with {length}; upload it again"
        raise refuse(name, sentence)
    order, (columns, rows, sections) = _sides(raw, name)
    dtype = _voxel_type(raw[3], order, name)
    if sections == 1:
        raise refuse(
            name,
            f"a table or picture of {columns} x {rows} numbers (a motive list?), not a volume: "
            "remove it",
            "zdim",
        )
    if sections * rows * columns * dtype.itemsize > LARGEST_BYTES:
        raise refuse(name, f"{columns} x {rows} x {sections} voxels are too large", "zdim")
    shape = (sections, rows, columns)
    return VolumeHeader(dtype, length, shape, (0, 1, 2), 1, shape, (0.0, 0.0, 0.0), "EM")


def _sides(raw: bytes, name: str) -> tuple[Literal["<", ">"], tuple[int, int, int]]:
    """Return the byte order which the machine's code says, or else the one that makes sense."""
    orders: list[Literal["<", ">"]] = [">", "<"] if raw[0] in _BIG else ["<", ">"]
    for order in orders:
        x, y, z = struct.unpack(f"{order}3i", raw[4 : 4 + _SIZES.size])
        if all(0 < side <= LARGEST_SIDE for side in (x, y, z)):
            return order, (x, y, z)
    raise refuse(name, "impossible sides: not an EM file, or a damaged one", "xdim, ydim, zdim")


def _voxel_type(code: int, order: Literal["<", ">"], name: str) -> np.dtype[np.generic]:
    kind = dtype_spec.get(code, "")
    if len(kind) != 1:
        known = "complex" if kind else "unknown"
        raise refuse(
            name, f"data type {code} ({known}) is not read: save it as type 5 (float32)", "dtype"
        )
    dtype: np.dtype[np.generic] = np.dtype(kind).newbyteorder(order)
    return dtype


def write_em(target: BinaryIO, volume: NDArray[np.floating], voxel_size: float) -> None:
    """Write a volume ``(z, y, x)`` as float32 in the byte order of a PC.

    The voxel size (ångström) stands in the comment, for people: programs do not agree on a field.
    The same volume gives the same bytes.
    """
    data = np.ascontiguousarray(volume, dtype="<f4")
    sections, rows, columns = data.shape
    known: dict[str, int | bytes] = {
        "machine": _PC,
        "dtype": _FLOAT,
        "xdim": columns,
        "ydim": rows,
        "zdim": sections,
        "comment": f"Subtomo, {voxel_size:g} A per voxel".encode(),
    }
    values = (known.get(n, b"" if f.endswith("s") else 0) for n, f in header_spec.items())
    target.write(struct.pack("<" + "".join(header_spec.values()), *values))
    target.write(data.data)
