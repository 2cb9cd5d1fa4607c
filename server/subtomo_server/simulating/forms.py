"""Forms in which simulated particles are written: volumes, alone or with weights, and stacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.particles import Particles
from subtomo_core.simulate import Stacks
from subtomo_core.spec.missing_region import Cone, FoundRegion, Pyramid, Wedge, Weights
from subtomo_server.simulating.stacks import PARTICLES, write_stacks
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import ParticleRows, write_particles

Picture = NDArray[np.float32]


class Form(Protocol):
    """Particles in one form, in a folder of its own."""

    @property
    def name(self) -> str:
        """Of the form and its folder."""

    def write(self, folder: Path, names: Sequence[str], tomograms: NDArray[np.int64]) -> None:
        """Write particles under these names, each from its tomogram."""

    def hint(self, folder: Path) -> str:
        """What to do with the folder, a line."""

    def picture(self, index: int) -> Picture:
        """What is shown of a particle, (n, n)."""


@dataclass(frozen=True)
class VolumeForm:
    """Volumes, with weights or behind a missing region."""

    name: str
    particles: Particles

    def write(self, folder: Path, names: Sequence[str], tomograms: NDArray[np.int64]) -> None:
        """Write volumes, weights beside them, and ``particles.star``."""
        summary = self.particles.summary
        voxel_size = summary.voxel_size_angstrom
        weights = [name.replace(".mrc", "_ctf.mrc") for name in names]
        for index, name in enumerate(names):
            write_volume(folder / name, self.particles.volume(index), voxel_size)
            weight = self.particles.weight(index)
            if weight is not None:
                # The layout of rfftn is one of RELION's: a half, the origin in its first voxel.
                write_volume(folder / weights[index], weight, voxel_size)
        rows = ParticleRows(
            images=names,
            voxel_size=voxel_size,
            box=summary.box,
            tomograms=[tomogram_name(number) for number in tomograms],
            ctf_images=weights if isinstance(summary.missing, Weights) else None,
        )
        write_particles(folder / PARTICLES, rows)

    def hint(self, folder: Path) -> str:
        """The command that pushes them."""
        dataset = f"{folder.parent.name}-{folder.name}"
        options = push_options(self.particles.summary.missing)
        return f"subtomo push {folder / PARTICLES} {options} --name {dataset}"

    def picture(self, index: int) -> Picture:
        """The middle along the beam: y upwards, x to the right."""
        volume = self.particles.volume(index)
        middle: Picture = volume[len(volume) // 2]
        return middle


@dataclass(frozen=True)
class StackForm:
    """Stacks of 2D images."""

    name: str
    stacks: Stacks

    def write(self, folder: Path, names: Sequence[str], tomograms: NDArray[np.int64]) -> None:
        """Write a stack for each particle, and RELION's tables."""
        images = [name.replace(".mrc", ".mrcs") for name in names]
        tomogram_names = [tomogram_name(number) for number in np.unique(tomograms)]
        write_stacks(folder, self.stacks, images, tomogram_names)

    def hint(self, folder: Path) -> str:
        """The command that pushes them; RELION 5 reads them too."""
        dataset = f"{folder.parent.name}-{folder.name}"
        pushing = f"subtomo push {folder / PARTICLES} --name {dataset}"
        return f"{pushing}  (or run RELION 5 in that folder)"

    def picture(self, index: int) -> Picture:
        """The image of the least dose that is visible."""
        visible = self.stacks.visible[self.stacks.tomograms[index]]
        first = np.argmin(self.stacks.camera.tilts.doses[visible])
        image: Picture = self.stacks.images(index)[first]
        return image


def tomogram_name(number: int) -> str:
    """Name of a tomogram, numbered from 0, in every table."""
    return f"tomogram_{number + 1}"


def push_options(region: FoundRegion) -> str:
    """How ``subtomo push`` is told of what particles lack."""
    if isinstance(region, Weights):
        return "--missing-from-weights"
    if isinstance(region, Cone):
        return f"--cone {region.half_angle_deg:g}"
    if not isinstance(region, Wedge | Pyramid):
        raise TypeError(f"no tilt series leaves {region} unobserved")
    first = f"--tilt {region.tilt_min_deg:g} {region.tilt_max_deg:g}"
    if isinstance(region, Wedge):
        return first
    return f"{first} --second-tilt {region.second_tilt_min_deg:g} {region.second_tilt_max_deg:g}"
