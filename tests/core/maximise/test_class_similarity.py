"""Two averages show one structure or two, whatever their noise and their frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.fourier.nufft import rotate
from subtomo_core.fourier.shells import radius_of, shell_sums
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.maximise.averages import Averages
from subtomo_core.maximise.class_similarity import LOCKED, Likeness, Loss, alike, losses
from subtomo_core.maximise.wiener_gains import gains_of, signal_to_noise
from subtomo_core.orientation.rotations import random_rotations
from support.small_jobs import blobs, job, knowing, method_of

BOX, VARIANCE, COUNT = 20, 3.0, 40.0
MADE = blobs(4, BOX)


class Known:
    """Averages of as many noisy particles as one likes of maps which are known."""

    def __init__(self, maps, counts, seed=1):
        resolution = {"start_angstrom": 14.0, "limit_angstrom": 14.0}
        spec = job(classes=len(maps), resolution=resolution)
        method = method_of(MADE.particles, spec)
        self.settings = method.settings
        self.model = knowing(method, np.stack(maps), VARIANCE)
        rng = np.random.default_rng(seed)
        each = np.asarray(counts) / self.settings.folds
        shape = (self.settings.folds, len(maps), BOX, BOX, BOX // 2 + 1)
        numerators, denominators = np.zeros(shape, np.complex64), np.zeros(shape, np.float32)
        inside = radius_of(BOX) <= self.model.shell_in_use + 2
        for fold in range(self.settings.folds):
            for k, volume in enumerate(maps):
                grain = rng.normal(0.0, np.sqrt(VARIANCE / each[k]), volume.shape)
                transform = to_fourier((volume + grain).astype(np.float32))
                numerators[fold, k] = transform * inside * each[k]
                denominators[fold, k] = inside * each[k]
        mass = np.tile(each, (self.settings.folds, 1))
        left = np.ones((len(maps), self.settings.shells))
        radius = self.model.shell_in_use + 1.0
        self.averages = Averages(self.settings, numerators, denominators, mass, radius, left)
        self.likeness = Likeness.of(self.settings, self.averages, self.model)


@pytest.fixture(scope="module")
def body():
    return MADE.truth.maps[0]


@pytest.fixture(scope="module")
def elsewhere(body):
    """The body in another frame."""
    return rotate(
        body, random_rotations(np.random.default_rng(4), 1)[0], np.array([1.0, -0.5, 0.7])
    )


@pytest.mark.parametrize("counts", [(COUNT, COUNT), (4 * COUNT, COUNT / 4)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_structure_in_two_frames_is_one(body, elsewhere, counts, seed):
    known = Known([body, elsewhere], counts, seed)
    loss = known.likeness.loss(0, 1)
    assert loss.gain > 20.0
    assert abs(loss.value) < 3.0 * loss.scatter + 0.02 * loss.gain
    assert alike(losses(known.likeness, np.asarray(counts))) == [(0, 1)]


def test_the_loss_is_that_of_a_particle_in_the_wrong_class(body):
    other = body[::-1].copy()
    many = 1e4  # no noise to speak of
    known = Known([body, other], (many, many))
    loss = known.likeness.loss(0, 1)
    # A mirror image in its best frame: no more than where it lies.
    shaped = [to_fourier(known.settings.mask * m) for m in (body, other)]
    power = shell_sums(np.abs(shaped[0] - shaped[1]) ** 2, BOX)
    within = np.arange(known.settings.shells) <= known.model.shell_in_use - 1
    here = 0.5 * (power * within)[1:].sum() / VARIANCE
    assert 4.0 < loss.value < 1.05 * here
    assert alike(losses(known.likeness, np.array([many, many]))) == []


def test_the_larger_class_comes_first_and_all_which_are_like_it_go_to_it(body, elsewhere):
    mirrored = body[::-1].copy()
    counts = np.array([COUNT, COUNT, 2 * COUNT, 3 * COUNT])
    known = Known([elsewhere, mirrored, body, elsewhere], counts)
    assert set(alike(losses(known.likeness, counts))) == {(3, 2), (3, 0)}
    empty = counts * np.array([0.0, 1.0, 1.0, 1.0])
    assert alike(losses(known.likeness, empty)) == [(3, 2)]


def test_several_classes_become_one_larger_class_at_once():
    def apart(value):
        return Loss(value, 0.1, 8.0, 300.0)

    star = {(0, 1): apart(1.0), (0, 2): apart(2.0), (1, 2): apart(0.5), (3, 0): apart(90.0)}
    # (1, 2) comes first, so that 1 stays for it; 2 is gone then, and 0 and 1 are still alike.
    assert alike(star) == [(1, 2)]
    star[1, 2] = apart(3.0)
    assert alike(star) == [(0, 1), (0, 2)]
    chain = {(0, 1): apart(1.0), (1, 2): apart(2.0), (0, 2): apart(90.0)}
    assert alike(chain) == [(0, 1)]


def test_no_difference_shows_beyond_the_resolution_in_use(body, elsewhere):
    known = Known([body, elsewhere], (COUNT, COUNT))
    beyond = np.arange(known.settings.shells) > known.model.shell_in_use + 1
    noisy = replace(known.likeness, weight=known.likeness.weight + 1e6 * beyond)
    assert noisy.loss(0, 1) == known.likeness.loss(0, 1)


def test_the_scatter_is_that_of_the_noise(body):
    values = np.array(
        [Known([body, body], (COUNT, COUNT), s).likeness.loss(0, 1) for s in range(12)]
    )
    assert values[:, 0].std() == pytest.approx(values[:, 1].mean(), rel=0.5)


def test_signal_over_noise_is_that_of_the_averages(body):
    known = Known([body, body], (COUNT, 4 * COUNT))
    found = signal_to_noise(known.averages, known.model)
    power = shell_sums(np.abs(to_fourier(known.settings.mask * body)) ** 2, BOX)
    count = shell_sums(np.ones((BOX, BOX, BOX // 2 + 1), np.float32), BOX)
    masked = float(np.mean(known.settings.mask.astype(np.float64) ** 2))
    for k, particles in enumerate((COUNT, 4 * COUNT)):
        expected = power / count / (VARIANCE / particles * masked)
        low = slice(1, 5)
        assert np.allclose(found[k, low], expected[low], rtol=0.25)


def test_halves_of_a_few_particles_do_not_hide_a_clear_signal(body):
    known = Known([body], (COUNT,))
    fsc = np.zeros((1, known.settings.shells), np.float32)
    ratio = np.full(fsc.shape, 9.0)
    ratio[0, 5:] = 1.0
    mass = np.array([COUNT])
    gains = gains_of(known.settings, fsc, mass, ratio=ratio)[0]
    assert np.allclose(gains[2:5], 0.9)
    assert not gains[5:].any()
    assert np.allclose(gains_of(known.settings, fsc, mass, 1.0, ratio=ratio)[0, 2:5], 4.5 / 5.5)
    agreeing = np.full_like(fsc, 0.98)
    assert (gains_of(known.settings, agreeing, mass, ratio=ratio)[0, 2:] > 0.98).all()


def test_nothing_is_said_of_faint_particles():
    loud, faint = (Loss(0.0, 0.1, 10.0, gain) for gain in (210.0, 190.0))
    assert alike({(0, 1): loud}) == [(0, 1)]
    assert alike({(0, 1): faint}) == []
    assert alike({(0, 1): faint}, np.inf) == []


def test_nothing_is_said_of_an_average_which_is_mostly_noise():
    few, many = Loss(2.0, 1.0, 50.0, 300.0), Loss(2.0, 1.0, 40.0, 300.0)
    assert alike({(0, 1): few}) == []
    assert alike({(0, 1): many}) == [(0, 1)]


def test_a_difference_beyond_the_noise_or_a_share_of_the_gain_is_one():
    for value, locked, pairs in (
        (7.0, LOCKED, [(0, 1)]),
        (9.0, LOCKED, []),
        (24.0, np.inf, [(0, 1)]),
        (26.0, np.inf, []),
    ):
        assert alike({(0, 1): Loss(value, 0.1, 30.0, 400.0)}, locked) == pairs
