"""Pictures of the averages: the three central slices of each class."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

PANEL_INCHES = 1.6
PLANES = ("xy", "xz", "yz")


def draw_slices(file: BinaryIO, maps: NDArray[np.float32]) -> None:
    """Draw a row of three central slices for each class as PNG, one grey scale in a row.

    Parameters
    ----------
    file : binary file
    maps : array, shape (K, n, n, n)
        Axes z, y, x; protein is drawn white.
    """
    count, middle = len(maps), maps.shape[-1] // 2
    figure = Figure(figsize=(3 * PANEL_INCHES, count * PANEL_INCHES), dpi=100)
    FigureCanvasAgg(figure)
    panels = figure.subplots(count, 3, squeeze=False)
    for row, (volume, number) in enumerate(zip(maps, range(1, count + 1), strict=True)):
        low, high = float(volume.min()), float(volume.max())
        slices = (volume[middle], volume[:, middle], volume[:, :, middle])
        for panel, picture, plane in zip(panels[row], slices, PLANES, strict=True):
            panel.imshow(
                picture,
                cmap="gray",
                vmin=low,
                vmax=high if high > low else low + 1.0,
                origin="lower",
                interpolation="nearest",
            )
            panel.set_axis_off()
            panel.set_title(f"class {number}, {plane}", fontsize=7, pad=2)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.92, wspace=0.03, hspace=0.2)
    figure.savefig(file, format="png", metadata={"Software": None})
