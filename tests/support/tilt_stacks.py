"""Small datasets of 2D stacks, as the simulator writes them, and changes to their tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from subtomo_core.simulate import (
    Microscope,
    Optics,
    SeriesSimulation,
    TiltSeries,
    asymmetric_blob,
    simulate_series,
)
from subtomo_server.simulating.stacks import write_stacks

BOX, VOXEL = 16, 6.0
PARTICLES, TOMOGRAMS = "particles.star", "tomograms.star"


@dataclass(frozen=True)
class Stacked:
    """Files of stacks in a folder, and the simulation they are of."""

    folder: Path
    made: SeriesSimulation

    def edit(self, name: str, old: str, new: str) -> None:
        """Change the text of a table."""
        text = (self.folder / name).read_text()
        assert old in text
        (self.folder / name).write_text(text.replace(old, new))

    def rename(self, name: str, column: str, new: str) -> None:
        """Call a column otherwise: it is not there any more."""
        self.edit(name, f"_{column} ", f"_{new} ")

    def set_column(self, name: str, column: str, values: list[str]) -> None:
        """Give the rows of a table other values in one column, or a new column."""
        lines = (self.folder / name).read_text().splitlines()
        blocks = [i for i, line in enumerate(lines) if line.startswith("data_")]
        has = [i for i in blocks if "loop_" in lines[i : i + 4]]
        start = has[-1]
        labels = [i for i in range(start, len(lines)) if lines[i].startswith("_")]
        names = [lines[i].split()[0][1:] for i in labels]
        rows = [i for i in range(labels[-1] + 1, len(lines)) if lines[i].strip()]
        for row, value in zip(rows, values, strict=True):
            parts = lines[row].split()
            if column in names:
                parts[names.index(column)] = value
            else:
                parts.append(value)
            lines[row] = " ".join(parts)
        if column not in names:
            lines.insert(labels[-1] + 1, f"_{column} #{len(names) + 1}")
        (self.folder / name).write_text("\n".join(lines) + "\n")


def simulated_stacks(
    count: int = 4, *, snr: float = 0.1, box: int = BOX, **options: Any
) -> SeriesSimulation:
    """Particles of a blob in two tomograms, with one image of 9 lost in each."""
    tilts = options.pop("tilts", TiltSeries(-60, 60, 15, dose=4.0, lost=1))
    optics = options.pop("optics", Optics(tomograms=2, astigmatism_um=0.2))
    return simulate_series(
        [asymmetric_blob(0.45 * box * VOXEL)],
        [count],
        box,
        VOXEL,
        snr=snr,
        microscope=Microscope(mtf=False),
        optics=optics,
        tilts=tilts,
        **options,
    )


def written_stacks(folder: Path, made: SeriesSimulation) -> Stacked:
    """Write the files of stacks into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    images = [f"Subtomograms/{i + 1}_stack2d.mrcs" for i in range(len(made.stacks.tomograms))]
    (folder / "Subtomograms").mkdir(exist_ok=True)
    (folder / "tilt_series").mkdir(exist_ok=True)
    names = [f"TS_{i + 1:02d}" for i in range(int(np.max(made.stacks.tomograms)) + 1)]
    write_stacks(folder, made.stacks, images, names)
    return Stacked(folder, made)
