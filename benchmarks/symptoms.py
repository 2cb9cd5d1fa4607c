"""Draws the pictures of the tutorial and of the page on troubleshooting, from small simulated jobs.

    python benchmarks/symptoms.py            # all into docs/images, three minutes on two cores
    python benchmarks/symptoms.py wedge      # one of them

Each job runs in this process, and prints what docs/how-to/troubleshooting.md says of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from judged import THREADS
from matplotlib.figure import Figure
from numpy.typing import NDArray

from subtomo_core.data.particles import ArrayParticles
from subtomo_core.run import Result, run
from subtomo_core.score import fit, mirror
from subtomo_core.simulate import (
    GaussianStructure,
    Simulation,
    asymmetric_blob,
    barrel,
    simulate,
)
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Wedge

Map = NDArray[np.float32]

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
BOX, VOXEL, COUNT, SNR, ITERATIONS = 32, 6.0, 60, 0.1, 20
WEDGE = Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0)
ACROSS = 0.7 * BOX * VOXEL  # as `subtomo simulate` makes phantoms


@dataclass(frozen=True)
class Case:
    """Particles, and what a job on them is told."""

    structures: tuple[GaussianStructure, ...]
    snr: float = SNR
    counts: tuple[int, ...] = (COUNT,)
    made: dict[str, Any] = field(default_factory=dict)
    told: Wedge = WEDGE
    job: dict[str, Any] = field(default_factory=dict)
    seed: int = 1

    def particles(self) -> Simulation:
        """The particles and the truth about them."""
        made: dict[str, Any] = {"missing": WEDGE, "shift_range": 2.0, **self.made}
        return simulate(
            self.structures, self.counts, BOX, VOXEL, snr=self.snr, seed=self.seed, **made
        )

    def result(self, particles: ArrayParticles) -> Result:
        """Run the job."""
        told = ArrayParticles(
            particles.volumes, particles.summary.model_copy(update={"missing": self.told})
        )
        body = {"dataset": "simulated", "algorithm": "faml", "iterations": ITERATIONS, **self.job}
        return run(told, job_spec_adapter.validate_python(body), threads=THREADS)


CASES = {
    "tutorial": Case(
        (barrel(ACROSS), asymmetric_blob(ACROSS)),
        counts=(40, 40),
        job={"classes": 2, "iterations": 40},
    ),
    "noise": Case((asymmetric_blob(ACROSS),), snr=1e-9, seed=2),
    "wedge": Case(
        (asymmetric_blob(ACROSS),),
        told=Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0, axis="x"),
    ),
    "mirrored": Case((asymmetric_blob(ACROSS),)),
    "one-view": Case((barrel(ACROSS),), made={"left_out_deg": ((12.0, 168.0),)}),
    "voxel-size": Case((barrel(ACROSS),)),
    "classes": Case((barrel(ACROSS), asymmetric_blob(ACROSS)), counts=(40, 40), job={"classes": 5}),
}


def slices(volume: Map) -> list[Map]:
    """The central slices across z, y and x."""
    middle = len(volume) // 2
    return [volume[middle], volume[:, middle], volume[:, :, middle]]


def rows_of(rows: dict[str, list[Map]], sizes: dict[str, float] | None = None) -> Figure:
    """Slices in rows with a name each; ``sizes``: side of a row's maps in ångström, to one scale.

    Each row has its own scale of greys.
    """
    columns = max(len(images) for images in rows.values())
    figure = Figure(figsize=(1.15 * columns + 1.3, 1.2 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    seen = min(sizes.values()) / 2 if sizes else 0.0
    for axes, (name, images) in zip(grid, rows.items(), strict=True):
        low, high = np.percentile(np.stack(images), (1.0, 99.7))
        half = sizes[name] / 2 if sizes else 1.0
        for place in axes:
            place.set_axis_off()
        for place, image in zip(axes, images, strict=False):
            place.imshow(
                image, "gray", vmin=low, vmax=high, origin="lower", extent=(-half, half) * 2
            )
            if sizes:
                place.set(xlim=(-seen, seen), ylim=(-seen, seen))
        axes[0].text(
            -0.08, 0.5, name, transform=axes[0].transAxes, ha="right", va="center", fontsize=9
        )
    return figure


def tell(name: str, result: Result) -> None:
    """Print how a job ended."""
    metrics = result.model.metrics
    print(f"{name}: {len(result.history) - 1} iterations")
    if metrics.verdict is not None:
        print(f"  {metrics.verdict.movement}; {metrics.verdict.summary}")
        for reason in metrics.verdict.reasons:
            print(f"    {reason}")
    print(f"  shares {np.round(metrics.class_shares, 2)}")
    print(f"  resolution (FSC 0.5) {np.round(metrics.resolution_05_angstrom, 1)}")


def tutorial(case: Case) -> Figure:
    """Particles, averages and truths of the tutorial."""
    made = case.particles()
    result = case.result(made.particles)
    tell("tutorial", result)
    middle = BOX // 2
    firsts = [made.particles.volumes[i][middle] for i in range(6)]
    truths = [one for volume in made.truth.maps for one in slices(volume)]
    averages = []
    for truth in made.truth.maps:
        fits = [fit(average, truth) for average in result.model.maps]
        averages += slices(max(fits, key=lambda one: one.r).map)
    return rows_of({"six particles": firsts, "averages": averages, "truth": truths})


def beside_truth(name: str) -> Callable[[Case], Figure]:
    """A picture of the truth and of the average that lies on it."""

    def drawn(case: Case) -> Figure:
        made = case.particles()
        particles, truth = made.particles, made.truth.maps[0]
        if name == "mirrored":
            flipped = np.stack([mirror(volume) for volume in particles.volumes])
            particles = ArrayParticles(flipped, particles.summary)
        result = case.result(particles)
        tell(name, result)
        on_truth = fit(result.model.maps[0], truth)
        other = fit(mirror(on_truth.map), truth)
        print(f"  r {on_truth.r:.3f}, mirrored {other.r:.3f}")
        rows = {"should be": slices(truth), "is": slices(on_truth.map)}
        if name == "mirrored":
            rows["its mirror image"] = slices(other.map)
        sizes = {"should be": BOX * VOXEL, "is": BOX * VOXEL * 4 / 3}
        return rows_of(rows, sizes if name == "voxel-size" else None)

    return drawn


def noise(case: Case) -> Figure:
    """Average of nothing, as it lies."""
    result = case.result(case.particles().particles)
    tell("noise", result)
    return rows_of({"is": slices(result.model.maps[0])})


def classes(case: Case) -> Figure:
    """A slice of each class, with the share of its particles."""
    result = case.result(case.particles().particles)
    tell("classes", result)
    shares = result.model.metrics.class_shares
    figure = rows_of({"classes": [volume[BOX // 2] for volume in result.model.maps]})
    for place, share in zip(figure.axes, shares, strict=True):
        place.set_title(f"{share:.0%}", fontsize=9)
    return figure


DRAWN: dict[str, Callable[[Case], Figure]] = {
    "tutorial": tutorial,
    "noise": noise,
    "classes": classes,
    **{name: beside_truth(name) for name in ("wedge", "mirrored", "one-view", "voxel-size")},
}


def main() -> None:
    """Draw the pictures that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(DRAWN)}")
    for name in parser.parse_args().names or list(DRAWN):
        with mpl.rc_context({"font.size": 9}):
            figure = DRAWN[name](CASES[name])
            path = IMAGES / f"{'first-averages' if name == 'tutorial' else f'symptom-{name}'}.png"
            figure.savefig(path, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
