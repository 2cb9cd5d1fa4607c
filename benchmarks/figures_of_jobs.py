"""Pictures of what whole jobs reach, for docs/results.md.

Colours differ in brightness and markers in shape, so that pictures can be read in grey.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tables import Table, numbers

Find = Callable[..., Table]
DARK, LIGHT, GREY = "#17406d", "#e08a1e", "0.55"

ROWS_OF_QUALITY = {
    "phantom, SNR 0.02": "Asymmetric phantom",
    "GroEL, SNR 0.003": "GroEL (1MNF), 100 particles, SNR 0.003",
    "GroEL about y, SNR 0.01, ±40°": "GroEL, 50 particles turning about y only",
    "GroEL and GroEL-GroES, SNR 0.01": "GroEL against GroEL-GroES (1AON)",
    "GroEL and ribosome, SNR 0.01": "GroEL and ribosome",
    "five structures, SNR 0.02": "Five structures",
    "GroEL and GroEL-GroES, SNR 0.003": "GroEL against GroEL-GroES, 60 each, SNR 0.003",
    "GroEL and GroEL-GroES, SNR 0.0015": "The same, SNR 0.0015",
    "GroEL, SNR 0.001": "GroEL, 100 particles, SNR 0.001",
}


def dots(axis: Axes, at: float, values: list[float], **style: Any) -> None:
    """Values side by side along one line, with their mean as a bar."""
    places = at + np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else [at]
    axis.plot(values, places, linestyle="none", **style)
    axis.plot([np.mean(values)] * 2, [at - 0.33, at + 0.33], color="black", lw=1.2, zorder=3)


def named(axis: Axes, names: list[str]) -> None:
    """Names of rows, the first one on top."""
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")


def to_oracle(find: Find) -> Figure:
    """Resolution over that of the oracle, for each set of directly simulated particles."""
    figure = Figure((7.2, 3.9), layout="constrained")
    axis = figure.subplots()
    for row, caption in enumerate(ROWS_OF_QUALITY.values()):
        found = find("Quality", "ratio", "F1", caption=caption)
        dots(axis, row, found.numbers("ratio"), marker="o", ms=4, color=DARK, alpha=0.8)
    axis.axvline(1.0, color="black", lw=0.8, ls="--")
    named(axis, list(ROWS_OF_QUALITY))
    axis.set_xlabel("FSC-0.5 with the truth, over that of the oracle (less is better)")
    return figure


def forms(find: Find) -> Figure:
    """Resolution over the SNR of images, for sums and back-projections, beside the ceiling."""
    found = find("Two forms of the same images", "SNR of an image", "projections")
    structures = list(dict.fromkeys(found.column("structure")))
    figure = Figure((9.6, 3.4), layout="constrained")
    axes = figure.subplots(1, len(structures))
    kinds = (("sums", DARK, "o", 0), ("projections", LIGHT, "s", 1))
    for axis, structure in zip(axes, structures, strict=True):
        own = [row for row, name in enumerate(found.column("structure")) if name == structure]
        snrs = [found.numbers("SNR of an image")[row] for row in own]
        for kind, colour, marker, which in kinds:
            jobs, tops = found.column(kind), found.column("their ceiling's", which)
            means = [np.mean(numbers(tops[row])) for row in own]
            axis.plot(snrs, means, color=colour, ls=("-", "--")[which], label=f"ceiling, {kind}")
            for snr, row in zip(snrs, own, strict=True):
                seeds = numbers(jobs[row])
                told = f"job, {kind}" if row == own[0] else None
                place = [snr * 1.06 ** (2 * which - 1)] * len(seeds)
                axis.plot(place, seeds, marker, ms=4.5, mfc="none", color=colour, label=told)
        axis.set(xscale="log", xlabel="SNR of an image", title=structure)
        axis.set_xticks(snrs, [f"{snr:g}" for snr in snrs])
        axis.minorticks_off()
    axes[0].set_ylabel("FSC-0.5 with the truth (Å)")
    axes[0].legend(fontsize=8)
    return figure


def wrong(find: Find) -> Figure:
    """Resolution where images are known wrongly, beside the ceiling that knows as little."""
    found = find("Two forms of the same images", "what is wrong")
    names = [name.split(" (")[0] for name in found.column("what is wrong")]
    names = [name.replace(", a fifth", ",\na fifth").replace(", by a", ",\nby a") for name in names]
    figure = Figure((8.4, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for which, (kind, colour, marker) in enumerate(
        (("sums", DARK, "o"), ("projections", LIGHT, "s"))
    ):
        for row, (job, ratio) in enumerate(
            zip(found.column(kind), found.column("ratio", which), strict=True)
        ):
            place = [row + 0.3 * which - 0.15] * len(numbers(job))
            told = kind if row == 0 else None
            left.plot(numbers(job), place, marker, ms=5, mfc="none", color=colour, label=told)
            right.plot(numbers(ratio), place, marker, ms=5, mfc="none", color=colour)
    named(left, names)
    left.set_xlabel("FSC-0.5 with the truth (Å)")
    right.set_xlabel("the same, over the ceiling's")
    right.axvline(1.0, color="black", lw=0.8, ls="--")
    right.grid(visible=False, axis="y")
    left.legend(loc="upper center")
    return figure


def junk(find: Find) -> Figure:
    """Resolution over that of the oracle where many particles are noise, with and without."""
    found = find("Junk among the particles", "prior", "ratio")
    names = list(dict.fromkeys(found.column("particles")))
    figure = Figure((7.2, 2.1), layout="constrained")
    axis = figure.subplots()
    for row, name in enumerate(names):
        for prior, colour, marker in (("0", LIGHT, "s"), ("0.5", DARK, "o")):
            cells = zip(found.column("particles"), found.column("prior"), strict=True)
            chosen = [i for i, cell in enumerate(cells) if cell == (name, prior)]
            values = [found.numbers("ratio")[i] for i in chosen]
            label = "all particles count" if prior == "0" else "junk is detected (default)"
            told = label if row == 0 else None
            place = [row + (0.15 if prior == "0" else -0.15)] * len(values)
            axis.plot(values, place, marker, ms=5, mfc="none", color=colour, label=told)
    cells = zip(found.column("particles"), found.column("junk"), strict=True)
    counts = dict(cells)
    named(axis, [f"{name}; {counts[name]} junk" for name in names])
    axis.axvline(1.0, color="black", lw=0.8, ls="--")
    axis.set_xlabel("FSC-0.5 with the truth, over that of the oracle")
    axis.legend(fontsize=8)
    return figure


RIBOSOMES = {
    "4V5A at 60 Å, through the service": ("atomic model at 60 Å", DARK, "-"),
    "**single particles, 40 starts, temperature 2** (60 iterations)": (
        "single particles, 40 starts", LIGHT, "-"),
    "poses, 38 Å, within 20 degrees and 24 Å": ("depositors' poses, limited search", "black", ":"),
    "random, through the service": ("random orientations", GREY, "--"),
}  # fmt: skip
BOX_ANGSTROM = 384.0  # 32 voxels of 12 Å


def ribosomes(find: Find) -> Figure:
    """Correlation with the depositors' average, and right poses, by where a job starts."""
    curve_of = "FSC with the average at their poses, shells 1 to 12"
    found = find("Experimental ribosomes", "start", curve_of)
    starts, curves = found.column("start"), found.column(curve_of)
    figure = Figure((8.8, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    for place, (start, (name, colour, line)) in enumerate(RIBOSOMES.items()):
        row = starts.index(start)
        curve = numbers(curves[row])
        shells = np.arange(1, len(curve) + 1)
        left.plot(shells, curve, line, color=colour, lw=1.8, label=name)
        within = numbers(found.column("poses within 10 / 20 degrees")[row])[-1]
        right.barh(place, within, color=colour, height=0.6)
        right.text(within + 0.02, place, f"{within:.2f}", va="center")
    left.axhline(0.5, color="black", lw=0.6)
    left.set_xticks([2, 4, 6, 8, 10, 12], [f"{BOX_ANGSTROM / s:.0f}" for s in (2, 4, 6, 8, 10, 12)])
    left.set(xlabel="resolution (Å)", ylabel="FSC with the depositors' average", ylim=(0, 1.02))
    right.set(xlabel="poses within 20° of the depositors'", xlim=(0, 1.15))
    named(right, [name for name, *_ in RIBOSOMES.values()])
    right.set_yticklabels([name.replace(", ", ",\n") for name, *_ in RIBOSOMES.values()])
    figure.legend(loc="outside upper left", ncols=len(RIBOSOMES), fontsize=8)
    return figure


PANELS = (
    ("share", "r in the oracle's band, over the oracle's"),
    ("FSC-0.5 (Å)", "FSC-0.5 with the truth (Å)"),
    ("poses 10", "poses within 10°"),
)


def failure(find: Find) -> Figure:
    """Quality of FAML and FA over the SNR, down to where both fail."""
    found = find("Down to the point of failure", "algorithm", "share")
    figure = Figure((9.6, 3.1), layout="constrained")
    snrs = found.numbers("SNR")
    for axis, (column, label) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for name, colour, style in (("FAML", DARK, "o-"), ("FA", LIGHT, "s--")):
            own = [i for i, algorithm in enumerate(found.column("algorithm")) if algorithm == name]
            values = [found.numbers(column)[i] for i in own]
            axis.plot([snrs[i] for i in own], values, style, mfc="none", color=colour, label=name)
        if column == "FSC-0.5 (Å)":
            axis.plot(snrs, found.numbers("oracle's"), ":", color="black", label="oracle")
        ticks = sorted(set(snrs))
        axis.set(xscale="log", xlabel="SNR of a particle", ylabel=label)
        axis.set_ylim(0, 1.05 * axis.get_ylim()[1])
        axis.set_xticks(ticks, [f"{snr:g}" for snr in ticks], fontsize=7)
        axis.minorticks_off()
        axis.legend()
    return figure
