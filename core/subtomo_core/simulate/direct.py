"""Direct simulation: rotate, shift, add white noise, cut the missing region.

The particles follow the statistical model of the method exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.particle_regions import ParticleRegions
from subtomo_core.data.particles import ArrayParticles
from subtomo_core.data.truth import Truth
from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.missing import Turned, observed
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.orientation.rotations import random_rotations, rotation_about
from subtomo_core.simulate.structures import Structure
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import Complete, Each, Formula

Volume = NDArray[np.float32]
Orientations = Literal["uniform", "about_y"]
Bands = tuple[tuple[float, float], ...]

_TRIES = 1000


@dataclass(frozen=True, eq=False)
class Simulation:
    """Simulated particles and the truth about them.

    Attributes
    ----------
    particles : ArrayParticles
        In random order of their classes.
    truth : Truth
        Classes, poses and maps; the maps carry the scale of the particles.
    snr : float
        Variance of the signal over the variance of the noise.
    """

    particles: ArrayParticles
    truth: Truth
    snr: float


def simulate(
    structures: Sequence[Structure],
    counts: Sequence[int],
    box: int,
    voxel_size_angstrom: float,
    *,
    snr: float = np.inf,
    missing: Formula | ParticleRegions | None = None,
    shift_range: float = 0.0,
    seed: int = 0,
    orientations: Orientations | NDArray[np.float64] = "uniform",
    left_out_deg: Bands = (),
    junk: int = 0,
) -> Simulation:
    """Make particles of known structures in known poses.

    Every structure is scaled to a variance of 1 over the box, so that each particle has the
    stated SNR and one noise variance, 1 / SNR, serves all.

    Parameters
    ----------
    structures : sequence of Structure
        K structures.
    counts : sequence of int
        Number of particles of each.
    box : int
        Side n in voxels.
    voxel_size_angstrom : float
        Voxel size.
    snr : float
        Variance of the signal over the box, over variance of the noise, before the missing
        region is cut; infinite for no noise.
    missing : Wedge, Pyramid, Cone, Complete or ParticleRegions, optional
        Of all particles, or of each. Default: nothing missing (but the mean, which is always
        removed).
    shift_range : float
        Shifts are uniform in a cube of +- this many voxels.
    seed : int
        The same arguments and seed give the same particles.
    orientations : {"uniform", "about_y"} or ndarray
        Uniform on SO(3), uniform about the y axis alone, or given, shape (N, 3, 3).
    left_out_deg : tuple of (float, float)
        Bands of the tilt angle which no orientation that is drawn has, as in Scheres et al. (2009).
    junk : int
        Particles of noise alone besides these, in mixed order.

    Returns
    -------
    Simulation
    """
    _check(structures, counts, snr, junk)
    behind = missing
    if not isinstance(behind, ParticleRegions):
        behind = ParticleRegions.alike(behind or Complete(), sum(counts) + junk)
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.repeat(np.arange(-1, len(counts)), (junk, *counts)))
    rotations = _rotations(rng, len(classes), orientations, left_out_deg)
    shifts = rng.uniform(-1.0, 1.0, (len(classes), 3)) * shift_range
    maps = np.stack([s.density(box, voxel_size_angstrom) for s in structures])
    scales = 1.0 / maps.std((1, 2, 3), dtype=np.float64)
    windows = [observed(region, box) for region in behind.regions]
    noise = np.random.default_rng([seed, 1])
    volumes = np.empty((len(classes), box, box, box), np.float32)
    for i, k in enumerate(classes):
        noisy = np.zeros((box,) * 3)
        if k >= 0:
            noisy += scales[k] * structures[k].density(
                box, voxel_size_angstrom, rotations[i], shifts[i]
            )
        if np.isfinite(snr):
            noisy += noise.normal(0.0, snr**-0.5, noisy.shape)
        own = behind.of(i)
        window = observed(own, box) if isinstance(own, Turned) else windows[behind.part[i]]
        volumes[i] = to_real(to_fourier(noisy.astype(np.float32)) * window)
    summary = DatasetSummary(
        particles=len(classes),
        box=box,
        voxel_size_angstrom=voxel_size_angstrom,
        missing=behind.found(),
    )
    scaled = (maps * scales[:, None, None, None]).astype(np.float32)
    truth = Truth(classes, rotations, shifts, scaled)
    own_regions = behind if isinstance(summary.missing, Each) else None
    return Simulation(ArrayParticles(volumes, summary, regions=own_regions), truth, snr)


def _check(structures: Sequence[Structure], counts: Sequence[int], snr: float, junk: int) -> None:
    if not structures or len(structures) != len(counts) or min(counts) < 0 or sum(counts) < 1:
        detail = "give one particle count for each structure, and at least one particle in all"
        raise InputError(Problem(detail))
    if not snr > 0:
        raise InputError(Problem(f"the SNR must be above 0, got {snr:g}"))
    if junk < 0 or (junk and not np.isfinite(snr)):
        raise InputError(Problem("junk is noise alone: give a count from 0 up, and a finite SNR"))


def _rotations(
    rng: np.random.Generator,
    count: int,
    orientations: Orientations | NDArray[np.float64],
    left_out: Bands,
) -> NDArray[np.float64]:
    if isinstance(orientations, str):

        def draw(number: int) -> NDArray[np.float64]:
            if orientations == "about_y":
                return rotation_about((0.0, 1.0, 0.0), rng.uniform(0.0, 360.0, number))
            return random_rotations(rng, number)

        return outside_bands(draw, count, left_out)
    if orientations.shape != (count, 3, 3):
        detail = f"{count} orientations are needed, got an array of {orientations.shape}"
        raise InputError(Problem(detail))
    return np.asarray(orientations, np.float64)


def outside_bands(
    draw: Callable[[int], NDArray[np.float64]], count: int, bands: Bands
) -> NDArray[np.float64]:
    """Rotations (count, 3, 3), drawn again where their tilt angle lies in a band.

    Raises
    ------
    InputError
        If none is found outside.
    """
    rotations = draw(count)
    for _ in range(_TRIES):
        inside = _in_bands(rotations, bands)
        if not inside.any():
            return rotations
        rotations[inside] = draw(int(inside.sum()))
    raise InputError(Problem("left_out_deg leaves no orientation: leave narrower bands out"))


def _in_bands(rotations: NDArray[np.float64], bands: Bands) -> NDArray[np.bool_]:
    """Whether the tilt angle of rotations (..., 3, 3), of z from the beam, lies in a band."""
    tilts = np.degrees(np.arccos(np.clip(rotations[..., 2, 2], -1.0, 1.0)))
    within = [(low <= tilts) & (tilts <= high) for low, high in bands]
    found: NDArray[np.bool_] = np.any(np.reshape(within, (len(bands), *tilts.shape)), axis=0)
    return found
