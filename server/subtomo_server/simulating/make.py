"""Simulated particles, written as a laboratory would hand them over, with their truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.particles import Particles
from subtomo_core.simulate import (
    Crowd,
    Microscope,
    Optics,
    Structure,
    TiltSeries,
    particle_names,
    simulate,
    simulate_series,
)
from subtomo_core.spec import Cone, MissingRegion, Pyramid, Wedge
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
    microscope : Microscope
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
    microscope: Microscope
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
        crowded = self.crowd.neighbours or self.crowd.membrane_share or self.crowd.empty
        if self.form == "direct" and crowded:
            detail = "neighbours, membranes and empty boxes are simulated in images only"
            raise InputError(Problem(f"{detail}: --form images"))

    @property
    def each(self) -> tuple[int, ...]:
        """Particles of each structure."""
        return self.counts * len(self.structures) if len(self.counts) == 1 else self.counts


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
    what = (structures, wanted.each, wanted.box, wanted.voxel_size)
    if wanted.form == "direct":
        # Without images there are no steps: from the first tilt asked for to the last.
        tilts = replace(wanted.tilts, step_deg=wanted.tilts.last_deg - wanted.tilts.first_deg)
        direct = simulate(
            *what,
            snr=wanted.snr,
            missing=tilts.missing,
            shift_range=wanted.crowd.shift_range,
            seed=wanted.seed,
            left_out_deg=wanted.crowd.left_out_deg,
            junk=wanted.crowd.junk,
        )
        count = direct.particles.summary.particles
        form = Form("direct", direct.particles, _push_options(tilts.missing))
        return direct.truth, [form], np.zeros(count, np.int64)
    series = simulate_series(
        *what,
        snr=wanted.snr,
        microscope=wanted.microscope,
        optics=wanted.optics,
        tilts=wanted.tilts,
        crowd=wanted.crowd,
        seed=wanted.seed,
    )
    forms = [
        Form("sums", series.weighted, "--missing-from-weights"),
        Form("projections", series.back_projected, _push_options(wanted.tilts.missing)),
    ]
    return series.truth, forms, series.tomograms


def _push_options(region: MissingRegion) -> str:
    """How ``subtomo push`` is told of what a series leaves unobserved."""
    if isinstance(region, Cone):
        return f"--cone {region.half_angle_deg:g}"
    if not isinstance(region, Wedge | Pyramid):
        raise TypeError(f"no tilt series leaves {region} unobserved")
    first = f"--tilt {region.tilt_min_deg:g} {region.tilt_max_deg:g}"
    if isinstance(region, Wedge):
        return first
    return f"{first} --second-tilt {region.second_tilt_min_deg:g} {region.second_tilt_max_deg:g}"


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
