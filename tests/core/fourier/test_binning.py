"""Binned particles and weights: what is averaged from them is the binned average."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.data.initial_poses import in_classes
from subtomo_core.data.particles import ArrayParticles, Particles
from subtomo_core.data.truth import Truth
from subtomo_core.fourier.binning import binned, binned_weights
from subtomo_core.fourier.gridding import fsc
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.run import run
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


def average(particles: Particles, truth: Truth) -> np.ndarray:
    """Map of a job that averages at the true poses."""
    size = particles.summary.voxel_size_angstrom
    spec = job(
        iterations=6,
        start={"kind": "poses"},
        mask={"diameter_angstrom": 0.8 * BOX * VOXEL, "fit": False},
        resolution={"limit_angstrom": 24.0, "start_angstrom": 24.0},
        parameters={"poses": "fixed", "junk": 0.0, "candidates": 1, "shift_range_angstrom": 60.0},
    )
    shifts = truth.shifts * (VOXEL / size)
    members = np.zeros(len(shifts), np.int64)
    return run(particles, spec, poses=in_classes(truth.rotations, shifts, members, 1)).model.maps[0]


@pytest.mark.parametrize("form", ["wedge", "weights"])
def test_the_average_of_binned_particles_is_the_binned_average(form: str):
    if form == "wedge":
        made = simulate([BLOB], [24], BOX, VOXEL, snr=0.3, missing=WEDGE, shift_range=2.0)
        particles = made.particles
    else:
        series = simulate_series([BLOB], [24], BOX, VOXEL, snr=0.3, tilts=TiltSeries(step_deg=6.0))
        made, particles = series, series.weighted
    fine = binned(average(particles, made.truth), COARSE)
    coarse = average(coarser(particles), made.truth)
    print(np.linalg.norm(coarse - fine) / np.linalg.norm(fine), fsc(to_fourier(coarse),to_fourier(fine)), (coarse*fine).sum()/(fine*fine).sum())
    assert np.linalg.norm(coarse - fine) < 0.02 * np.linalg.norm(fine)
