"""Full simulation: tilt series through a microscope, made into particles of three forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.particles import ArrayParticles
from subtomo_core.data.truth import Truth
from subtomo_core.errors import InputError, Problem
from subtomo_core.imaging.components import Slices
from subtomo_core.imaging.microscope import Microscope
from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.simulate.forms import Assembly
from subtomo_core.simulate.images import Camera
from subtomo_core.simulate.phantoms import membrane_patch
from subtomo_core.simulate.scene import Crowd, Placed, placed
from subtomo_core.simulate.stacks import Stacks
from subtomo_core.simulate.structures import Structure
from subtomo_core.simulate.tilts import TiltSeries
from subtomo_core.simulate.tomograms import Optics, Tomogram, drawn_tomogram
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import FoundRegion, Weights

_VIEWS = 4  # of each structure, from which the signal's variance is told


@dataclass(frozen=True, eq=False)
class SeriesSimulation:
    """The same images as particles in three forms, and the truth about them.

    Attributes
    ----------
    back_projected : ArrayParticles
        Weighted back-projections behind a missing region.
    weighted : ArrayParticles
        Sums of images times their transfer, with weights.
    stacks : Stacks
        The images themselves.
    truth : Truth
        The maps have the scale of the sums: S = W A.
    noise : float
        Variance of the noise in a pixel of an image. The noise of the components of the sums has
        the variance ``noise / n`` times W, where all of it is added after the microscope.
    """

    back_projected: ArrayParticles
    weighted: ArrayParticles
    stacks: Stacks
    truth: Truth
    noise: float


def simulate_series(
    structures: Sequence[Structure],
    counts: Sequence[int],
    box: int,
    voxel_size_angstrom: float,
    *,
    snr: float,
    microscope: Microscope | None = None,
    optics: Optics | None = None,
    tilts: TiltSeries | None = None,
    crowd: Crowd | None = None,
    seed: int = 0,
) -> SeriesSimulation:
    """Make particles of known structures from simulated tilt series.

    Structures keep their scale, and so their contrast to each other. The defocus is that of the
    particle itself: its height in the tomogram is taken care of.

    Parameters
    ----------
    structures : sequence of Structure
        K structures.
    counts : sequence of int
        Number of particles of each.
    box : int
        Side n in voxels, even.
    voxel_size_angstrom : float
        Of a voxel, and of the images' pixels.
    snr : float
        Of an image: variance of the signal as it is recorded, neighbours left out, over the
        variance of the noise, both over the box; the mean of all images and structures. Infinite
        for no noise. docs/conventions.md tells it from other definitions.
    microscope, optics, tilts, crowd
        Defaults where they are not given.
    seed : int
        The same arguments and seed give the same particles.

    Raises
    ------
    InputError
        If box, counts, SNR or crowd make no sense.
    """
    _check(structures, counts, box, snr)
    camera = Camera(box, voxel_size_angstrom, microscope or Microscope(), tilts or TiltSeries())
    optics, crowd = optics or Optics(), crowd or Crowd()
    maps = np.stack([s.density(box, voxel_size_angstrom) for s in structures])
    boxes = placed(crowd, counts, box, np.random.default_rng(seed))
    drawn = [drawn_tomogram(camera, optics, number, seed) for number in range(optics.tomograms)]
    noise = _signal(camera, maps, counts, drawn) / snr
    shown = _with_membrane(maps, camera) if crowd.membrane_share else maps
    series = _Series(camera, optics, shown, boxes, drawn[: len(boxes)], noise, seed)
    return SeriesSimulation(*series.volumes(), series.stacks(), _truth(boxes, maps), noise)


@dataclass(frozen=True, eq=False)
class _Series:
    """Takes the images of the boxes, from each tomogram in turn, and makes particles of them."""

    camera: Camera
    optics: Optics
    maps: NDArray[np.float32]
    boxes: list[Placed]
    drawn: list[Tomogram]
    noise: float
    seed: int

    @property
    def tomograms(self) -> NDArray[np.int64]:
        """Tomogram of each box."""
        return np.arange(len(self.boxes)) % len(self.drawn)

    def images(self, index: int) -> Slices:
        """Images (T, P) of a box, the same whenever they are taken."""
        camera, tomogram = self.camera, self.drawn[self.tomograms[index]]
        images = camera.projections(self.maps, self.boxes[index], tomogram.planes)
        images = images * camera.transfer(tomogram.true)
        if tomogram.moved.any():
            step = -2j * math.pi / camera.box
            images = images * np.exp(step * (tomogram.moved @ camera.components.uv.T))
        images = images.astype(np.complex64)
        if self.noise > 0:
            rng = np.random.default_rng([self.seed, 2, index])
            images += camera.noise(self.noise, self.optics.before, tomogram.true, rng)
        return images

    def volumes(self) -> tuple[ArrayParticles, ArrayParticles]:
        """Back-projections, and sums with weights."""
        camera, count = self.camera, len(self.boxes)
        correction = self.optics.correction
        assemblies = [Assembly(camera, t.assumed, t.visible, correction) for t in self.drawn]
        volumes, sums = np.empty((2, count, *[camera.box] * 3), np.float32)
        for i, t in enumerate(self.tomograms):
            images = self.images(i)
            volumes[i] = assemblies[t].back_projection(images)
            sums[i] = assemblies[t].weighted_sum(images)
        weights = np.stack([assembly.weights for assembly in assemblies])[self.tomograms]
        return (
            ArrayParticles(volumes, _summary(camera, count, camera.tilts.missing)),
            ArrayParticles(sums, _summary(camera, count, Weights()), weights),
        )

    def stacks(self) -> Stacks:
        return Stacks(
            self.camera,
            self.optics.premultiplied,
            tuple(tomogram.assumed for tomogram in self.drawn),
            np.stack([tomogram.visible for tomogram in self.drawn]),
            self.tomograms,
            self.images,
        )


def _check(structures: Sequence[Structure], counts: Sequence[int], box: int, snr: float) -> None:
    if not structures or len(structures) != len(counts):
        raise InputError(Problem("give one particle count for each structure"))
    if box % 2 or box < 8:
        raise InputError(Problem(f"the box must be even and at least 8 voxels, got {box}"))
    if not snr > 0:
        raise InputError(Problem(f"the SNR must be above 0, got {snr:g}"))


def _signal(
    camera: Camera, maps: NDArray[np.float32], counts: Sequence[int], taken: list[Tomogram]
) -> float:
    """Mean variance of the recorded signal over the box, of a few views of each structure."""
    views = random_rotations(np.random.default_rng(0), _VIEWS)
    variances = np.zeros(len(maps))
    for k in range(len(maps)):
        for number, view in enumerate(views):
            alone = Placed(k, np.array([k]), view[None], np.zeros((1, 3)))
            slices = camera.projections(maps, alone, camera.tilts.planes)
            slices = slices * camera.transfer(taken[number % len(taken)].assumed)
            images = camera.components.recorded(slices.astype(np.complex64))
            variances[k] += images.var((1, 2), dtype=np.float64).mean() / _VIEWS
    found = float(np.average(variances, weights=np.asarray(counts, np.float64)))
    if not found > 0:
        raise InputError(Problem("the structures show nothing in an image: check their maps"))
    return found


def _with_membrane(maps: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """The maps, and a patch of membrane as dense as the densest of them."""
    patch = membrane_patch(0.9 * camera.box * camera.voxel).density(camera.box, camera.voxel)
    return np.concatenate([maps, (patch * (maps.max() / patch.max()))[None]])


def _summary(camera: Camera, count: int, missing: FoundRegion) -> DatasetSummary:
    return DatasetSummary(
        particles=count, box=camera.box, voxel_size_angstrom=camera.voxel, missing=missing
    )


def _truth(boxes: list[Placed], maps: NDArray[np.float32]) -> Truth:
    """Class and pose of each box; poses of boxes without a particle mean nothing."""
    classes = np.array([content.kind for content in boxes])
    rotations = [c.rotations[0] if c.kind >= 0 else np.eye(3) for c in boxes]
    shifts = [c.shifts[0] if c.kind >= 0 else np.zeros(3) for c in boxes]
    return Truth(classes, np.stack(rotations), np.stack(shifts), maps)
