"""Pictures of averages are right in size, order and grey."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.clusters import Clusters
from subtomo_store.formats.pictures import GAP, SMALLEST_MATRIX
from subtomo_worker.matrices import draw_matrix
from subtomo_worker.slices import draw_slices

BOX, ZOOM = 32, 3
TILE = BOX * ZOOM


def decoded(content: bytes) -> NDArray[np.uint8]:
    """Read a grey PNG whose rows have no filter."""
    width, height = struct.unpack(">II", content[16:24])
    start = content.index(b"IDAT")
    (length,) = struct.unpack(">I", content[start - 4 : start])
    raw = zlib.decompress(content[start + 4 : start + 4 + length])
    rows = np.frombuffer(raw, np.uint8).reshape(height, width + 1)
    assert (rows[:, 0] == 0).all()
    return rows[:, 1:]


def test_each_class_has_its_row_of_slices_on_its_own_grey_scale():
    maps = np.zeros((2, BOX, BOX, BOX), np.float32)
    maps[0, BOX // 2, 4:8, 20:28] = 1.0  # seen in xy, at y = 4 to 7 and x = 20 to 27
    maps[1, :, :, BOX // 2] = 1000.0  # the plane x = 16 fills yz
    file = io.BytesIO()
    draw_slices(file, maps)
    picture = decoded(file.getvalue())
    assert picture.shape == (2 * TILE + GAP, 3 * TILE + 2 * GAP)
    xy = picture[:TILE, :TILE]
    bright = np.argwhere(xy == 255)
    # y points up: the bottom of the picture is y = 0.
    assert bright.min(0).tolist() == [(BOX - 8) * ZOOM, 20 * ZOOM]
    assert bright.max(0).tolist() == [(BOX - 4) * ZOOM - 1, 28 * ZOOM - 1]
    yz = picture[TILE + GAP :, 2 * (TILE + GAP) :]
    assert (yz == 255).all()


def test_an_empty_map_is_drawn_black():
    file = io.BytesIO()
    draw_slices(file, np.zeros((1, BOX, BOX, BOX), np.float32))
    assert decoded(file.getvalue()).max() == 0


def test_the_matrix_is_drawn_in_the_dendrograms_order_with_its_clusters_framed():
    members = np.array([1, 0, 0, 1, 0, 0])
    order = np.array([3, 0, 5, 1, 2, 4])
    unlike = np.where(members[:, None] == members, 0.2, 1.0)
    np.fill_diagonal(unlike, 0.0)
    nothing = np.zeros(0)
    file = io.BytesIO()
    draw_matrix(file, Clusters(unlike, nothing, order, members, nothing, nothing, nothing))
    picture = decoded(file.getvalue())
    side = SMALLEST_MATRIX // 6
    assert picture.shape == (6 * side, 6 * side)
    middles = np.arange(6) * side + side // 2
    alike = members[order][:, None] == members[order]
    np.testing.assert_array_equal(picture[np.ix_(middles, middles)], np.where(alike, 0, 255))
    corner = 2 * side  # the second cluster's
    assert (picture[corner, corner:] == 255).all()
    assert (picture[corner + GAP, corner + GAP : -GAP] == 0).all()
