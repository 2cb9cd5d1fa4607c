import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.fourier.missing import observed as formula
from subtomo_core.fourier.transforms import to_real
from subtomo_core.kernels import pairs
from subtomo_core.orientation.rotations import from_rotation_vectors, random_rotations
from subtomo_core.refiners import Fixed, FourierPair, Moved
from subtomo_core.refiners.masked import MaskedPair
from subtomo_core.refiners.scores import local
from support.numerics import trilinear
from support.pairs import BOX, COMPLETE, WEDGE, known_pair
from support.strategies import seeds, shifts

KNOWN = known_pair(1, seen_f=WEDGE, seen_g=WEDGE, snr=2.0)
PAIR = KNOWN.pair
SUPPORT = PAIR.fixed.support


def overlap_at(rotation):
    out = np.empty(len(SUPPORT.index), np.float32)
    pairs.overlap(PAIR.moved.table, SUPPORT.points, rotation, 2.0, PAIR.fixed.weights, out)
    return out


def model_at(rotation, shift):
    points = SUPPORT.points.astype(np.float64)
    phase = np.exp(-2j * np.pi / BOX * (shift @ points))
    return trilinear(PAIR.moved.grid, 2.0 * rotation.T @ points) * phase


def observed():
    return PAIR.fixed.samples[0] + 1j * PAIR.fixed.samples[1].astype(np.float64)


def definition(score, overlap, rotation, shift):
    """The paper's formula, in Fourier space, the overlap given."""
    f, g = observed(), model_at(rotation, shift)
    if score == "fcs":
        return float((overlap * np.abs(f - g) ** 2).sum() / overlap.sum())
    norms = (overlap * np.abs(f) ** 2).sum() * (overlap * np.abs(g) ** 2).sum()
    return 2.0 - 2.0 * float((overlap * f * g.conj()).real.sum()) / norms**0.5


def pose(seed):
    return random_rotations(np.random.default_rng(seed), 1)[0]


@pytest.mark.parametrize("score", ["rcs", "fcs"])
@settings(max_examples=8, deadline=None)
@given(seeds(), shifts(2.0))
def test_a_score_is_its_definition(score, seed, shift):
    R = pose(seed)
    expected = definition(score, overlap_at(R).astype(np.float64), R, shift)
    assert local(PAIR.moments(R, shift), score).value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("score", ["rcs", "fcs"])
@settings(max_examples=8, deadline=None)
@given(seeds(), shifts(2.0))
def test_slopes_agree_with_differences_within_a_held_overlap(score, seed, shift):
    R, step = pose(seed), 1e-6
    overlap = overlap_at(R).astype(np.float64)

    def value(delta):
        turned = from_rotation_vectors(delta[:3]) @ R
        return definition(score, overlap, turned, shift + delta[3:])

    ways = step * np.eye(6)
    expected = np.array([(value(way) - value(-way)) / (2 * step) for way in ways])
    found = -2.0 * local(PAIR.moments(R, shift), score).slope
    assert np.allclose(found, expected, atol=2e-3 * np.abs(expected).max())


@settings(max_examples=8, deadline=None)
@given(seeds(), shifts(2.0))
def test_the_curvature_is_that_of_the_complex_residuals(seed, shift):
    R, step = pose(seed), 1e-6
    ways = step * np.eye(6)

    def at(way):
        return model_at(from_rotation_vectors(way[:3]) @ R, shift + way[3:])

    J = np.stack([(at(way) - at(-way)) / (2 * step) for way in ways])
    weighed = overlap_at(R) * J
    expected = weighed.real @ J.real.T + weighed.imag @ J.imag.T
    found = PAIR.moments(R, shift).curve
    assert np.allclose(found, expected, atol=2e-3 * np.abs(expected).max())


def real_space(rotation, shift):
    """Both volumes restricted to the overlap, back in real space, without mean, of unit norm."""
    root = np.sqrt(overlap_at(rotation) / SUPPORT.count)
    unit = []
    for values in (observed(), model_at(rotation, shift)):
        half = np.zeros(BOX * BOX * (BOX // 2 + 1), np.complex64)
        half[SUPPORT.index] = root * values
        volume = to_real(half.reshape(BOX, BOX, -1)).astype(np.float64)
        volume -= volume.mean()
        unit.append(volume / np.linalg.norm(volume))
    return unit


@settings(max_examples=5, deadline=None)
@given(seeds(), shifts(2.0))
def test_in_fourier_space_the_score_is_that_of_real_space(seed, shift):
    R = pose(seed)
    f, g = real_space(R, shift)
    found = local(PAIR.moments(R, shift), "rcs")
    assert found.value == pytest.approx(float(((f - g) ** 2).sum()), rel=1e-4)
    assert found.correlation == pytest.approx(float((f * g).sum()), abs=1e-4)


@settings(max_examples=3, deadline=None)
@given(seeds(), shifts(2.0))
def test_a_mask_of_ones_changes_nothing(seed, shift):
    R = pose(seed)
    plain = PAIR.moments(R, shift)
    masked = MaskedPair(PAIR, np.ones((BOX,) * 3, np.float32)).moments(R, shift)
    scale = np.abs(plain.curve).max()
    assert np.allclose(masked.sums, plain.sums, rtol=1e-4, atol=1e-3 * plain.sums[0])
    assert np.allclose(masked.curve, plain.curve, atol=1e-3 * scale)
    assert np.allclose(masked.slopes, plain.slopes, atol=1e-3 * np.sqrt(scale * plain.sums[0]))


def test_what_lies_outside_the_mask_does_not_count():
    known = known_pair(3)
    axis = np.arange(BOX) - BOX // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    mask = (x**2 + y**2 + z**2 <= 12**2).astype(np.float32)
    blot = 20.0 * np.exp(-0.5 * ((x - 14) ** 2 + y**2 + z**2) / 2.0).astype(np.float32)
    spoiled = FourierPair(Fixed.of(known.f + blot, COMPLETE, 8.0), known.pair.moved, 8.0)
    pose = (known.rotation, known.shift)
    without = local(spoiled.moments(*pose), "rcs").value
    under = local(MaskedPair(spoiled, mask).moments(*pose), "rcs").value
    assert under < 0.2 * without


def test_a_whole_volume_overlaps_everywhere():
    pair = known_pair(2).pair
    assert pair.moved.table.size == 0
    assert pair.moments(np.eye(3), np.zeros(3)).sums[3] == pytest.approx(
        float(pair.fixed.support.count.sum())
    )


def test_weights_of_components_overlap_as_the_formula_does():
    by_formula = Moved.of(KNOWN.f, WEDGE, 8.0)
    by_weights = Moved.of(KNOWN.f, formula(WEDGE, BOX), 8.0)
    masses = [
        FourierPair(PAIR.fixed, moved, 8.0).moments(pose(5), np.zeros(3)).sums[3]
        for moved in (by_formula, by_weights)
    ]
    assert masses[1] == pytest.approx(masses[0], rel=0.1)
