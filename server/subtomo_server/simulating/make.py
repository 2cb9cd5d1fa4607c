"""Simulated particles, written as a laboratory would hand them over, with their truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.particles import Particles
from subtomo_core.simulate import (
    Crowd,
    Optics,
    Structure,
    TiltSeries,
    particle_names,
    simulate,
    simulate_series,
)
from subtomo_core.spec import Wedge
from subtomo_core.truth import Truth
from subtomo_server.simulating.picture import draw
from subtomo_server.simulating.structures import structure_of
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import ParticleRows, write_particles

_MOST_VOXELS = 1 << 30  # held in memory in each form


@dataclass(frozen=True)
class Wanted:
    """What is to be made: the command's options, with open ones filled in.

    Attributes
    ----------
    structures : tuple of str
        See `structure_of`.
    counts : tuple of int
        One for each, or one for all.
    form : str
        ``direct`` or ``images``.
    snr : float
        Of a volume, or of an image (docs/conventions.md).
    box : int
    voxel_size, diameter : float
        In ångström.
    tilts : TiltSeries
    optics : Optics
    crowd : Crowd
    seed : int
    """

    structures: tuple[str, ...]
    counts: tuple[int, ...]
    form: str
    snr: float
    box: int
    voxel_size: float
    diameter: float
    tilts: TiltSeries
    optics: Optics
    crowd: Crowd
    seed: int

    def __post_init__(self) -> None:
        if self.form not in ("direct", "images"):
            raise InputError(Problem(f"the form is 'direct' or 'images', not '{self.form}'"))
        if len(self.counts) not in (1, len(self.structures)):
            detail = f"{len(self.counts)} counts were given for {len(self.structures)} structures"
            raise InputError(Problem(f"{detail}: give --count once, or once for each"))
        if min(self.counts) < 1:
            raise InputError(Problem("there must be at least one particle of each structure"))
        if sum(self.each) * self.box**3 > _MOST_VOXELS:
            detail = (
                f"{sum(self.each)} particles in boxes of {self.box} voxels are too many to make"
            )
            raise InputError(Problem(f"{detail} at once: ask for fewer, or for smaller boxes"))
        if self.form == "direct" and self.crowd.neighbours:
            raise InputError(Problem("neighbours are simulated in images only: --form images"))

    @property
    def each(self) -> tuple[int, ...]:
        """Particles of each structure."""
        return self.counts * len(self.structures) if len(self.counts) == 1 else self.counts

    @property
    def range(self) -> Wedge:
        """What one series about the y axis shows."""
        return Wedge(tilt_min_deg=self.tilts.first_deg, tilt_max_deg=self.tilts.last_deg)


@dataclass(frozen=True)
class Form:
    """Particles in one form, and how to push them."""

    name: str
    particles: Particles
    options: str


def make(folder: Path, wanted: Wanted) -> Iterator[str]:
    """Make and write everything; yields lines for a person.

    Raises
    ------
    InputError
        If the folder holds anything already, or what is wanted cannot be made.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(Problem(f"{folder} is not empty: name a new folder"))
    size = (wanted.box, wanted.voxel_size)
    structures = [structure_of(text, *size, wanted.diameter) for text in wanted.structures]
    truth, forms, tomograms = _made(wanted, structures)
    folder.mkdir(parents=True, exist_ok=True)
    for k, volume in enumerate(truth.maps):
        write_volume(folder / f"true_{k + 1}.mrc", volume, wanted.voxel_size)
    names = particle_names(len(truth.classes))
    write_particles(folder / "true_poses.star", _rows(wanted, names, truth=truth))
    shown = [f"{len(names)} particles, box {wanted.box}, {wanted.voxel_size:g} Å per voxel"]
    for form in forms:
        _write(folder / form.name, form, wanted, names, tomograms)
        star = folder / form.name / "particles.star"
        shown.append(f"subtomo push {star} {form.options} --name {folder.name}-{form.name}")
    draw(folder / "picture.png", truth, {form.name: form.particles for form in forms})
    yield from shown
    yield (
        f"then fetch a job's results and compare: subtomo score class_1.mrc --truth "
        f"{folder / 'true_1.mrc'} --poses particles.star --true-poses {folder / 'true_poses.star'}"
    )


def _made(
    wanted: Wanted, structures: list[Structure]
) -> tuple[Truth, list[Form], NDArray[np.int64]]:
    """Truth, particles in each form, and the tomogram of each particle."""
    options = f"--tilt {wanted.tilts.first_deg:g} {wanted.tilts.last_deg:g}"
    what = (structures, wanted.each, wanted.box, wanted.voxel_size)
    if wanted.form == "direct":
        direct = simulate(
            *what,
            snr=wanted.snr,
            missing=wanted.range,
            shift_range=wanted.crowd.shift_range,
            seed=wanted.seed,
            junk=wanted.crowd.junk,
        )
        count = direct.particles.summary.particles
        form = Form("direct", direct.particles, options)
        return direct.truth, [form], np.zeros(count, np.int64)
    series = simulate_series(
        *what,
        snr=wanted.snr,
        optics=wanted.optics,
        tilts=wanted.tilts,
        crowd=wanted.crowd,
        seed=wanted.seed,
    )
    forms = [
        Form("sums", series.weighted, "--missing-from-weights"),
        Form("projections", series.back_projected, options),
    ]
    return series.truth, forms, series.tomograms


def _write(
    folder: Path, form: Form, wanted: Wanted, names: list[str], tomograms: NDArray[np.int64]
) -> None:
    (folder / names[0]).parent.mkdir(parents=True)
    weights = [name.replace(".mrc", "_ctf.mrc") for name in names]
    weighted = form.particles.weight(0) is not None
    for index, name in enumerate(names):
        write_volume(folder / name, form.particles.volume(index), wanted.voxel_size)
        weight = form.particles.weight(index)
        if weight is not None:
            # The layout of rfftn is one of RELION's: a half, the origin in its first voxel.
            write_volume(folder / weights[index], weight, wanted.voxel_size)
    rows = _rows(
        wanted,
        names,
        tomograms=[f"tomogram_{number + 1}" for number in tomograms],
        ctf_images=weights if weighted else None,
    )
    write_particles(folder / "particles.star", rows)


def _rows(
    wanted: Wanted,
    names: list[str],
    *,
    truth: Truth | None = None,
    tomograms: list[str] | None = None,
    ctf_images: list[str] | None = None,
) -> ParticleRows:
    """A table of the particles; class 0 of the truth is junk."""
    return ParticleRows(
        images=names,
        voxel_size=wanted.voxel_size,
        box=wanted.box,
        rotations=truth.rotations if truth else None,
        shifts=truth.shifts if truth else None,
        classes=truth.classes + 1 if truth else None,
        tomograms=tomograms,
        ctf_images=ctf_images,
    )
