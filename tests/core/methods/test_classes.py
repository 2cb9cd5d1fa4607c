from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.expect.alignment import Alignment
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.likelihood import held_out
from support.small_jobs import batch_of, blobs, job, knowing, method_of

BOX = 20
FREE = {"parameters": {"regularisation_iterations": 0}}  # classes are not balanced


@pytest.fixture(scope="module")
def noisy():
    """Twelve noisy particles behind a wedge, with the truth."""
    return blobs(12, BOX)


def test_the_true_class_wins(noisy):
    method = method_of(noisy.particles, job(classes=2, **FREE))
    mirrored = noisy.truth.maps[:, ::-1]
    for position, maps in enumerate(((noisy.truth.maps, mirrored), (mirrored, noisy.truth.maps))):
        model = knowing(method, np.concatenate(maps), 3.0)
        poses = method.expect(batch_of(noisy.particles), model).poses
        assert (poses.best_class == position).all()


def test_a_likely_class_needs_less_evidence(noisy):
    method = method_of(noisy.particles, job(classes=2, **FREE))
    model = knowing(method, np.repeat(noisy.truth.maps, 2, 0), 3.0)
    even = method.expect(batch_of(noisy.particles), model).poses.probability
    shares = replace(model, shares=np.array([0.2, 0.8]))
    uneven = method.expect(batch_of(noisy.particles), shares).poses.probability
    assert np.allclose(even, 0.5, atol=0.01)
    assert np.allclose(uneven, [0.2, 0.8], atol=0.01)


def test_the_noise_of_a_small_class_does_not_lose_it_particles(noisy, monkeypatch):
    # Each particle would hold other components out.
    monkeypatch.setattr(held_out, "SHARE", 0.0)
    # One map, once with noise of known power added: likelihoods must not see the difference.
    method = method_of(noisy.particles, job(classes=2, **FREE))
    settings = method.settings
    rng = np.random.default_rng(2)
    grain = rng.normal(0.0, 0.6, (BOX,) * 3).astype(np.float32)
    model = knowing(method, np.concatenate([noisy.truth.maps, noisy.truth.maps + grain]), 3.0)
    noise = np.zeros_like(model.reference_noise)
    power = np.abs(to_fourier(settings.shape(grain, settings.limit_shell))) ** 2
    support = settings.observer.band(settings.search_radius(settings.limit_shell))
    count = np.bincount(support.shell, support.count, settings.shells)
    sums = np.bincount(support.shell, support.count * support.take(power), settings.shells)
    noise[:, 1] = sums / np.maximum(count, 1)

    def odds(reference_noise):
        now = replace(model, reference_noise=reference_noise)
        probability = method.expect(batch_of(noisy.particles), now).poses.probability
        return np.log(probability[:, 1] / probability[:, 0])

    gained = odds(noise) - odds(np.zeros_like(noise))
    expected = 0.5 * (noise[0, 1] * count).sum() / 3.0
    assert (odds(np.zeros_like(noise)) < -3.0).all()
    assert np.abs(odds(noise)).mean() < 0.5 * np.abs(odds(np.zeros_like(noise))).mean()
    assert np.allclose(gained, gained[0])
    assert gained[0] == pytest.approx(expected, rel=0.1)


def shares_of(alignment, batch):
    rows = [alignment.row(batch, i)[0].probability for i in range(len(batch.indices))]
    return np.mean(rows, 0)


def test_balanced_priors_give_every_class_its_equal_share(noisy):
    method, batch = method_of(noisy.particles, job(classes=2)), batch_of(noisy.particles)
    model = knowing(method, np.concatenate([noisy.truth.maps, 0.7 * noisy.truth.maps]), 3.0)
    alignment = Alignment.prepare(method.settings, model)
    balanced = alignment.balanced(noisy.particles)
    assert balanced.competition.handicaps.sum() == pytest.approx(0.0, abs=1e-9)
    assert np.abs(shares_of(alignment, batch) - 0.5).max() > 0.2
    assert np.allclose(shares_of(balanced, batch), 0.5, atol=0.02)


def test_classes_are_balanced_while_the_regularisation_lasts(noisy):
    maps = np.concatenate([noisy.truth.maps, 0.7 * noisy.truth.maps])
    lasting = job(classes=2, parameters={"regularisation_iterations": 3})
    method, found = method_of(noisy.particles, lasting), []
    for iteration in range(5):
        model = replace(knowing(method, maps, 3.0), iteration=iteration)
        poses = method.expect(batch_of(noisy.particles), model).poses
        found.append(float(np.abs(poses.probability.mean(0) - 0.5).max()))
    assert max(found[:3]) < 0.02
    assert min(found[3:]) > 0.2


def test_hard_assignment_is_not_balanced(noisy):
    method = method_of(noisy.particles, job("fa", classes=2))
    model = knowing(method, np.repeat(noisy.truth.maps, 2, 0), 3.0)
    alignment = Alignment.prepare(method.settings, model)
    assert alignment.balanced(noisy.particles) is alignment
