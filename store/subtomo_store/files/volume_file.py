"""Equal arrays one behind the other in a file, read one at a time.

Read, not memory-mapped: a file that somebody cuts short, or a file server that goes away,
gives an error in words here; under a map it would kill the process.
"""

from __future__ import annotations

import os
import weakref
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Layout(NamedTuple):
    """How arrays lie in a file: bytes before the first, voxel type, and their common shape."""

    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def item_bytes(self) -> int:
        """Bytes of one array."""
        return self.dtype.itemsize * int(np.prod(self.shape))


class VolumeFile:
    """Arrays of a file that is open for reading; any number of threads may read at once.

    Parameters
    ----------
    descriptor : int
        Closed with this object.
    layout : Layout
    """

    def __init__(self, descriptor: int, layout: Layout):
        self._descriptor, self._layout = descriptor, layout
        self.close = weakref.finalize(self, os.close, descriptor)

    def holds(self, count: int) -> bool:
        """Whether the file is long enough for ``count`` arrays."""
        size = os.fstat(self._descriptor).st_size
        return size >= self._layout.offset + count * self._layout.item_bytes

    def read(self, index: int) -> NDArray[np.float32]:
        """Array ``index`` (from 0) as float32.

        Raises
        ------
        OSError
            If the file ends before it does, or cannot be read.
        """
        array = np.empty(self._layout.shape, self._layout.dtype)
        rest = array.reshape(-1).view(np.uint8).data
        place = self._layout.offset + index * self._layout.item_bytes
        while rest:
            count = os.preadv(self._descriptor, [rest], place)
            if count == 0:
                raise OSError("the file is shorter than it was")
            place, rest = place + count, rest[count:]
        return array.astype(np.float32, copy=False)
