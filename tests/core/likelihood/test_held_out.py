from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.fourier.band import band
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.likelihood.held_out import SHARE, Cleaned, apart, chosen, without
from subtomo_core.likelihood.observation import Samples
from support.small_jobs import noise_particles

BOX = 24


def samples(support, seed=0):
    rng = np.random.default_rng(seed)
    pairs = rng.normal(size=(2, len(support.index)))
    values = (pairs[0] + 1j * pairs[1]).astype(np.complex64)
    return Samples(values, np.ones(len(values), np.float32))


def test_the_stated_share_is_held_out_and_every_particle_has_its_own():
    support = band(BOX, 11.0)
    drawn = np.stack([chosen(support, index) for index in range(200)])
    assert drawn.mean() == pytest.approx(SHARE, rel=0.15)
    assert np.array_equal(drawn[3], chosen(support, 3))  # for good: jobs go on from each other
    both = (drawn[:-1] & drawn[1:]).mean()
    assert both < 3.0 * SHARE**2


def test_both_mates_of_a_component_are_held_out_together():
    support = band(BOX, 11.0)
    out = chosen(support, 5)
    plane = support.points[0] == 0
    points = [tuple(p) for p in support.points[:, plane].T.astype(int)]
    held = dict(zip(points, out[plane], strict=True))
    assert all(held[x, y, z] == held[x, -y, -z] for x, y, z in points)


def test_bands_of_one_box_hold_out_the_same_components():
    wide = band(BOX, 11.0)
    narrow, where = wide.within(6.0)
    assert np.array_equal(chosen(wide, 7)[where], chosen(narrow, 7))


def test_what_is_held_out_and_what_is_left_are_the_whole():
    support = band(BOX, 11.0)
    index = next(i for i in range(50) if chosen(support.within(7.0)[0], i).any())
    all_of_it, out = samples(support), chosen(support, index)
    left, held = without(all_of_it, out), apart(support, all_of_it, out, 8.0)
    assert not left.values[out].any()
    assert not left.weights[out].any()
    assert np.array_equal(left.values[~out], all_of_it.values[~out])
    assert np.array_equal(left.weights[~out], all_of_it.weights[~out])
    radius = np.sqrt((held.points**2).sum(0))
    assert radius.max() <= 8.0
    assert np.isin(held.values, all_of_it.values[out]).all()
    # On the plane kx = 0 both mates are stored, and one of them is looked at.
    mates = {tuple(-p) for p in held.points.T.astype(int)}
    assert not mates & {tuple(p) for p in held.points.T.astype(int)}


def test_a_cleaned_particle_holds_nothing_of_what_is_held_out():
    volumes = np.random.default_rng(1).normal(size=(2, BOX, BOX, BOX)).astype(np.float32)
    cleaned = Cleaned(noise_particles(volumes)).volume(1)
    support = band(BOX, 11.0)
    out = chosen(support, 1)
    before, after = (support.take(to_fourier(v)) for v in (volumes[1], cleaned))
    assert np.abs(after[out]).max() < 1e-4
    assert np.allclose(after[~out], before[~out], atol=1e-4)
    assert np.isrealobj(to_real(to_fourier(cleaned)))
