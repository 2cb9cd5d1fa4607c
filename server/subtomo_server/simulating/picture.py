"""A picture of simulated particles: the truth, and what is given of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from subtomo_core.data.truth import Truth
from subtomo_server.simulating.forms import Form

_SHOWN = 5  # particles of each form
_INCHES = 1.6  # of a slice


def draw(path: Path, truth: Truth, forms: Sequence[Form]) -> None:
    """Write the picture (PNG): a row of true maps, then one of particles for each form."""
    rows = {"truth": [volume[len(volume) // 2] for volume in truth.maps[:_SHOWN]]}
    for form in forms:
        rows[form.name] = [form.picture(i) for i in range(min(_SHOWN, len(truth.classes)))]
    columns = max(len(row) for row in rows.values())
    figure = Figure((_INCHES * columns, _INCHES * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes, (name, pictures) in zip(grid, rows.items(), strict=True):
        for axis in axes:
            axis.set_axis_off()
        for axis, picture in zip(axes, pictures, strict=False):
            axis.imshow(picture, cmap="gray", origin="lower")
        axes[0].set_title(name, loc="left", fontsize=9)
    figure.savefig(path, dpi=110)
