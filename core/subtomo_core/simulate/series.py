"""Full simulation: tilt series through a microscope, made into subtomograms of both forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.particles import ArrayParticles
from subtomo_core.rotations import random_rotations, rotation_about
from subtomo_core.simulate.forms import Assembly, Correction
from subtomo_core.simulate.images import Camera, Slices
from subtomo_core.simulate.microscope import Defocus, Microscope
from subtomo_core.simulate.phantoms import membrane_patch
from subtomo_core.simulate.scene import Crowd, Placed, placed
from subtomo_core.simulate.structures import Structure
from subtomo_core.simulate.tilts import TiltSeries
from subtomo_core.spec import DatasetSummary, MissingRegion, Weights
from subtomo_core.strict import STRICT
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

    __pydantic_config__ = STRICT

    defocus_um: tuple[float, float] = (2.0, 4.0)
    error_um: float = 0.0
    astigmatism_um: float = 0.0
    tomograms: int = 4
    before: float = 0.0
    correction: Correction = "flipped"

    def __post_init__(self) -> None:
        low, high = self.defocus_um
        checks = {
            "defocus_um must rise, from above 0 to 20": 0.0 < low <= high <= 20.0,
            "error_um must lie between 0 and 5": 0.0 <= self.error_um <= 5.0,
            "astigmatism_um must lie between 0 and the defocus": 0 <= self.astigmatism_um <= low,
            "tomograms must lie between 1 and 1000": 1 <= self.tomograms <= 1000,
            "before is a share from 0 to 1": 0.0 <= self.before <= 1.0,
        }
        for rule, held in checks.items():
            if not held:
                raise InputError(Problem(f"these optics cannot be: {rule}"))


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
        Variance of the noise in a pixel of an image. The noise of the components of the sums has
        the variance ``noise / n`` times W, where all of it is added after the microscope.
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
    taken = [_tomogram(camera, optics, number, seed) for number in range(optics.tomograms)]
    noise = _signal(camera, maps, counts, taken) / snr
    assemblies = [Assembly(camera, tomogram.assumed, optics.correction) for tomogram in taken]
    shown = _with_membrane(maps, camera) if crowd.membrane_share else maps
    volumes, sums = np.empty((2, len(boxes), box, box, box), np.float32)
    tomograms = np.arange(len(boxes)) % optics.tomograms
    for i, t in enumerate(tomograms):
        images = _projected(camera, shown, boxes[i], taken[t])
        if noise > 0:
            rng = np.random.default_rng([seed, 2, i])
            images += camera.noise(noise, optics.before, taken[t].true, rng)
        volumes[i] = assemblies[t].back_projection(images)
        sums[i] = assemblies[t].weighted_sum(images)
    weights = np.stack([assembly.weights for assembly in assemblies[: len(boxes)]])
    return SeriesSimulation(
        ArrayParticles(volumes, _summary(camera, len(boxes), camera.tilts.missing)),
        ArrayParticles(sums, _summary(camera, len(boxes), Weights()), weights[tomograms]),
        _truth(boxes, maps),
        tomograms,
        noise,
    )


def _check(structures: Sequence[Structure], counts: Sequence[int], box: int, snr: float) -> None:
    if not structures or len(structures) != len(counts):
        raise InputError(Problem("give one particle count for each structure"))
    if box % 2 or box < 8:
        raise InputError(Problem(f"the box must be even and at least 8 voxels, got {box}"))
    if not snr > 0:
        raise InputError(Problem(f"the SNR must be above 0, got {snr:g}"))


@dataclass(frozen=True, eq=False)
class _Tomogram:
    """Its defocus, as it is and as it is assumed to be, and where its images were taken from."""

    true: Defocus
    assumed: Defocus
    planes: NDArray[np.float64]
    moved: NDArray[np.float64]


def _tomogram(camera: Camera, optics: Optics, number: int, seed: int) -> _Tomogram:
    rng = np.random.default_rng([seed, 1, number])
    low, high = optics.defocus_um
    share = number / max(1, optics.tomograms - 1)
    assumed = Defocus(low + share * (high - low), optics.astigmatism_um, 45.0 * number)
    mean = max(0.0, assumed.mean_um + optics.error_um * rng.normal())
    turns = [_wobble(camera.tilts, rng) for _ in camera.tilts.angles_deg]
    planes = np.einsum("txy,tcy->tcx", np.stack(turns), camera.tilts.planes)
    moved = camera.tilts.shift_error_voxels * rng.normal(size=(len(planes), 2))
    return _Tomogram(replace(assumed, mean_um=mean), assumed, planes, moved)


def _wobble(tilts: TiltSeries, rng: np.random.Generator) -> NDArray[np.float64]:
    """What an image is turned by beyond its tilt."""
    return rotation_about(rng.normal(size=3), rng.normal() * tilts.rotation_error_deg)


def _signal(
    camera: Camera, maps: NDArray[np.float32], counts: Sequence[int], taken: list[_Tomogram]
) -> float:
    """Mean variance of the recorded signal over the box, of a few views of each structure."""
    views = random_rotations(np.random.default_rng(0), _VIEWS)
    variances = np.zeros(len(maps))
    for k in range(len(maps)):
        for number, view in enumerate(views):
            alone = Placed(k, np.array([k]), view[None], np.zeros((1, 3)))
            slices = camera.projections(maps, alone, camera.tilts.planes)
            slices = slices * camera.transfer(taken[number % len(taken)].assumed)
            images = camera.recorded(slices.astype(np.complex64))
            variances[k] += images.var((1, 2), dtype=np.float64).mean() / _VIEWS
    found = float(np.average(variances, weights=np.asarray(counts, np.float64)))
    if not found > 0:
        raise InputError(Problem("the structures show nothing in an image: check their maps"))
    return found


def _with_membrane(maps: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """The maps, and a patch of membrane as dense as the densest of them."""
    patch = membrane_patch(0.9 * camera.box * camera.voxel).density(camera.box, camera.voxel)
    return np.concatenate([maps, (patch * (maps.max() / patch.max()))[None]])


def _projected(
    camera: Camera, maps: NDArray[np.float32], content: Placed, tomogram: _Tomogram
) -> Slices:
    """Images (T, P) of a box without noise."""
    images = camera.projections(maps, content, tomogram.planes) * camera.transfer(tomogram.true)
    if tomogram.moved.any():
        step = -2j * math.pi / camera.box
        images = images * np.exp(step * (tomogram.moved @ camera.uv.T))
    return images.astype(np.complex64)


def _summary(camera: Camera, count: int, missing: MissingRegion) -> DatasetSummary:
    return DatasetSummary(
        particles=count, box=camera.box, voxel_size_angstrom=camera.voxel, missing=missing
    )


def _truth(boxes: list[Placed], maps: NDArray[np.float32]) -> Truth:
    """Class and pose of each box; poses of boxes without a particle mean nothing."""
    classes = np.array([content.kind for content in boxes])
    rotations = [c.rotations[0] if c.kind >= 0 else np.eye(3) for c in boxes]
    shifts = [c.shifts[0] if c.kind >= 0 else np.zeros(3) for c in boxes]
    return Truth(classes, np.stack(rotations), np.stack(shifts), maps)
