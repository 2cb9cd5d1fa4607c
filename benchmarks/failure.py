"""SNR down to the point of failure, FAML beside FA: a table, and a picture.

    python benchmarks/failure.py groel --snr 0.01 0.003 0.001 0.0005 --out failure.png

Without ``--out`` only the table is printed.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from quality import EXPERIMENTS, measure

COLOURS = {"faml": "#1f6f78", "fa": "#c8551b"}
PANELS = (
    ("share_of_oracle", "in-band r over the oracle's", False),
    ("fsc05", "FSC-0.5 with the truth (Å)", True),
    ("consensus_10", "poses within 10 degrees", False),
)


def draw(rows: list[tuple[str, float, dict[str, Any]]], out: Path) -> None:
    """Each figure over the SNR, one line an algorithm."""
    figure = Figure((11, 3.4), layout="constrained")
    axes = figure.subplots(1, len(PANELS))
    for axis, (field, label, with_oracle) in zip(axes, PANELS, strict=True):
        for algorithm, colour in COLOURS.items():
            own = sorted((snr, row) for name, snr, row in rows if name == algorithm)
            snrs = [snr for snr, _ in own]
            values = [row[field] for _, row in own]
            axis.plot(snrs, values, "o-", color=colour, label=algorithm.upper())
        if with_oracle:
            own = sorted((snr, row["fsc05_oracle"]) for _, snr, row in rows)
            axis.plot(*zip(*own, strict=True), ":", color="0.4", label="oracle")
        axis.set(xscale="log", xlabel="SNR", ylabel=label)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(out, dpi=110)


def main() -> None:
    """Run both algorithms at every SNR."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--snr", type=float, nargs="+", default=[0.01, 0.003, 0.001, 0.0005])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where to draw the picture")
    arguments = parser.parse_args()
    rows = []
    print("| algorithm | SNR | share | FSC-0.5 (Å) | oracle's | poses 10 | poses 15 | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for snr in arguments.snr:
        experiment = replace(EXPERIMENTS[arguments.experiment], snr=snr)
        for algorithm in COLOURS:
            found = measure(experiment, arguments.seed, {"algorithm": algorithm}, lambda _: None)
            row = found["structures"][0]
            rows.append((algorithm, snr, row))
            print(
                f"| {algorithm.upper()} | {snr:g} | {row['share_of_oracle']:.3f} "
                f"| {row['fsc05']:.1f} | {row['fsc05_oracle']:.1f} | {row['consensus_10']:.2f} "
                f"| {row['consensus_15']:.2f} | {found['cpu_seconds']:.0f} |",
                flush=True,
            )
    if arguments.out:
        draw(rows, arguments.out)


if __name__ == "__main__":
    main()
