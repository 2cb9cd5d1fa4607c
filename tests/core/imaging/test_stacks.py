"""Sums of stacks of images: the adjoint of projecting, and laws of the transfer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.fourier.nufft import sample_transform
from subtomo_core.imaging.components import ImageComponents
from subtomo_core.imaging.microscope import Defocus, Microscope
from subtomo_core.imaging.stacks import StackSums, Views
from subtomo_core.imaging.sums import PlaneWaves
from subtomo_core.simulate.tilts import TiltSeries
from support.tilt_stacks import simulated_stacks

BOX, VOXEL = 24, 6.0
TILTS = TiltSeries(-60, 60, 15, dose=4.0)
COUNT = len(TILTS.planes)


def views(**changes) -> Views:
    given = Views(
        planes=TILTS.planes,
        microscope=Microscope(mtf=False),
        defocus=(Defocus(1.0, 0.1, 30.0),) * COUNT,
        doses=TILTS.doses,
        scales=np.linspace(0.5, 1.0, COUNT),
    )
    return replace(given, **changes)


def blob(width: float) -> np.ndarray:
    """A Gaussian off the centre, (n, n, n)."""
    z, y, x = np.indices((BOX,) * 3) - BOX // 2
    return np.exp(-((x - 2) ** 2 + (y + 1) ** 2 + z**2) / (2 * width**2)).astype(np.float32)


def projections(volume: np.ndarray, components: ImageComponents) -> np.ndarray:
    """Transforms (T, P) of the sums of voxels along the beam."""
    points = components.points(TILTS.planes).reshape(-1, 3)
    return (sample_transform(volume, points) * BOX**1.5).reshape(COUNT, -1)


def images(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((COUNT, BOX, BOX)).astype(np.float32)


def test_what_lies_within_the_box_comes_back_from_an_image():
    components = ImageComponents(BOX)
    slices = projections(blob(1.8), components)
    back = components.transformed(components.recorded(slices.astype(np.complex64)))
    # A Gaussian of 1.8 voxels is 1e-6 high at the edge, and in the last shell.
    assert np.abs(back - slices).max() < 1e-5 * np.abs(slices).max()


def test_adding_up_is_the_adjoint_of_projecting():
    """The product of S and a map is that of the images and the map's projections, over n."""
    components, volume, noise = ImageComponents(BOX), blob(1.8), images()
    total = PlaneWaves(components, TILTS.planes).added(components.transformed(noise))
    shown = components.recorded(projections(volume, components).astype(np.complex64))
    assert (total * volume).sum() == pytest.approx((noise * shown).sum() / BOX, rel=1e-4)


def test_weights_are_those_of_the_simulators_sums():
    made = simulated_stacks(box=BOX)
    stacks, builder = made.stacks, StackSums(BOX, VOXEL)
    for index, tomogram in enumerate(stacks.tomograms):
        seen = stacks.visible[tomogram]
        known = Views(
            planes=stacks.camera.tilts.planes[seen],
            microscope=stacks.camera.microscope,
            defocus=(stacks.defocus[tomogram],) * int(seen.sum()),
            doses=stacks.camera.tilts.doses[seen],
            scales=np.ones(int(seen.sum())),
        )
        found = builder.sum(stacks.images(index), known).weights
        expected = made.weighted.weight(index)
        # Two non-uniform FFTs, each of a relative error of 1e-5.
        np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())


def test_images_may_be_multiplied_before_or_here():
    components, builder = ImageComponents(BOX), StackSums(BOX, VOXEL)
    # The transfer moves a component by 25 Å at most here, four pixels: all stays in the image.
    slices = projections(blob(1.8), components)
    plain, times = views(premultiplied=False), views()
    raw = components.recorded(slices.astype(np.complex64))
    done = slices * times.transfer(components, VOXEL)
    multiplied = components.recorded(done.astype(np.complex64))
    one, other = builder.sum(raw, plain), builder.sum(multiplied, times)
    assert np.abs(one.volume - other.volume).max() < 0.01 * np.abs(other.volume).max()
    assert np.array_equal(one.weights, other.weights)


def test_weights_go_with_the_square_of_the_scale():
    builder = StackSums(BOX, VOXEL)
    whole, half = views(scales=np.ones(COUNT)), views(scales=np.full(COUNT, 0.5))
    one, other = (builder.sum(images(), v) for v in (whole, half))
    np.testing.assert_allclose(other.weights, 0.25 * one.weights, rtol=1e-4, atol=1e-6)
    assert np.array_equal(one.volume, other.volume)  # which was multiplied before


def test_a_phase_shift_is_what_amplitude_contrast_is():
    """asin(0.5) is 30 degrees."""
    components = ImageComponents(BOX)
    plate = views(
        microscope=Microscope(amplitude_contrast=0.0, mtf=False),
        defocus=(Defocus(1.0, 0.1, 30.0, 30.0),) * COUNT,
    )
    contrast = views(microscope=Microscope(amplitude_contrast=0.5, mtf=False))
    np.testing.assert_allclose(
        plate.transfer(components, VOXEL), contrast.transfer(components, VOXEL), atol=1e-12
    )


def test_a_b_factor_takes_the_place_of_the_usual_law():
    components = ImageComponents(BOX)
    frequency = components.frequency(VOXEL)
    free, damped = (views(doses=d, b_factor=4.0) for d in (np.zeros(COUNT), TILTS.doses))
    expected = np.exp(-TILTS.doses[:, None] * frequency**2)
    told = damped.transfer(components, VOXEL) / free.transfer(components, VOXEL)
    np.testing.assert_allclose(told, expected, rtol=1e-9)


def test_what_is_kept_is_not_taken_for_another_geometry():
    builder, fresh = StackSums(BOX, VOXEL), StackSums(BOX, VOXEL)
    first = views()
    turned = views(planes=np.ascontiguousarray(first.planes[:, ::-1]))
    deeper = views(defocus=(Defocus(1.5),) * COUNT)
    builder.sum(images(), first)
    for other in (turned, deeper):
        found, expected = builder.sum(images(), other), fresh.sum(images(), other)
        assert np.array_equal(found.weights, expected.weights)
        assert np.array_equal(found.volume, expected.volume)
        assert not np.array_equal(found.weights, builder.sum(images(), first).weights)
