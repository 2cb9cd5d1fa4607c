"""Full simulation: tilt series through a microscope, made into subtomograms of both forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.particles import ArrayParticles
from subtomo_core.rotations import random_rotations, rotation_about
from subtomo_core.simulate.images import (
    Camera,
    Correction,
    back_projection,
    recorded,
    weighted_sum,
)
from subtomo_core.simulate.microscope import Defocus, Microscope
from subtomo_core.simulate.scene import Crowd, Placed, placed
from subtomo_core.simulate.structures import Structure
from subtomo_core.simulate.tilts import TiltSeries
from subtomo_core.spec import DatasetSummary, MissingRegion, Weights
from subtomo_core.truth import Truth

_VIEWS = 4  # of each structure, from which the signal's variance is told


@dataclass(frozen=True)
class Optics:
    """Defocus of the tomograms, and how the images are used.

    Attributes
    ----------
    defocus_um : tuple of float
        Least and largest underfocus.
    error_um : float
        Standard deviation of what is wrong with the defocus which is assumed.
    astigmatism_um : float
        Difference between both axes, known.
    tomograms : int
        Particles come from so many in turn, each with a defocus of its own.
    before : float
        Share of the noise's variance which is there before the microscope, as that of ice is.
    correction : {"flipped", "first zero", "none"}
        What is done to images before they are back-projected.
    """

    defocus_um: tuple[float, float] = (2.0, 4.0)
    error_um: float = 0.0
    astigmatism_um: float = 0.0
    tomograms: int = 4
    before: float = 0.0
    correction: Correction = "flipped"


@dataclass(frozen=True, eq=False)
class SeriesSimulation:
    """The same images as particles in two forms, and the truth about them.

    Attributes
    ----------
    back_projected : ArrayParticles
        Weighted back-projections behind a missing region.
    weighted : ArrayParticles
        Sums of images times their transfer, with weights.
    truth : Truth
        The maps have the scale of the sums: S = W A.
    tomograms : ndarray of int, (N,)
        Tomogram of each particle.
    noise : float
        Variance of the noise in a pixel of an image.
    """

    back_projected: ArrayParticles
    weighted: ArrayParticles
    truth: Truth
    tomograms: NDArray[np.int64]
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

    Parameters
    ----------
    structures : sequence of Structure
        K structures.
    counts : sequence of int
        Number of particles of each.
    box : int
        Side n in voxels.
    voxel_size_angstrom : float
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
        If counts, SNR or crowd make no sense.
    """
    if not snr > 0:
        raise InputError(Problem(f"the SNR must be above 0, got {snr:g}"))
    if len(structures) != len(counts):
        raise InputError(Problem("give one particle count for each structure"))
    camera = Camera(box, voxel_size_angstrom, microscope or Microscope(), tilts or TiltSeries())
    optics = optics or Optics()
    maps = np.stack([s.density(box, voxel_size_angstrom) for s in structures])
    rng = np.random.default_rng(seed)
    boxes = placed(tuple(counts), crowd or Crowd(), box, rng)
    shown = [_defocus(optics, number) for number in range(optics.tomograms)]
    wrong = optics.error_um * np.random.default_rng([seed, 1]).normal(size=optics.tomograms)
    noise = _signal(camera, maps, shown) / snr
    volumes = np.empty((len(boxes), box, box, box), np.float32)
    sums, weights = volumes.copy(), np.empty((len(boxes), box, box, box // 2 + 1), np.float32)
    tomograms = np.arange(len(boxes)) % optics.tomograms
    for i, content in enumerate(boxes):
        assumed = shown[tomograms[i]]
        true = Defocus(
            assumed.mean_um + wrong[tomograms[i]], assumed.astigmatism_um, assumed.angle_deg
        )
        draw = np.random.default_rng([seed, 2, i])
        projected = _projected(camera, maps, content, draw)
        images = _recorded(camera, projected, true, (noise, optics.before), draw)
        volumes[i] = back_projection(camera, images, assumed, optics.correction)
        sums[i], weights[i] = weighted_sum(camera, images, assumed)
    return SeriesSimulation(
        ArrayParticles(volumes, _summary(camera, len(boxes), camera.tilts.missing)),
        ArrayParticles(sums, _summary(camera, len(boxes), Weights()), weights),
        _truth(boxes, maps),
        tomograms,
        noise,
    )


def _defocus(optics: Optics, number: int) -> Defocus:
    low, high = optics.defocus_um
    share = number / max(1, optics.tomograms - 1)
    return Defocus(low + share * (high - low), optics.astigmatism_um, 45.0 * number)


def _signal(camera: Camera, maps: NDArray[np.float32], defocus: list[Defocus]) -> float:
    """Mean variance of the recorded signal over the box, of a few views of each structure."""
    views = random_rotations(np.random.default_rng(0), _VIEWS)
    nowhere = np.zeros((1, 3))
    variances = [
        recorded(
            camera,
            camera.projections(
                maps, Placed(np.array([k]), view[None], nowhere, True), camera.tilts.planes
            )
            * camera.transfer(defocus[j % len(defocus)], camera.side)
            * camera.detector(camera.side),
        ).var((1, 2))
        for k in range(len(maps))
        for j, view in enumerate(views)
    ]
    return float(np.mean(variances))


def _projected(
    camera: Camera, maps: NDArray[np.float32], content: Placed, rng: np.random.Generator
) -> NDArray[np.complex128]:
    """Transforms of projections (T, side, side // 2 + 1), as badly aligned as the series is."""
    side, tilts = camera.side, camera.tilts
    planes = np.stack([plane @ _wobble(tilts, rng).T for plane in tilts.planes])
    images = camera.projections(maps, content, planes)
    u, v, _, _ = camera.grid(side)
    moved = rng.normal(0.0, 1.0, (len(images), 2, 1, 1)) * tilts.shift_error_voxels
    images *= np.exp((-2j * math.pi / side) * (u * moved[:, 0] + v * moved[:, 1]))
    return images


def _recorded(
    camera: Camera,
    images: NDArray[np.complex128],
    defocus: Defocus,
    noise: tuple[float, float],
    rng: np.random.Generator,
) -> NDArray[np.complex128]:
    """Transforms of the images which a microscope makes of projections.

    ``noise`` is its variance, and the share of it which is there before the microscope.
    """
    side, (variance, before) = camera.side, noise
    transfer, detector = camera.transfer(defocus, side), camera.detector(side)
    if np.isfinite(variance) and variance > 0:
        contrast = camera.microscope.contrast(*camera.grid(side)[2:], defocus)
        passed = np.mean((contrast * detector) ** 2)
        ice, counting = rng.normal(0.0, 1.0, (2, len(images), side, side))
        images = images * transfer + np.fft.rfft2(ice) * contrast * math.sqrt(
            variance * before / passed
        )
        return np.asarray(
            images * detector + np.fft.rfft2(counting) * math.sqrt(variance * (1.0 - before))
        )
    return np.asarray(images * transfer * detector)


def _wobble(tilts: TiltSeries, rng: np.random.Generator) -> NDArray[np.float64]:
    """What an image is turned by beyond its tilt."""
    axis = rng.normal(size=3)
    return rotation_about(axis / np.linalg.norm(axis), rng.normal() * tilts.rotation_error_deg)


def _summary(camera: Camera, count: int, missing: MissingRegion) -> DatasetSummary:
    return DatasetSummary(
        particles=count, box=camera.box, voxel_size_angstrom=camera.voxel, missing=missing
    )


def _truth(boxes: list[Placed], maps: NDArray[np.float32]) -> Truth:
    """Class and pose of each box; those of junk mean nothing."""
    classes = np.array([int(b.structures[0]) if b.shown else -1 for b in boxes])
    rotations = np.stack([b.rotations[0] if b.shown else np.eye(3) for b in boxes])
    shifts = np.stack([b.shifts[0] if b.shown else np.zeros(3) for b in boxes])
    return Truth(classes, rotations, shifts, maps)
