"""All pairs of 80 particles of four structures, before and after alignment (Xu & Alber's Figure 6).

    python benchmarks/all_pairs.py --out pairs.png

GroEL, Rubisco, the proteasome and RNA polymerase II, 20 particles each: nothing is told of which
is which. Needs the shared atomic models (SUBTOMO_SHARED_DATA, or ../shared/data beside the
checkout).
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from quality import GROEL, POLYMERASE, PROTEASOME, RUBISCO, Experiment

from subtomo_core.data.clusters import Clusters
from subtomo_core.data.pairs import Pairs
from subtomo_core.data.statistics import Model, Poses
from subtomo_core.run import run
from subtomo_core.score import judge
from subtomo_core.score.classes import class_agreement
from subtomo_core.simulate import Simulation
from subtomo_core.spec.job import job_spec_adapter
from subtomo_store.formats.pictures import GAP, block_matrix, png

NAMES = ("GroEL", "Rubisco", "proteasome", "RNA polymerase II")
MODELS = (GROEL, RUBISCO, PROTEASOME, POLYMERASE)
SCORES, LINKAGES = ("rcs", "fcs"), ("average", "complete", "ward")


def align_all(simulation: Simulation, job: dict[str, Any]) -> tuple[Model, Model, Poses]:
    """The models of the pairs as they lie and of the averages at the end, and the last poses."""
    first: list[Model] = []
    given = {"dataset": "benchmark", "algorithm": "pairwise", "classes": len(MODELS), **job}
    result = run(
        simulation.particles,
        job_spec_adapter.validate_python(given),
        on_iteration=lambda model, _poses: first.append(model),
        threads=os.cpu_count() or 1,
    )
    return first[0], result.model, result.poses


def clusters_of(model: Model) -> Clusters:
    """What a model of this algorithm always has."""
    if model.clusters is None:
        raise TypeError("the model compares no pairs")
    return model.clusters


def block_means(unlike: NDArray[np.float64], true: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean dissimilarity of structures with each other, and with themselves, (K, K)."""
    structures = range(true.max() + 1)
    beside = ~np.eye(len(true), dtype=bool)
    own = [[(true[:, None] == a) & (true == b) & beside for b in structures] for a in structures]
    return np.array([[unlike[chosen].mean() for chosen in row] for row in own])


def block_table(before: NDArray[np.float64], after: NDArray[np.float64]) -> str:
    """Both matrices of means side by side."""
    lines = [f"| | {' | '.join(NAMES)} |", "|---" * (len(NAMES) + 1) + "|"]
    for name, row, later in zip(NAMES, before, after, strict=True):
        cells = " | ".join(f"{b:.2f}, {a:.2f}" for b, a in zip(row, later, strict=True))
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def f1_of(clusters: Clusters, simulation: Simulation, linkage: str) -> float:
    """Mean F1 of the clusters which another linkage makes of the same matrix."""
    count, classes = len(clusters.members), len(NAMES)
    nowhere = np.zeros((count, count, 3, 3)), np.zeros((count, count, 3))
    found = Clusters.of(Pairs(clusters.dissimilarity, *nowhere), classes, linkage)  # type: ignore[arg-type]
    return class_agreement(found.members, simulation.truth.classes, classes).mean_f1


def average_table(model: Model, poses: Poses, simulation: Simulation) -> str:
    """Averages beside those with the true classes and poses, both up to the resolution in use."""
    limit = model.metrics.resolution_in_use_angstrom
    particles, truth = simulation.particles, simulation.truth
    verdict = judge(model.maps, poses, particles, truth, limit_angstrom=limit)
    lines = ["| structure | F1 | r | oracle's r |", "|---|---|---|---|"]
    for name, found in zip(NAMES, verdict.classes, strict=True):
        r = found.average.r if found.average else 0.0
        lines.append(f"| {name} | {found.f1:.3f} | {r:.3f} | {found.oracle.r:.3f} |")
    return "\n".join(lines)


def picture(
    before: NDArray[np.float64], after: NDArray[np.float64], true: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Both matrices, particles ordered and framed by structure."""
    order = np.argsort(true, kind="stable")
    edges = [0, *np.cumsum(np.bincount(true)).tolist()]
    sheets = [block_matrix(m[np.ix_(order, order)], edges) for m in (before, after)]
    gap = np.full((len(sheets[0]), 8 * GAP), 255, np.uint8)
    return np.concatenate([sheets[0], gap, sheets[1]], 1)


def main() -> None:
    """Run each score, print the tables and draw the first one's picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", nargs="+", choices=SCORES, default=list(SCORES))
    parser.add_argument("--each", type=int, default=20, help="particles of each structure")
    parser.add_argument("--snr", type=float, default=0.5)
    parser.add_argument("--limit", type=float, default=36.0, help="resolution, in Å")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where to draw the picture")
    given = parser.parse_args()
    counts = (given.each,) * len(MODELS)
    experiment = Experiment(MODELS, counts, given.snr, ("C1",) * 4, box=32, voxel=9.0)
    simulation = experiment.particles(given.seed)
    true = simulation.truth.classes
    for score in given.scores:
        clock = time.process_time()
        parameters = {"score": score, "shift_range_angstrom": 90.0}
        job = {"parameters": parameters, "resolution": {"limit_angstrom": given.limit}}
        first, last, poses = align_all(simulation, job)
        seconds, pairs = time.process_time() - clock, len(true) * (len(true) - 1) // 2
        before, after = clusters_of(first), clusters_of(last)
        print(
            f"\n**{score.upper()}**: {pairs} pairs, {1e3 * seconds / pairs:.0f} ms of CPU a pair\n"
        )
        matrices = before.dissimilarity, after.dissimilarity
        print(block_table(*(block_means(matrix, true) for matrix in matrices)))
        for linkage in LINKAGES:
            f1 = [f1_of(clusters, simulation, linkage) for clusters in (before, after)]
            print(f"mean F1, {linkage} linkage: {f1[0]:.3f} before, {f1[1]:.3f} after")
        print(average_table(last, poses, simulation))
        if given.out and score == given.scores[0]:
            given.out.write_bytes(png(picture(*matrices, true)))


if __name__ == "__main__":
    main()
