from __future__ import annotations

import pytest

from subtomo_core.fourier.gridding import fsc
from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.run import run
from subtomo_core.score import ceiling, fit
from subtomo_core.simulate import TiltSeries, asymmetric_blob, simulate, simulate_series
from support.small_jobs import WEDGE, job

BOX, VOXEL = 24, 6.0
BLOBS = [asymmetric_blob(0.45 * BOX * VOXEL, seed=s) for s in (3, 4)]
MASK = soft_sphere(BOX, 0.4 * BOX)


def against(truth, volume):
    return fsc(to_fourier(truth * MASK), to_fourier(volume * MASK))


@pytest.mark.parametrize("form", ["wedge", "weights"])
def test_noise_free_particles_have_the_truth_for_a_ceiling(form):
    if form == "wedge":
        made = simulate(BLOBS, [12, 8], BOX, VOXEL, snr=100.0, missing=WEDGE, shift_range=2.0)
        particles = made.particles
    else:
        tilts = TiltSeries(step_deg=6.0)
        made = simulate_series(BLOBS, [12, 8], BOX, VOXEL, snr=100.0, tilts=tilts)
        particles = made.weighted
    for k in range(2):
        found = ceiling(particles, made.truth, k)
        assert against(made.truth.maps[k], found)[1:8].min() > 0.95


def test_no_job_rises_above_the_ceiling():
    made = simulate(BLOBS[:1], [32], BOX, VOXEL, snr=0.05, missing=WEDGE, shift_range=1.0)
    truth = made.truth.maps[0]
    best = against(truth, ceiling(made.particles, made.truth, 0))
    found = run(made.particles, job(iterations=12)).model.maps[0]
    reached = against(truth, fit(found, truth, mask=MASK).map)
    assert reached[1:10].mean() <= best[1:10].mean() + 0.02
