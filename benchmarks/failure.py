"""SNR down to the point of failure, FAML beside FA.

python benchmarks/failure.py groel --snr 0.01 0.003 0.001 0.0005
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from quality import EXPERIMENTS, measure

ALGORITHMS = ("faml", "fa")


def main() -> None:
    """Run both algorithms at every SNR."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--snr", type=float, nargs="+", default=[0.01, 0.003, 0.001, 0.0005])
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print("| algorithm | SNR | share | FSC-0.5 (Å) | oracle's | poses 10 | poses 15 | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for snr in arguments.snr:
        experiment = replace(EXPERIMENTS[arguments.experiment], snr=snr)
        for algorithm in ALGORITHMS:
            found = measure(experiment, arguments.seed, {"algorithm": algorithm}, lambda _: None)
            row = found["structures"][0]
            print(
                f"| {algorithm.upper()} | {snr:g} | {row['share_of_oracle']:.3f} "
                f"| {row['fsc05']:.1f} | {row['fsc05_oracle']:.1f} | {row['consensus_10']:.2f} "
                f"| {row['consensus_15']:.2f} | {found['cpu_seconds']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
