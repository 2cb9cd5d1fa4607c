from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.data.noise_law import NoiseLaw
from subtomo_core.errors import InputError
from subtomo_core.fourier.masks import radii, soft_sphere
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.nufft import frequencies
from subtomo_core.fourier.shells import multiplicity, shell_of_components
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.likelihood.observation import Observer, Samples
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import Complete, Wedge, Weights
from support.numerics import blob
from support.strategies import seeds

BOX, MASK = 16, 6.0
WEDGE = Wedge(tilt_min_deg=-50.0, tilt_max_deg=60.0, axis="y")


class Stack:
    """Particles which nobody has checked."""

    def __init__(self, volumes, missing, weights=None):
        self.volumes = np.asarray(volumes, np.float32)
        self.weights = weights
        self.summary = DatasetSummary(
            particles=len(self.volumes), box=BOX, voxel_size_angstrom=5.0, missing=missing
        )

    def volume(self, index):
        return self.volumes[index]

    def weight(self, index):
        return None if self.weights is None else self.weights[index]

    def region(self, _index):
        return None if self.weights is not None else self.summary.missing


def noise(seed=0):
    return np.random.default_rng(seed).normal(size=(BOX,) * 3).astype(np.float32)


def read(volume, missing=WEDGE, r_max=6.0):
    stack = Stack([volume], missing)
    observer = Observer.of(stack.summary, MASK)
    support = observer.band(r_max)
    return support, observer.read(stack, 0, support)[0]


@settings(max_examples=10, deadline=None)
@given(seeds(), st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_neither_scale_nor_offset_of_a_particle_matters(seed, scale, offset):
    _, once = read(noise(seed))
    _, other = read(np.float32(scale) * noise(seed) + np.float32(offset))
    # An offset of 5000 standard deviations leaves this much of float32's 24 bits.
    assert np.allclose(once.values, other.values, atol=2e-7 * max(1.0, abs(offset) / scale) * 50)


def test_the_background_has_mean_zero_and_deviation_one():
    volume = 3.0 * noise() + 40.0 * blob(BOX) + 7.0
    outside = radii(BOX) > MASK
    support, samples = read(volume, Complete())
    expected = (volume - volume[outside].mean()) / volume[outside].std()
    assert np.allclose(samples.values, support.take(to_fourier(expected)), atol=1e-4)


def test_the_noise_of_a_normalised_particle_has_variance_one():
    support, samples = read(noise(3), Complete(), r_max=7.5)
    sums, counts = samples.power(support, 9)
    # Some 1500 components: five standard errors of their mean square.
    assert sums.sum() / counts.sum() == pytest.approx(1.0, abs=5 * np.sqrt(2 / counts.sum()) + 0.05)


def test_what_is_missing_is_in_no_band_and_counts_run_over_the_whole_transform():
    support, samples = read(noise())
    region = observed(WEDGE, BOX)
    assert (region.ravel()[support.index] > 0).all()
    assert (samples.weights == 1.0).all()
    _, counts = samples.power(support, 7)
    inside = (region > 0) & (shell_of_components(BOX) <= 5)
    shells = shell_of_components(BOX)
    expected = np.bincount(
        shells[inside], (multiplicity(BOX) * np.ones_like(region))[inside], minlength=7
    )
    assert np.array_equal(counts[:6], expected[:6])


def test_bands_are_read_at_once():
    stack = Stack([noise()], WEDGE)
    observer = Observer.of(stack.summary, MASK)
    small, large = observer.band(3.0), observer.band(6.0)
    first, second = observer.read(stack, 0, small, large)
    order = {index: position for position, index in enumerate(large.index)}
    shared = [order[index] for index in small.index]
    assert np.array_equal(first.values, second.values[shared])


def test_samples_with_weights_are_taken_as_they_come():
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.2, 3.0, (1, BOX, BOX, BOX // 2 + 1)).astype(np.float32)
    weights[0, :, :, 5:] = 0.0
    volume = 5.0 * noise(4) + 2.0
    stack = Stack([volume], Weights(), weights)
    observer = Observer.of(stack.summary, MASK)
    support = observer.band(6.0)
    samples = observer.read(stack, 0, support)[0]
    assert np.array_equal(samples.weights, support.take(weights[0]))
    seen = samples.weights > 0
    assert np.allclose(samples.values[seen], support.take(to_fourier(volume))[seen], atol=1e-4)
    assert not samples.values[~seen].any()
    sums, counts = samples.power(support, 8)
    ratio = support.count[seen] * np.abs(samples.values[seen]) ** 2 / samples.weights[seen]
    assert np.allclose(sums, np.bincount(support.shell[seen], ratio, minlength=8))
    assert counts.sum() == support.count[seen].sum()


def test_power_is_per_shell_of_the_whole_transform():
    support, _ = read(noise())
    values = np.full(len(support.index), 2.0, np.complex64)
    weights = np.full(len(support.index), 0.5, np.float32)
    sums, counts = Samples(values, weights).power(support, 7)
    assert np.allclose(sums, 8.0 * counts)


@pytest.mark.parametrize("value", [0.0, 3.5])
def test_a_constant_particle_is_refused_with_its_number(value):
    volumes = np.stack([noise(), noise(1), np.full((BOX,) * 3, value, np.float32)])
    stack = Stack(volumes, WEDGE)
    observer = Observer.of(stack.summary, MASK)
    with pytest.raises(InputError, match="particle 3 is constant"):
        observer.read(stack, 2, observer.band(5.0))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", [(8, 8, 8), (0, 0, 0)], ids=["inside", "outside"])
def test_a_particle_with_values_which_are_not_finite_is_refused_with_its_number(bad, where):
    volumes = np.stack([noise(), noise(1)])
    volumes[1][where] = bad
    stack = Stack(volumes, WEDGE)
    observer = Observer.of(stack.summary, MASK)
    with pytest.raises(InputError, match="particle 2 holds values which are not finite"):
        observer.read(stack, 1, observer.band(5.0))


def test_a_particle_with_weights_and_values_which_are_not_finite_is_refused():
    volume = noise()
    volume[3, 3, 3] = np.nan
    weights = np.ones((1, BOX, BOX, BOX // 2 + 1), np.float32)
    stack = Stack([volume], Weights(), weights)
    observer = Observer.of(stack.summary, MASK)
    with pytest.raises(InputError, match="particle 1 holds values which are not finite"):
        observer.read(stack, 0, observer.band(5.0))


def test_a_noise_free_particle_with_an_empty_background_is_scaled_by_the_whole():
    volume = np.where(radii(BOX) <= 4.0, 1.0, 0.0).astype(np.float32)
    support, samples = read(volume, Complete())
    expected = support.take(to_fourier(volume / volume.std()))
    assert np.allclose(samples.values, expected, atol=1e-4)


def test_under_a_window_neighbours_are_not_seen_but_summed():
    # Neighbours outside the mask leave the first band and stay in the others.
    rng = np.random.default_rng(3)
    mask = soft_sphere(BOX, 5.0, 2.0)
    weights = np.ones((2, BOX, BOX, BOX // 2 + 1), np.float32)
    volume = blob(BOX)
    crowded = volume + 30.0 * (radii(BOX) > 6.5) * rng.normal(size=(BOX,) * 3)
    stack = Stack([volume, crowded], Weights(), weights)
    observer = Observer.of(stack.summary, MASK, mask)
    support = observer.band(6.0)
    (alone, _), (among, whole) = (observer.read(stack, i, support, support) for i in (0, 1))
    assert np.allclose(alone.values, among.values, atol=1e-4)
    transform = to_fourier(crowded.astype(np.float32)).reshape(-1)[support.index]
    assert np.allclose(whole.values, transform, atol=1e-3)


def test_the_window_takes_its_share_of_white_noise():
    mask = soft_sphere(BOX, 5.0, 2.0)
    weights = np.ones((20, BOX, BOX, BOX // 2 + 1), np.float32)
    stack = Stack([noise(i) for i in range(20)], Weights(), weights)
    observer = Observer.of(stack.summary, MASK, mask)
    support = observer.band(7.0)
    sums = [observer.read(stack, i, support)[0].power(support, BOX // 2 + 1) for i in range(20)]
    power, count = np.sum([s[0] for s in sums], 0), np.sum([s[1] for s in sums], 0)
    high = slice(3, 8)  # the lowest shells lose what the mean takes away
    found = power[high].sum() / count[high].sum()
    # Components under a mask of 1/8 of the box are as many fewer independent numbers.
    error = np.sqrt(2.0 / (count[high].sum() * observer.share))
    assert abs(found / observer.share - 1.0) < 5.0 * error
    assert Observer.of(stack.summary, MASK).share == 1.0


def crowded_stack(q=0.08):
    """White noise of images and of structure behind weights: variance ``W (1 + q W)``."""
    k = frequencies(BOX)
    weight = 0.5 + 20.0 / (1.0 + (k[..., :2] ** 2).sum(-1))
    weight *= observed(WEDGE, BOX)
    amplitude = np.sqrt(weight * (1.0 + q * weight))
    volumes = [to_real(to_fourier(noise(i)) * amplitude) for i in range(12)]
    return Stack(volumes, Weights(), np.repeat(weight[None], 12, 0).astype(np.float32)), q


def law_of(q, floor=0.0):
    return NoiseLaw(np.full(BOX // 2 + 1, floor), q)


@pytest.mark.parametrize("floor", [0.0, 0.3])
def test_samples_and_weights_get_the_same_gain(floor):
    stack, q = crowded_stack()
    plain = Observer.of(stack.summary, MASK)
    support = plain.band(7.0)
    (before,) = plain.read(stack, 0, support)
    (after,) = replace(plain, law=law_of(q, floor)).read(stack, 0, support)
    w = before.weights
    gain = w / np.maximum(floor + w + q * w**2, 1e-30)
    assert np.allclose(after.values, before.values * gain, rtol=1e-5)
    assert np.allclose(after.weights, before.weights * gain, rtol=1e-5)


def test_what_is_left_of_structural_noise_goes_with_the_weights():
    stack, q = crowded_stack()
    observer = replace(Observer.of(stack.summary, MASK), law=law_of(q))
    support = observer.band(7.0)
    read = [observer.read(stack, i, support)[0] for i in range(12)]
    shells = BOX // 2 + 1
    ratios, counts = np.sum([r.power(support, shells) for r in read], 0)[:, 2:8].sum(1)
    sums = np.sum([r.power_by_weight(support, shells) for r in read], 0)[:, :, 2:8]
    counts_again, weights, power = sums.sum((1, 2))
    squares = (sums[1] ** 2 / np.maximum(sums[0], 1.0)).sum()
    assert counts_again == counts
    assert abs(ratios / counts - 1.0) < 5.0 * np.sqrt(2.0 / counts)
    assert abs(power / weights - 1.0) < 5.0 * np.sqrt(2.0 * squares) / weights


def test_under_a_window_structural_noise_is_divided_away_first():
    stack, q = crowded_stack()
    window = soft_sphere(BOX, 5.0, 2.0)
    observer = replace(Observer.of(stack.summary, MASK, window), law=law_of(q))
    support = observer.band(6.0)
    seen, summed = observer.read(stack, 0, support, support)
    weight = stack.weights[0]
    thinned = to_real(to_fourier(stack.volumes[0]) / (1.0 + q * weight))
    inside = (thinned - (thinned * window).sum() / window.sum()) * window
    kept = weight.reshape(-1)[support.index] > 0
    left = support.take(weight / (1.0 + q * weight))
    say = left / support.take(spread(window, weight / (1.0 + q * weight)))
    expected = np.where(kept, support.take(to_fourier(inside)) * say, 0.0)
    assert np.allclose(seen.values, expected, atol=1e-4)
    assert np.allclose(seen.weights, left * say, rtol=1e-4, atol=1e-5)
    assert np.allclose(
        summed.values, np.where(kept, support.take(to_fourier(thinned)), 0), atol=1e-4
    )
    assert np.allclose(summed.weights, left, rtol=1e-5)


def spread(window, weight):
    """Variance of components (n, n, n // 2 + 1) under a window, one by one, 1 for even weights."""
    whole = np.fft.fftn(np.fft.irfftn(weight, (BOX,) * 3, axes=(0, 1, 2))).real
    power = np.abs(np.fft.fftn(window)) ** 2
    around = np.fft.ifftn(np.fft.fftn(whole) * np.fft.fftn(power)).real / power.sum()
    return around[..., : BOX // 2 + 1]


def test_noise_under_a_window_has_the_variance_that_its_weights_tell():
    rng = np.random.default_rng(7)
    window, count = soft_sphere(BOX, 5.0, 2.0), 200
    weight = np.abs(np.fft.rfftn(rng.normal(size=(BOX,) * 3), axes=(0, 1, 2))) ** 3
    weight = weight.astype(np.float32)
    volumes = [to_real(to_fourier(noise(i)) * np.sqrt(weight)) for i in range(count)]
    stack = Stack(volumes, Weights(), np.repeat(weight[None], count, 0))
    observer = Observer.of(stack.summary, MASK, window)
    support = observer.band(7.0)
    read = [observer.read(stack, i, support)[0] for i in range(count)]
    power = np.mean([np.abs(r.values) ** 2 for r in read], 0) / observer.share
    high = support.shell > 2  # the lowest shells lose what the mean takes away
    ratio = (power / read[0].weights)[high]
    # Each is the mean of `count` exponential numbers.
    assert ratio.mean() == pytest.approx(1.0, abs=0.05)
    assert ratio.std() < 3.0 / np.sqrt(count)


@pytest.mark.parametrize(
    ("value", "words"),
    [(-1.0, "negative or not finite"), (np.nan, "negative or not finite"), (None, "no weight")],
)
def test_weights_which_mean_nothing_are_refused(value, words):
    weights = np.ones((2, BOX, BOX, BOX // 2 + 1), np.float32)
    weights[1, 2, 3, 4] = 1.0 if value is None else value
    weights[1] *= 0.0 if value is None else 1.0
    stack = Stack([noise(), noise()], Weights(), weights)
    observer = Observer.of(stack.summary, MASK)
    observer.read(stack, 0, observer.band(5.0))
    with pytest.raises(InputError, match=f"particle 2 has .*{words}"):
        observer.read(stack, 1, observer.band(5.0))
