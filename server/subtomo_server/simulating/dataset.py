"""Datasets whose particles the server simulates: they are made when the dataset is sealed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from subtomo_server.http.errors import NotStoredError
from subtomo_server.simulating.forms import tomogram_name
from subtomo_server.simulating.make import Made, write_truth
from subtomo_server.simulating.recipe import Recipe
from subtomo_store.database.records import FileRecord
from subtomo_store.files.data_folder import confined, temporary_beside
from subtomo_store.files.whole import measured
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import ParticleRows, write_particles

TRUTH = "truth"
_INDEX = "index.json"
_STACK, _WEIGHTS = "particles.mrcs", "weights.mrcs"


@contextmanager
def simulated(folder: Path, uploads: Path, recipe: Recipe) -> Iterator[Path]:
    """Folder of simulated particles and their table, for sealing; it goes with the block.

    The truth about them stays in ``folder/truth``.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    uploads : Path
        Where the files lie that structures name.
    recipe : Recipe

    Raises
    ------
    InputError
        If a structure cannot be read.
    """
    made = Made.of(recipe, lambda name: confined(uploads, name))
    names = [f"{i + 1:06d}@{_STACK}" for i in range(recipe.particles)]
    particles, truth = (temporary_beside(folder / name) for name in ("simulated", TRUTH))
    try:
        _write(particles, made, names, recipe)
        write_truth(truth, made, names, recipe.voxel_size_angstrom)
        _write_index(truth)
        shutil.rmtree(folder / TRUTH, ignore_errors=True)
        truth.replace(folder / TRUTH)
        yield particles
    finally:
        for path in (particles, truth):
            shutil.rmtree(path, ignore_errors=True)


def remarks_on(simulation: Mapping[str, Any], uploaded: Sequence[str]) -> tuple[str, ...]:
    """What to say about the files that were uploaded for a simulation."""
    unused = sorted(set(uploaded) - set(simulation["structures"]))
    if not unused:
        return ()
    shown = ", ".join(unused[:10])
    return (f"{len(unused)} uploaded files are named by no structure and were left out: {shown}",)


def truth_files(folder: Path) -> list[FileRecord]:
    """The files of the truth about a dataset's particles; none where they were not simulated."""
    try:
        entries = json.loads((folder / TRUTH / _INDEX).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [FileRecord(**entry) for entry in entries]


def truth_file(folder: Path, name: str) -> tuple[Path, FileRecord]:
    """One file of the truth.

    Raises
    ------
    NotStoredError
        If there is none of this name.
    """
    for record in truth_files(folder):
        if record.name == name:
            return folder / TRUTH / name, record
    raise NotStoredError(f"The dataset has no truth named {name[:200]}.")


def _write(folder: Path, made: Made, names: list[str], recipe: Recipe) -> None:
    """Write one stack, which sealing need not copy, and one of weights."""
    folder.mkdir(parents=True)
    size = recipe.voxel_size_angstrom
    particles = made.particles[recipe.form]
    write_volume(folder / _STACK, particles.volumes, size)
    weights = particles.weights
    if weights is not None:
        write_volume(folder / _WEIGHTS, weights, size)
    rows = ParticleRows(
        images=names,
        voxel_size=size,
        box=recipe.box,
        tomograms=[tomogram_name(number) for number in made.tomograms],
        ctf_images=None if weights is None else [n.replace(_STACK, _WEIGHTS) for n in names],
    )
    write_particles(folder / "particles.star", rows)


def _write_index(truth: Path) -> None:
    entries = []
    for path in sorted(truth.iterdir()):
        found = measured(path)
        entries.append({"name": path.name, "size": found.size, "sha256": found.sha256})
    (truth / _INDEX).write_text(json.dumps(entries), encoding="utf-8")
