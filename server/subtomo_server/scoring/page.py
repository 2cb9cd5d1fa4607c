"""A page of plots about a comparison: one file, which needs nothing else."""

from __future__ import annotations

import io
from importlib import resources
from pathlib import Path

import numpy as np
from jinja2 import Environment
from markupsafe import Markup
from matplotlib.figure import Figure

from subtomo_server.scoring.report import Report

_SIZE = (6.4, 3.6)  # inches
_BINS = [5.0 * step for step in range(37)]  # degrees


def write_page(path: Path, report: Report) -> None:
    """Write the page of a report (HTML)."""
    template = resources.files(__package__).joinpath("page.html").read_text("utf-8")
    shown = Environment(autoescape=True).from_string(template)
    figures = [figure for figure in (_curves(report), _angles(report)) if figure is not None]
    text = shown.render(lines=report.lines(), figures=[_drawn(figure) for figure in figures])
    path.write_text(text, "utf-8")


def _curves(report: Report) -> Figure | None:
    """Fourier shell correlation of each map with the one it stands for."""
    if not report.maps:
        return None
    figure = Figure(_SIZE, layout="constrained")
    axes = figure.subplots()
    for scored in report.maps:
        curve = scored.found.fsc
        extent = 2.0 * (len(curve) - 1) * report.voxel_size
        axes.plot(np.arange(len(curve)) / extent, curve, label=f"{scored.name} on {scored.truth}")
    for level in (0.5, 0.143):
        axes.axhline(level, color="grey", linewidth=0.8, linestyle="--")
    axes.set(
        xlabel="spatial frequency (1/Å)", ylabel="Fourier shell correlation", ylim=(-0.1, 1.05)
    )
    axes.legend()
    return figure


def _angles(report: Report) -> Figure | None:
    """How far the poses of each class are from the others."""
    if report.poses is None or report.same is None:
        return None
    figure = Figure(_SIZE, layout="constrained")
    axes = figure.subplots()
    for number, errors in zip(report.same.true_classes, report.poses.errors, strict=True):
        axes.hist(errors.angles_deg, _BINS, histtype="step", label=f"true class {number}")
    axes.set(xlabel="angle between poses (degrees)", ylabel="particles", xlim=(0.0, 180.0))
    axes.legend()
    return figure


def _drawn(figure: Figure) -> Markup:
    """A figure as SVG within a page: without the head of a file of its own."""
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg")
    text = drawn.getvalue()
    return Markup(text[text.index("<svg") :])  # noqa: S704 - matplotlib escapes its labels
