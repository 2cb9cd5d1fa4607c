"""Binned particles and weights: what is averaged from them is the binned average."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.data.initial_poses import in_classes
from subtomo_core.data.particles import ArrayParticles, Particles
from subtomo_core.data.truth import Truth
from subtomo_core.fourier.binning import binned, binned_weights
from subtomo_core.fourier.gridding import fsc
from subtomo_core.fourier.shells import shell_sums
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.run import run
from subtomo_core.score.oracle import oracle_average
from subtomo_core.simulate import TiltSeries, asymmetric_blob, simulate, simulate_series
from support.small_jobs import WEDGE, job

BOX, COARSE, VOXEL = 24, 16, 6.0
BLOB = asymmetric_blob(0.45 * BOX * VOXEL, seed=3)


def test_a_binned_sum_is_its_binned_weights_times_the_binned_map():
    rng = np.random.default_rng(1)
    density = rng.normal(size=(BOX, BOX, BOX)).astype(np.float32)
    weights = np.abs(to_fourier(rng.normal(size=density.shape))) ** 2  # symmetric, as all are
    whole = np.fft.irfftn(np.fft.rfftn(density) * weights, density.shape, axes=(0, 1, 2))
    less = binned_weights(weights.astype(np.float32), COARSE)
    assert (less.shape, less.dtype) == ((COARSE, COARSE, COARSE // 2 + 1), np.float32)
    for k in ((0, 0, 0), (1, -2, 3), (-7, 7, 7)):
        assert less[k] == np.float32(weights[k])
    assert not less[COARSE // 2].any()
    np.testing.assert_allclose(
        to_fourier(binned(whole.astype(np.float32), COARSE)),
        less * to_fourier(binned(density, COARSE)),
        atol=1e-4 * np.abs(less).max(),
    )


def coarser(particles: Particles) -> ArrayParticles:
    """All particles, binned."""
    summary = particles.summary
    rows = range(summary.particles)
    weights = [w for i in rows if (w := particles.weight(i)) is not None]
    return ArrayParticles(
        np.stack([binned(particles.volume(i), COARSE) for i in rows]),
        summary.model_copy(
            update={"box": COARSE, "voxel_size_angstrom": VOXEL * BOX / COARSE},
        ),
        np.stack([binned_weights(w, COARSE) for w in weights]) if weights else None,
    )


def sampled(form: str) -> tuple[Particles, Truth]:
    """Particles of either form, and the truth about them."""
    if form == "wedge":
        made = simulate([BLOB], [24], BOX, VOXEL, snr=0.3, missing=WEDGE, shift_range=2.0)
        return made.particles, made.truth
    series = simulate_series([BLOB], [24], BOX, VOXEL, snr=0.3, tilts=TiltSeries(step_deg=6.0))
    return series.weighted, series.truth


def scaled(particles: Particles, truth: Truth) -> np.ndarray:
    """True shifts in voxels of these particles."""
    shifts: np.ndarray = truth.shifts * (VOXEL / particles.summary.voxel_size_angstrom)
    return shifts


def plain(particles: Particles, truth: Truth) -> np.ndarray:
    """Least-squares average at the true poses, without interpolation."""
    rows = np.arange(len(truth.rotations))
    return oracle_average(particles, rows, truth.rotations, scaled(particles, truth))


def of_job(particles: Particles, truth: Truth) -> np.ndarray:
    """Map of a job that averages at the true poses."""
    spec = job(
        iterations=2,
        start={"kind": "poses"},
        mask={"diameter_angstrom": 0.8 * BOX * VOXEL, "fit": False},
        resolution={"limit_angstrom": 36.0, "start_angstrom": 36.0},
        parameters={"poses": "fixed", "junk": 0.0, "candidates": 1, "shift_range_angstrom": 60.0},
    )
    members = np.zeros(len(truth.rotations), np.int64)
    poses = in_classes(truth.rotations, scaled(particles, truth), members, 1)
    return run(particles, spec, poses=poses).model.maps[0]


def beside(first: np.ndarray, second: np.ndarray, last: int) -> tuple[np.ndarray, np.ndarray]:
    """FSC, and ratio of the amplitudes, of shells 1 to ``last``."""
    pair = [to_fourier(volume) for volume in (first, second)]
    power = [shell_sums(np.abs(one) ** 2, COARSE)[1 : last + 1] for one in pair]
    return fsc(*pair)[1 : last + 1], np.sqrt(power[0] / power[1])


@pytest.mark.parametrize("form", ["wedge", "weights"])
def test_the_average_of_binned_particles_is_the_binned_average(form: str):
    particles, truth = sampled(form)
    small = coarser(particles)
    curve, ratio = beside(plain(small, truth), binned(plain(particles, truth), COARSE), 6)
    assert curve.min() > 0.98
    np.testing.assert_allclose(ratio, 1.0, atol=0.02)
    curve, ratio = beside(of_job(small, truth), binned(of_job(particles, truth), COARSE), 3)
    assert curve.min() > 0.99
    # Volumes behind a wedge are divided by their own noise, which binning lowers; and a mask's
    # edge of some voxels is wider where these are larger.
    np.testing.assert_allclose(ratio, 1.0 if form == "weights" else ratio.mean(), rtol=0.1)
