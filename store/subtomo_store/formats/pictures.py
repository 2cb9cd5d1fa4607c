"""Grey pictures of volumes as PNG, without a drawing library."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

GAP = 2
SMALLEST_SIDE = 96
SMALLEST_MATRIX = 480


def png(image: NDArray[np.uint8]) -> bytes:
    """Encode a grey picture, shape (height, width), as PNG (ISO/IEC 15948)."""
    height, width = image.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = image
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 6)
    parts = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def grey(image: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """Map ``low`` to ``high`` onto black to white; values outside are cut off."""
    scale = max(high - low, 1e-12)
    return np.asarray(np.clip((image - low) / scale, 0, 1) * 255, np.uint8)


def central_slices(volume: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    """Cut the three slices through the volume's centre: xy, xz, yz.

    The first axis points to the right and the second one up, as in viewers of maps.
    """
    middle = volume.shape[0] // 2
    slices = [volume[middle], volume[:, middle], volume[:, :, middle]]
    return [image[::-1] for image in slices]


def montage(images: Sequence[NDArray[np.floating]], columns: int) -> NDArray[np.uint8]:
    """Lay pictures of one size out in rows, all on one grey scale (1st to 99.5th percentile)."""
    low, high = np.percentile(np.stack(images), (1.0, 99.5))
    side = images[0].shape[0]
    zoom = max(1, -(-SMALLEST_SIDE // side))
    tile = side * zoom
    rows = -(-len(images) // columns)
    sheet = np.zeros((rows * (tile + GAP) - GAP, columns * (tile + GAP) - GAP), np.uint8)
    for index, image in enumerate(images):
        y, x = (index // columns) * (tile + GAP), (index % columns) * (tile + GAP)
        enlarged = np.kron(grey(image, low, high), np.ones((zoom, zoom), np.uint8))
        sheet[y : y + tile, x : x + tile] = enlarged
    return sheet


def stacked(sheets: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Lay sheets of one width below each other."""
    gap = np.zeros((GAP, sheets[0].shape[1]), np.uint8)
    parts = [part for sheet in sheets for part in (gap, sheet)]
    return np.concatenate(parts[1:])


def block_matrix(matrix: NDArray[np.floating], edges: Sequence[int]) -> NDArray[np.uint8]:
    """Draw a matrix (N, N), its least element beside the diagonal black, blocks on it framed.

    Parameters
    ----------
    edges : sequence of int
        Where blocks begin, and N.
    """
    beside = matrix[~np.eye(len(matrix), dtype=bool)]
    zoom = max(1, -(-SMALLEST_MATRIX // len(matrix)))
    shades = grey(matrix, float(beside.min()), float(beside.max()))
    sheet = np.kron(shades, np.ones((zoom, zoom), np.uint8))
    for first, last in pairwise(zoom * edge for edge in edges):
        for shade, inside in ((255, 0), (0, GAP)):  # a light frame and a dark one, on any ground
            low, high = first + inside, last - inside
            for line in (slice(low, low + GAP), slice(high - GAP, high)):
                sheet[line, low:high] = shade
                sheet[low:high, line] = shade
    return sheet


def slices_png(volume: NDArray[np.floating]) -> bytes:
    """Draw the three central slices of a volume side by side."""
    return png(montage(central_slices(volume), 3))
