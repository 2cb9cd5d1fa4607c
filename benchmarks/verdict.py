"""How often the verdict on a job is right: pure noise, and a phantom over SNR.

    python benchmarks/verdict.py run --sets 10 --to verdict.jsonl
    python benchmarks/verdict.py table --to verdict.jsonl

Each set is a job of its own; one which stands in the file already is not run again. Noise is
white behind a wedge (wedge), or that of images through a microscope, as sums with weights (sums)
and as back-projections of them (projections).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from subtomo_core.data.particles import Particles
from subtomo_core.data.truth import Truth
from subtomo_core.fourier.shells import low_pass
from subtomo_core.run import run
from subtomo_core.score import judge
from subtomo_core.simulate import (
    GaussianStructure,
    TiltSeries,
    asymmetric_blob,
    simulate,
    simulate_series,
)
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Wedge

BOX, VOXEL, COUNT, ITERATIONS = 24, 8.0, 40, 12
WEDGE = Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0)
_NO_SIGNAL = 1e-9  # SNR
SNRS = {"wedge": (0.003, 0.01, 0.03), "sums": (0.01, 0.03, 0.1), "projections": (0.01, 0.03, 0.1)}

Form = Literal["wedge", "sums", "projections"]


@dataclass(frozen=True)
class Case:
    """One set and its job; SNR 0 stands for noise alone."""

    form: Form
    start: Literal["random", "map"]
    junk: float
    snr: float
    count: int
    seed: int


def cases(sets: int) -> Iterator[Case]:
    """Sets, seed after seed, so that a table can be printed early."""
    forms: tuple[Form, ...] = ("wedge", "sums", "projections")
    for seed in range(1, sets + 1):
        for form in forms:
            for junk in (0.5, 0.0):
                yield Case(form, "random", junk, 0.0, COUNT, seed)
                yield Case(form, "map", junk, 0.0, COUNT, seed)
            for snr in SNRS[form]:
                yield Case(form, "random", 0.5, snr, COUNT, seed)


def phantom() -> GaussianStructure:
    """The structure that is looked for, half the box across."""
    return asymmetric_blob(0.5 * BOX * VOXEL)


def particles(case: Case) -> tuple[Particles, Truth]:
    """The particles of a case, and the truth about them."""
    snr = case.snr or _NO_SIGNAL
    if case.form == "wedge":
        direct = simulate(
            [phantom()],
            [case.count],
            BOX,
            VOXEL,
            snr=snr,
            missing=WEDGE,
            shift_range=1.0,
            seed=case.seed,
        )
        return direct.particles, direct.truth
    tilts = TiltSeries(step_deg=4.0)
    made = simulate_series(
        [phantom()], [case.count], BOX, VOXEL, snr=snr, tilts=tilts, seed=case.seed
    )
    return (made.weighted if case.form == "sums" else made.back_projected), made.truth


def measure(case: Case) -> dict[str, Any]:
    """Run the job of a case; its verdict beside the truth."""
    made, truth = particles(case)
    parameters: dict[str, Any] = {"junk": case.junk}
    start, references = {"kind": "random"}, None
    if case.start == "map":
        start = {"kind": "maps", "maps": ["phantom"]}  # type: ignore[dict-item]
        references = low_pass(phantom().density(BOX, VOXEL), VOXEL, 60.0)[None]
    body = {
        "dataset": "benchmark",
        "algorithm": "faml",
        "seed": case.seed,
        "iterations": ITERATIONS,
        "start": start,
        "parameters": parameters,
    }
    clock = time.process_time()
    spec = job_spec_adapter.validate_python(body)
    result = run(made, spec, references=references)
    seconds = time.process_time() - clock
    verdict = result.model.metrics.verdict
    assert verdict is not None
    finding = verdict.classes[0]
    row = {
        **asdict(case),
        "state": verdict.state,
        "movement": verdict.movement,
        "share": finding.share,
        "z": finding.z,
        "oriented_z": finding.oriented_z,
        "resolution": result.model.metrics.resolution_0143_angstrom[0],
        "seconds": seconds,
    }
    if case.snr:
        one = judge(result.model.maps, result.poses, made, truth).classes[0]
        row |= {
            "oracle": one.oracle.resolution_angstrom,
            "own": one.average.resolution_angstrom if one.average else float("nan"),
            "r": one.average.r if one.average else 0.0,
            "consensus": one.poses.consensus(20),
        }
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Verdicts of each kind of set."""
    lines = [
        "| form | start | junk | SNR | sets | structure | undecided | noise | z "
        "| its FSC 0.143 (Å) | oracle (Å) | own (Å) | poses 20 |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    keys = sorted({(r["snr"], r["form"], r["start"], -r["junk"]) for r in rows})
    for snr, form, start, junk in keys:
        own = [
            r
            for r in rows
            if (r["snr"], r["form"], r["start"], -r["junk"]) == (snr, form, start, junk)
        ]
        counts = [sum(r["state"] == s for r in own) for s in ("structure", "undecided", "noise")]
        zs = [r["z"] for r in own]
        truth = ["", "", ""]
        if snr:
            truth = [f"{np.median([r[k] for r in own]):.1f}" for k in ("oracle", "own")]
            truth.append(f"{np.median([r['consensus'] for r in own]):.2f}")
        lines.append(
            f"| {form} | {start} | {-junk:g} | {snr or 'none'} | {len(own)} "
            f"| {' | '.join(map(str, counts))} | {min(zs):.1f} to {max(zs):.1f} "
            f"| {np.median([r['resolution'] or np.inf for r in own]):.1f} | {' | '.join(truth)} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the sets which are missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--sets", type=int, default=25, help="sets of each kind")
    parser.add_argument("--to", type=Path, default=Path("verdict.jsonl"))
    arguments = parser.parse_args()
    there = arguments.to.read_text("utf-8").splitlines() if arguments.to.exists() else []
    rows = [json.loads(line) for line in there]
    if arguments.what == "table":
        print(table(rows))
        return
    names = tuple(Case.__dataclass_fields__)
    done = {tuple(row[name] for name in names) for row in rows}
    for case in cases(arguments.sets):
        if tuple(asdict(case).values()) in done:
            continue
        row = measure(case)
        with arguments.to.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, default=float) + "\n")
        print(row, flush=True)


if __name__ == "__main__":
    np.seterr(all="warn", under="ignore")
    main()
