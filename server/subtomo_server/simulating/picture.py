"""A picture of simulated particles: central slices, the truth beside what is given of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from subtomo_core.particles import Particles
from subtomo_core.truth import Truth

_SHOWN = 5  # particles of each form
_INCHES = 1.6  # of a slice


def draw(path: Path, truth: Truth, forms: Mapping[str, Particles]) -> None:
    """Write the picture (PNG): a row of true maps, then one of particles for each form."""
    rows = {"truth": [*truth.maps[:_SHOWN]]}
    first = np.arange(min(_SHOWN, len(truth.classes)))
    for name, particles in forms.items():
        rows[name] = [particles.volume(int(index)) for index in first]
    columns = max(len(row) for row in rows.values())
    figure = Figure((_INCHES * columns, _INCHES * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes, (name, volumes) in zip(grid, rows.items(), strict=True):
        for axis in axes:
            axis.set_axis_off()
        for axis, volume in zip(axes, volumes, strict=False):
            axis.imshow(_slice(volume), cmap="gray", origin="lower")
        axes[0].set_title(name, loc="left", fontsize=9)
    figure.savefig(path, dpi=110)


def _slice(volume: NDArray[np.float32]) -> NDArray[np.float32]:
    """The middle along the beam, (n, n): y upwards, x to the right."""
    middle: NDArray[np.float32] = volume[len(volume) // 2]
    return middle
