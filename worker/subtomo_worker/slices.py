"""Pictures of the averages: the three central slices of each class."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from subtomo_store.formats.pictures import central_slices, montage, png, stacked


def draw_slices(file: BinaryIO, maps: NDArray[np.float32]) -> None:
    """Draw a row of three central slices (xy, xz, yz) for each class as PNG.

    Each row has its own grey scale.

    Parameters
    ----------
    file : binary file
    maps : array, shape (K, n, n, n)
        Axes z, y, x; protein is drawn white.
    """
    file.write(png(stacked([montage(central_slices(volume), 3) for volume in maps])))
