"""Pictures of the verdict, symmetry, pairs and speed, for docs/results.md."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from figures_of_jobs import DARK, GREY, LIGHT, named
from matplotlib.figure import Figure
from tables import Table, numbers

Find = Callable[..., Table]
STRUCTURE, NOISE = 4.0, 2.0  # limits of the verdict (record 52)


def verdict(find: Find) -> Figure:
    """What held-out components say of sets with and without a structure."""
    found = find("The verdict", "z", "sets")
    figure = Figure((7.6, 4.6), layout="constrained")
    axis = figure.subplots()
    names = []
    for row, (form, start, junk, snr) in enumerate(
        zip(*(found.column(c) for c in ("form", "start", "junk", "SNR")), strict=True)
    ):
        low, high = numbers(found.column("z")[row].replace(" to ", " "))
        told = [int(found.numbers(c)[row]) for c in ("structure", "undecided", "noise")]
        colour = LIGHT if snr == "none" else DARK
        axis.plot([low, high], [row, row], "|-", color=colour, lw=2.5, ms=8)
        axis.text(27.5, row, " / ".join(f"{n:2d}" for n in told), va="center", family="monospace")
        what = f"noise, {start} start, junk {junk}" if snr == "none" else f"SNR {snr}"
        names.append(f"{form}: {what}")
    for limit in (NOISE, STRUCTURE):
        axis.axvline(limit, color="black", lw=0.8, ls="--")
        axis.text(limit, -1.0, f"{limit:g}", fontsize=8, ha="center", va="center")
    axis.text(27.5, -1.0, "structure / undecided / noise", fontsize=8, va="center")
    named(axis, names)
    axis.tick_params(axis="y", labelsize=8)
    axis.set(xlabel="z of the held-out components, ten sets from least to most", xlim=(-3, 27))
    return figure


def symmetry(find: Find) -> Figure:
    """Resolution of complexes of every point group, without and with their symmetry."""
    found = find("Quality", "C1: FSC-0.5 (Å)", "within 10")
    groups = found.column("group")
    plain, imposed = found.numbers("C1: FSC-0.5 (Å)"), found.numbers("imposed: FSC-0.5 (Å)")
    figure = Figure((8.0, 2.8), layout="constrained")
    axis = figure.subplots()
    axis.vlines(range(len(groups)), imposed, plain, color=GREY, lw=1.2)
    axis.plot(plain, "s", ms=5, mfc="white", color=LIGHT, label="C1")
    axis.plot(imposed, "o", ms=5, color=DARK, label="symmetry imposed")
    axis.set_xticks(range(len(groups)), groups, fontsize=8)
    axis.set(xlabel="point group of the complex", ylabel="FSC-0.5 with the truth (Å)")
    axis.legend()
    return figure


def pairs(find: Find) -> Figure:
    """Median errors of relative poses beside those in print, every cell of four tables."""
    figure = Figure((7.6, 3.6), layout="constrained")
    axes = dict(zip(("rotation", "shift"), figure.subplots(1, 2), strict=True))
    for kind, colour, marker in (("All rotations", DARK, "o"), ("About one axis", LIGHT, "s")):
        for what, axis in axes.items():
            cells = [
                numbers(cell.replace("±", " "))
                for caption in _captions(kind, what)
                for row in find("Poses of pairs", "tilt", caption=caption).rows
                for cell in row[1:]
            ]
            ours, theirs = [c[0] for c in cells], [c[2] for c in cells]
            axis.plot(theirs, ours, marker, ms=3.5, mfc="none", color=colour, label=kind.lower())
    for what, axis in axes.items():
        unit = "degrees" if what == "rotation" else "voxels"
        ends = np.array([0.015, 150.0]) if what == "rotation" else np.array([0.004, 12.0])
        axis.plot(ends, ends, "-", color="black", lw=0.8)
        axis.set(xscale="log", yscale="log", xlim=ends, ylim=ends, title=f"{what} error ({unit})")
        axis.set(xlabel="Xu and Alber (2012)", ylabel="Subtomo", aspect="equal")
    axes["rotation"].legend(fontsize=8, loc="upper left")
    return figure


def _captions(kind: str, what: str) -> list[str]:
    """Captions of the tables of one kind of search and error."""
    scores = [(step, score) for step in (60, 45) for score in ("RCS", "FCS")]
    unit = "degrees" if what == "rotation" else "voxels"
    return [f"{kind}, {what} error in {unit}, starts at {s} degrees, {c}" for s, c in scores]


BOXES = (32, 64, 128)


def speed(find: Find) -> Figure:
    """CPU seconds of one particle, class and iteration beside other programs."""
    found = find("Beside other programs", "program", "box 32")
    ours = [_own(find, box) for box in BOXES]
    bars: list[tuple[str, list[float | None]]] = [("Subtomo, FAML", [*ours])]
    for row, program in enumerate(found.column("program")):
        cells = [numbers(found.column(f"box {box}")[row]) for box in BOXES]
        bars.append((program, [cell[0] if cell else None for cell in cells]))
    figure = Figure((7.6, 3.9), layout="constrained")
    axis = figure.subplots()
    shades = (DARK, "#6f9fc8", "#d9e4ee")
    for place, (_, values) in enumerate(bars):
        for box, (value, shade) in enumerate(zip(values, shades, strict=True)):
            if value is None:
                continue
            at = place + 0.27 * (box - 1)
            axis.barh(at, value, 0.25, left=0, color=shade, edgecolor="black", lw=0.5)
            told = f"{value:.2g}" if value < 1 else f"{value:g}"
            axis.text(value * 1.1, at, told, va="center", fontsize=6.5)
    for box, shade in zip(BOXES, shades, strict=True):
        axis.barh(-9, 1, color=shade, edgecolor="black", lw=0.5, label=f"box {box}")
    names = [name.replace(" (", "\n(").replace("3D, acc", "3D,\nacc") for name, _ in bars]
    named(axis, names)
    axis.set(xscale="log", xlim=(1e-3, 2e3))
    axis.set_xlabel("CPU seconds for one particle, class and iteration (logarithmic)")
    axis.legend(loc="upper right")
    return figure


def _own(find: Find, box: int) -> float:
    """Seconds of a particle's row in the table of stages."""
    found = find("Time", "stage", "CPU ms", caption=f"Box {box},")
    rows = [stage.startswith("row") for stage in found.column("stage")]
    return found.numbers("CPU ms")[rows.index(True)] / 1e3
