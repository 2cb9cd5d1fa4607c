"""Particles whose missing regions differ, or lie turned in boxes that were cut out turned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from subtomo_core.data.particle_regions import ParticleRegions
from subtomo_core.data.particles import ArrayParticles
from subtomo_core.errors import InputError
from subtomo_core.fourier.missing import Turned, observed, observed_at
from subtomo_core.fourier.nufft import frequencies
from subtomo_core.orientation.rotations import angular_distance, from_euler, random_rotations
from subtomo_core.spec.missing_region import Complete, Each, Part, Wedge, Weights
from support.small_jobs import WEDGE, batch_of, blobs, job, knowing, method_of, volumes_of
from support.strategies import regions, rotations, volumes

BOX, RNG = 20, np.random.default_rng(0)
NARROW = Wedge(tilt_min_deg=-40.0, tilt_max_deg=55.0)
ABOUT_X = Wedge(tilt_min_deg=-60.0, tilt_max_deg=50.0, axis="x")


def of_tomograms(count: int) -> ParticleRegions:
    """Two tilt ranges in turn, and nothing missing of every third."""
    return ParticleRegions((WEDGE, NARROW, Complete()), np.arange(count) % 3)


def of_turned_boxes(count: int) -> ParticleRegions:
    """Two tilt ranges, every box but the first cut out turned."""
    turns = random_rotations(np.random.default_rng(4), count)
    turns[0] = np.eye(3)
    return ParticleRegions((WEDGE, ABOUT_X), np.arange(count) % 2, turns)


@settings(max_examples=25, deadline=None)
@given(regions(), rotations(), volumes(16))
def test_cutting_a_turned_region_is_real_and_done_once(region, turn, volume):
    mask = observed(Turned(region, turn), 16)
    F = np.fft.rfftn(volume)
    cut = np.fft.irfftn(F * mask, s=volume.shape, axes=(0, 1, 2))
    assert np.allclose(np.fft.rfftn(cut), F * mask, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(regions(), rotations())
def test_a_turned_region_is_the_region_at_turned_frequencies(region, turn):
    k = np.random.default_rng(1).normal(size=(200, 3))
    assert np.array_equal(observed_at(Turned(region, turn), k), observed_at(region, k @ turn.T))
    mask, k = observed(Turned(region, turn), 12), frequencies(12)
    below = (np.abs(k) < 6).all(-1)
    assert np.array_equal(mask[below] > 0, observed_at(Turned(region, turn), k[below]))


def test_a_quarter_turn_about_z_takes_the_tilt_axis_along():
    """The axis y of the tilts is the box's x, where x of the box lies along it."""
    about_y = Turned(WEDGE, from_euler([90.0, 0.0, 0.0]))
    about_x = WEDGE.model_copy(update={"axis": "x"})
    inner = (np.abs(frequencies(16)) < 8).all(-1)
    assert np.array_equal(observed(about_y, 16)[inner], observed(about_x, 16)[inner])


def test_one_region_for_all_is_told_as_itself():
    assert ParticleRegions.alike(WEDGE, 4).found() == WEDGE
    unmoved = ParticleRegions((Complete(),), np.zeros(4, int), random_rotations(RNG, 4))
    assert unmoved.found() == Complete()
    with pytest.raises(ValidationError, match="told as itself"):
        Each(parts=(Part(region=WEDGE, particles=4),))


def test_parts_are_counted_and_named():
    found = of_turned_boxes(5).found("tomogram", [("a", "b"), ("c",)])
    assert isinstance(found, Each)
    assert [(p.region, p.particles, p.names) for p in found.parts] == [
        (WEDGE, 3, ("a", "b")),
        (ABOUT_X, 2, ("c",)),
    ]
    assert (found.by, found.turned) == ("tomogram", 4)


def test_regions_of_particles_come_with_the_region_each():
    made = blobs(6, BOX, missing=of_tomograms(6)).particles
    assert [made.region(i) for i in range(3)] == [WEDGE, NARROW, Complete()]
    for summary, own in (
        (made.summary, None),
        (made.summary.model_copy(update={"missing": WEDGE}), of_tomograms(6)),
    ):
        with pytest.raises(InputError, match="give both or neither"):
            ArrayParticles(made.volumes, summary, regions=own)


def as_weights(particles: ArrayParticles) -> ArrayParticles:
    """The same particles with their masks as weights."""
    count, box = particles.summary.particles, particles.summary.box
    masks = np.stack([observed(particles.region(i), box) for i in range(count)])
    summary = particles.summary.model_copy(update={"missing": Weights()})
    return ArrayParticles(particles.volumes, summary, masks)


def levelled(particles: ArrayParticles, regions: ParticleRegions) -> ArrayParticles:
    """The same in the scale in which the engine reads them: their noise has a variance of 1."""
    observer = method_of(particles, job("fa")).settings.observer
    support, whole = observer.band(8.0), volumes_of(particles)
    once = as_weights(particles)
    plain = method_of(once, job("fa")).settings.observer
    for i in range(len(whole)):
        read, raw = (o.read(p, i, support)[0] for o, p in ((observer, particles), (plain, once)))
        whole[i] *= np.abs(read.values).sum() / np.abs(raw.values).sum()
    return ArrayParticles(whole, particles.summary, regions=regions)


@pytest.mark.parametrize("algorithm", ["fa", "faml", "frm", "gradient", "sag"])
@pytest.mark.parametrize("regions_of", [of_tomograms, of_turned_boxes])
def test_regions_by_formula_are_weights_of_0_and_1(algorithm, regions_of):
    """One expectation gives the same poses, sums and noise from either."""
    own = regions_of(8)
    made = blobs(8, BOX, missing=own)
    formula = levelled(made.particles, own)
    noise = {"noise": "shells"} if algorithm == "faml" else {}
    spec = job(algorithm, parameters=noise)
    seen = []
    for particles in (formula, as_weights(formula)):
        method = method_of(particles, spec)
        model = knowing(method, made.truth.maps)
        seen.append(method.expect(batch_of(particles), model))
    (first, _), (second, _) = [(e.statistics, e.poses) for e in seen]
    a, b = (e.poses for e in seen)
    # A refiner's climb may end a step earlier or later by a rounding of the particle's scale.
    within = 2e-3 if algorithm in ("fa", "faml") else 1e-2
    assert angular_distance(a.rotations, b.rotations).max() < 10.0 * within
    assert np.allclose(a.shifts, b.shifts, atol=within)
    assert np.allclose(a.probability, b.probability, atol=1e-3)
    for name in ("numerator", "denominator", "noise_sum", "noise_count", "mass", "confirmation"):
        one, other = getattr(first, name), getattr(second, name)
        assert np.abs(one - other).max() <= within * np.abs(other).max(), name


def test_boxes_that_do_not_lie_turned_are_read_as_one_region_is():
    """Two equal regions, told particle by particle, are read to the same bits as one."""
    made = blobs(4, BOX)
    twice = ParticleRegions((WEDGE, WEDGE), np.arange(4) % 2, np.tile(np.eye(3), (4, 1, 1)))
    summary = made.particles.summary.model_copy(update={"missing": twice.found()})
    apart = ArrayParticles(made.particles.volumes, summary, regions=twice)
    one, each = (method_of(p, job()).settings.observer for p in (made.particles, apart))
    bands = one.band(6.0), one.band(8.0)
    assert np.array_equal(each.band(6.0).index, bands[0].index)
    for i in range(4):
        for a, b in zip(
            one.read(made.particles, i, *bands), each.read(apart, i, *bands), strict=True
        ):
            assert np.array_equal(a.values, b.values)
            assert np.array_equal(a.weights, b.weights)
