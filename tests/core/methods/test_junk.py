"""Particles which show nothing count in no average (docs/decisions/0048)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.expect.class_posterior import Competition
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.shells import multiplicity
from subtomo_core.maximise.next_model import maximise
from subtomo_core.maximise.noise import noise_variance
from subtomo_core.run import run
from subtomo_core.score import judge
from subtomo_core.simulate import TiltSeries, asymmetric_blob, barrel, simulate_series
from support.small_jobs import VOXEL, WEDGE, batch_of, blobs, job, knowing, method_of

MADE = blobs(8, snr=2.0, junk=8)
SHOWN = MADE.truth.classes >= 0


def searched(rows=None, *, classes=1, **parameters):
    """Model which knows the truth, and what it finds in all particles or in those of ``rows``."""
    method = method_of(MADE.particles, job(classes=classes, parameters=parameters))
    maps = np.concatenate([MADE.truth.maps] * classes)
    if classes == 2:
        maps[1] = maps[1, ::-1]
    model = knowing(method, maps, variance=1.0)
    return method, model, method.expect(batch_of(MADE.particles, rows=rows), model)


@pytest.mark.parametrize("classes", [1, 2])
def test_junk_adds_nothing_but_noise(classes):
    apart = {"regularisation_iterations": 0}
    _, _, everything = searched(classes=classes, **apart)
    _, _, shown = searched(np.nonzero(SHOWN)[0], classes=classes, **apart)
    assert np.array_equal(everything.poses.counted, SHOWN)
    assert np.allclose(everything.poses.probability.sum(1), SHOWN, atol=1e-6)
    assert everything.statistics.mass.sum() == pytest.approx(8.0, abs=1e-3)
    assert everything.statistics.hard.sum() == 8
    size = float(np.abs(shown.statistics.numerator).max())
    assert np.allclose(
        everything.statistics.numerator, shown.statistics.numerator, atol=1e-3 * size
    )
    # What junk holds is noise: its whole power counts as that. Particles are divided by what their
    # noise varies, of which the wedge took a part.
    method, model, junk = searched(np.nonzero(~SHOWN)[0], classes=classes, **apart)
    noise = noise_variance(method.settings, model, junk.statistics)
    seen = (observed(WEDGE, 16) * multiplicity(16)).sum() / 16**3
    assert noise[2:6] == pytest.approx(np.full(4, 1.0 / seen), rel=0.05)


def test_with_a_prior_of_0_every_particle_counts():
    _, _, found = searched(junk=0.0)
    assert found.poses.probability.sum(1) == pytest.approx(1.0)
    assert found.statistics.mass.sum() == pytest.approx(16.0, abs=0.1)


def test_a_higher_prior_takes_more_for_junk():
    present = [searched(junk=p)[2].poses.probability.sum(1) for p in (0.0, 0.5, 0.99)]
    assert (np.diff(present, axis=0) <= 0).all()


@pytest.mark.parametrize("seed", [1, 3])
def test_junk_among_the_particles_leaves_the_average_as_good(seed):
    made = blobs(24, 24, snr=0.1, junk=16, seed=seed)
    shares, counted = {}, {}
    for prior in (0.0, 0.5):
        spec = job(iterations=10, seed=seed, parameters={"junk": prior})
        result = run(made.particles, spec, threads=2)
        verdict = judge(result.model.maps, result.poses, made.particles, made.truth).classes[0]
        shares[prior], counted[prior] = verdict.share_of_oracle, result.poses.counted
    assert np.array_equal(counted[0.5], made.truth.classes >= 0)
    assert result.model.metrics.junk_share == pytest.approx(0.4, abs=1e-3)
    assert shares[0.5] > 0.99
    assert shares[0.0] < shares[0.5] - 0.02  # what it is there for


@pytest.mark.slow
def test_classes_part_among_junk():
    structures = [asymmetric_blob(12 * VOXEL), asymmetric_blob(12 * VOXEL, seed=7)]
    made = blobs(structures=structures, counts=[16, 16], box=24, snr=0.1, junk=16, seed=2)
    result = run(made.particles, job(classes=2, iterations=12), threads=2)
    verdict = judge(result.model.maps, result.poses, made.particles, made.truth)
    assert np.array_equal(result.poses.counted, made.truth.classes >= 0)
    assert verdict.agreement.mean_f1 > 0.95
    assert min(c.share_of_oracle for c in verdict.classes) > 0.98


def test_classes_share_out_what_shows_something():
    rng = np.random.default_rng(0)
    shows = rng.normal((60.0, 50.0), 8.0, (40, 2))  # the first class would have nearly all of it
    junk = rng.normal((-40.0, -10.0), 3.0, (60, 2))  # and the second the junk
    even = Competition(None, 1.0, np.log([0.25, 0.25]), math.log(0.5), np.zeros(2))
    evidence = np.concatenate([shows, junk]) + even.priors
    handicaps = even.balanced(evidence, np.repeat([1.0, 0.0], (40, 60))).handicaps
    better = (evidence[:40] + handicaps).argmax(1)
    assert better.mean() == pytest.approx(0.5, abs=0.05)
    assert np.isfinite(even.balanced(junk, np.zeros(60)).handicaps).all()  # nothing shows anything


def test_a_class_gets_what_shows_nothing_when_it_is_to():
    apart = {"regularisation_iterations": 0}
    method, model, before = searched(classes=2, **apart)
    model = replace(model, adopting=1)
    after = method.expect(batch_of(MADE.particles), model)
    assert before.statistics.mass.sum() == pytest.approx(8.0, abs=1e-3)
    gained = after.statistics.mass.sum(0) - before.statistics.mass.sum(0)
    assert gained == pytest.approx([0.0, 8.0], abs=1e-3)
    assert (after.poses.best_class[~SHOWN] == 1).all()
    # What they hold is noise all the same, and so are they for the verdict.
    assert np.array_equal(after.statistics.noise_sum, before.statistics.noise_sum)
    assert np.array_equal(after.statistics.confirmation, before.statistics.confirmation)


@pytest.mark.slow
def test_a_rare_faint_structure_gets_a_class():
    """The brighter one fills both classes at first, and the other's particles look like junk."""
    structures = [asymmetric_blob(140.0), barrel(140.0)]
    made = simulate_series(structures, [15, 60], 32, 8.0, snr=0.3, seed=1)
    result = run(made.weighted, job(classes=2, seed=1, iterations=15), threads=2)
    verdict = judge(result.model.maps, result.poses, made.weighted, made.truth)
    assert result.poses.counted.all()
    assert verdict.agreement.mean_f1 == 1.0


@pytest.mark.slow
def test_a_faint_structure_beside_a_bright_one_is_no_junk():
    """Sums keep the contrasts of structures: particles of the one have a third of the other's."""
    structures = [asymmetric_blob(180.0), barrel(180.0)]
    made = simulate_series(
        structures, [30, 30], 32, 8.0, snr=0.3, tilts=TiltSeries(step_deg=6.0), seed=0
    )
    result = run(made.weighted, job(classes=2, seed=3, iterations=8), threads=2)
    verdict = judge(result.model.maps, result.poses, made.weighted, made.truth)
    assert result.poses.counted.all()
    assert verdict.agreement.mean_f1 == 1.0


def test_nearly_nothing_but_junk_raises_an_alarm():
    method, model, found = searched()
    statistics = replace(found.statistics, mass=0.02 * found.statistics.mass)
    alarms = maximise(method.settings, model, statistics).metrics.alarms
    assert any("99% of them no better than empty space" in told for told in alarms)
    quiet = maximise(method.settings, model, found.statistics).metrics
    assert not any("junk" in told for told in quiet.alarms)
    assert quiet.junk_share == pytest.approx(0.5, abs=1e-3)
