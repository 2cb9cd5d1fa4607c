"""A page of plots about a comparison: one file, which needs nothing else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
from jinja2 import Environment
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from subtomo_core.score import Limits
from subtomo_server.scoring.report import Report
from subtomo_server.scoring.turned import TurnedMap

_SIZE = (6.4, 3.6)  # inches
_BINS = [5.0 * step for step in range(37)]  # degrees
_COARSEST = 1e-5  # SNR of a shell that is still drawn


def write_page(path: Path, report: Report) -> None:
    """Write the page of a report (HTML)."""
    template = resources.files(__package__).joinpath("page.html").read_text("utf-8")
    shown = Environment(autoescape=True).from_string(template)
    figures = [_drawn(figure) for figure in _figures(report)]
    path.write_text(shown.render(lines=report.lines(), figures=figures), "utf-8")


def _figures(report: Report) -> Iterator[Figure]:
    if report.maps or (report.seen and report.seen.limits):
        yield _curves(report)
    if report.poses is not None:
        yield _angles(report)
    if report.seen is not None and any(seen.snr for seen in report.seen.classes):
        yield _signal(report)
    for turned in report.turned:
        yield _orders(turned)


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(_SIZE, layout="constrained")
    return figure, figure.subplots()


def _frequencies(curve: NDArray[np.float64], voxel_size: float) -> NDArray[np.float64]:
    """Of the shells 0 .. n/2, 1/Å."""
    return np.arange(len(curve)) / (2.0 * (len(curve) - 1) * voxel_size)


def _curves(report: Report) -> Figure:
    """Fourier shell correlation of each map with the one it stands for, and of its limits."""
    figure, axes = _axes()
    shown = [(m.truth, m.limits) for m in report.maps] + list(report.left)
    for scored in report.maps:
        curve = scored.found.fsc
        label = f"{scored.name} on {scored.truth}"
        axes.plot(_frequencies(curve, scored.voxel_size), curve, label=label)
    for number, (truth, limits) in enumerate(shown):
        if limits is not None:
            _limits(axes, truth, limits, report.voxel_size, f"C{number}")
    for level in (0.5, 0.143):
        axes.axhline(level, color="grey", linewidth=0.8, linestyle="--")
    axes.set(
        xlabel="spatial frequency (1/Å)", ylabel="Fourier shell correlation", ylim=(-0.1, 1.05)
    )
    axes.legend(fontsize="small")
    return figure


def _limits(axes: Axes, truth: str, limits: Limits, voxel_size: float, colour: str) -> None:
    for title, found, style in (
        ("oracle", limits.oracle, ":"),
        ("ceiling", limits.ceiling, "-."),
    ):
        axes.plot(
            _frequencies(found.fsc, voxel_size),
            found.fsc,
            color=colour,
            linestyle=style,
            label=f"{title} on {truth}",
        )


def _angles(report: Report) -> Figure:
    """How far the poses of each class are from the others."""
    figure, axes = _axes()
    if report.poses is not None and report.same is not None:
        for number, errors in zip(report.same.true_classes, report.poses.errors, strict=True):
            axes.hist(errors.angles_deg, _BINS, histtype="step", label=f"true class {number}")
    axes.set(xlabel="angle between poses (degrees)", ylabel="particles", xlim=(0.0, 180.0))
    axes.legend()
    return figure


def _signal(report: Report) -> Figure:
    """SNR of the particles of each class, shell by shell."""
    figure, axes = _axes()
    if report.seen is not None:
        voxel_size = report.seen.known.particles.summary.voxel_size_angstrom
        for seen in report.seen.classes:
            if seen.snr is not None:
                shells = np.where(seen.snr.shells > _COARSEST, seen.snr.shells, np.nan)
                where = _frequencies(shells, voxel_size)
                axes.plot(where, shells, marker=".", label=f"class {seen.number}")
    axes.set(
        xlabel="spatial frequency (1/Å)", ylabel="SNR of the particles, by shell", yscale="log"
    )
    axes.legend()
    return figure


def _orders(turned: TurnedMap) -> Figure:
    """Strength of each order, and what noise comes to."""
    figure, axes = _axes()
    found = turned.found
    colours = np.where(found.orders == found.order, "C1", "C0")
    axes.bar(found.orders, found.strength, color=list(colours))
    axes.plot(found.orders, found.chance, color="grey", linestyle="--", label="noise")
    axes.set(
        xlabel="order n", ylabel="n-fold share of what varies", title=turned.name, ylim=(-0.1, 1.05)
    )
    axes.legend()
    return figure


def _drawn(figure: Figure) -> Markup:
    """A figure as SVG within a page: without the head of a file of its own."""
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg")
    text = drawn.getvalue()
    return Markup(text[text.index("<svg") :])  # noqa: S704 - matplotlib escapes its labels
