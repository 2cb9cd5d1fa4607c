"""Simulated particles, written as a laboratory would hand them over, with their truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.particles import ArrayParticles
from subtomo_core.data.truth import Truth
from subtomo_core.errors import InputError, Problem
from subtomo_core.simulate import Stacks, particle_names, simulate, simulate_series
from subtomo_server.simulating.forms import Form, StackForm, VolumeForm
from subtomo_server.simulating.picture import draw
from subtomo_server.simulating.recipe import Recipe
from subtomo_server.simulating.structures import structure_of
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import ParticleRows, write_particles


@dataclass(frozen=True, eq=False)
class Made:
    """Simulated particles in each form, and the truth about them.

    Attributes
    ----------
    truth : Truth
    particles : dict of str to ArrayParticles
        ``direct``; or ``sums`` and ``projections`` of the same images.
    tomograms : ndarray of int, (N,)
        Tomogram of each particle.
    stacks : Stacks or None
        The images, if there are any.
    """

    truth: Truth
    particles: dict[str, ArrayParticles]
    tomograms: NDArray[np.int64]
    stacks: Stacks | None = None

    @property
    def forms(self) -> list[Form]:
        """All that can be written."""
        volumes: list[Form] = [VolumeForm(*named) for named in self.particles.items()]
        return volumes + ([StackForm("stacks", self.stacks)] if self.stacks else [])

    @classmethod
    def of(cls, recipe: Recipe, find: Callable[[str], Path]) -> Made:
        """Make them.

        Parameters
        ----------
        recipe : Recipe
        find : callable
            Where the file of a structure lies.

        Raises
        ------
        InputError
            If a structure cannot be read, or does not fit the box.
        """
        size = (recipe.box, recipe.voxel_size_angstrom)
        structures = [structure_of(s, find, *size, recipe.diameter) for s in recipe.structures]
        what = (structures, recipe.each, *size)
        if recipe.form == "direct":
            direct = simulate(
                *what,
                snr=recipe.snr,
                missing=recipe.series.missing,
                shift_range=recipe.crowd.shift_range,
                seed=recipe.seed,
                orientations=recipe.crowd.orientations,
                left_out_deg=recipe.crowd.left_out_deg,
                junk=recipe.crowd.junk,
            )
            one = np.zeros(len(direct.truth.classes), np.int64)
            return cls(direct.truth, {"direct": direct.particles}, one)
        series = simulate_series(
            *what,
            snr=recipe.snr,
            microscope=recipe.microscope,
            optics=recipe.optics,
            tilts=recipe.tilts,
            crowd=recipe.crowd,
            seed=recipe.seed,
        )
        forms = {"sums": series.weighted, "projections": series.back_projected}
        return cls(series.truth, forms, series.stacks.tomograms, series.stacks)


def make(folder: Path, recipe: Recipe) -> Iterator[str]:
    """Make and write everything, in every form; yields lines for a person.

    Raises
    ------
    InputError
        If the folder holds anything already, or what is wanted cannot be made.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(Problem(f"{folder} is not empty: name a new folder"))
    made = Made.of(recipe, Path)
    names = particle_names(len(made.truth.classes))
    write_truth(folder, made, names, recipe.voxel_size_angstrom)
    shown = [
        f"{len(names)} particles, box {recipe.box}, {recipe.voxel_size_angstrom:g} Å per voxel"
    ]
    for form in made.forms:
        form.write(folder / form.name, names, made.tomograms)
        shown.append(form.hint(folder / form.name))
    yield from shown
    yield (
        f"then fetch a job's results and compare: subtomo score class_1.mrc --truth "
        f"{folder / 'true_1.mrc'} --poses particles.star --true-poses {folder / 'true_poses.star'}"
    )


def write_truth(folder: Path, made: Made, names: Sequence[str], voxel_size: float) -> None:
    """Write true maps, true poses and a picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, volume in enumerate(made.truth.maps):
        write_volume(folder / f"true_{k + 1}.mrc", volume, voxel_size)
    rows = ParticleRows(
        images=names,
        voxel_size=voxel_size,
        box=made.truth.maps.shape[-1],
        rotations=made.truth.rotations,
        shifts=made.truth.shifts,
        classes=made.truth.classes + 1,  # 0 is junk
    )
    write_particles(folder / "true_poses.star", rows)
    draw(folder / "picture.png", made.truth, made.forms)
