"""A hemisphere of directions, and bodies told by them."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.orientation.hemisphere import axis_words, hemisphere, sphericity


def test_directions_lie_evenly_on_the_hemisphere():
    axes = hemisphere()
    np.testing.assert_allclose(np.linalg.norm(axes, axis=1), 1.0)
    assert (axes[:, 2] > 0).all()
    apart = np.abs(axes @ axes.T) - 2 * np.eye(len(axes))
    nearest = np.degrees(np.arccos(np.minimum(apart.max(1), 1.0)))
    even = np.degrees(np.sqrt(2 * np.pi / len(axes)))  # the side of a square of each one's area
    assert 0.5 * even < nearest.min()
    assert nearest.max() < 1.2 * even
    # Of x_i x_j the mean is 1/3 on the diagonal, else 0: no direction has more.
    np.testing.assert_allclose(axes.T @ axes / len(axes), np.eye(3) / 3, atol=0.005)


def test_the_sphericity_of_a_spheroid_is_that_of_geometry():
    """Oblate, half as long along z: volume and area by the closed formulas."""
    axes = hemisphere(2000)
    c = 0.5
    radii = 1 / np.sqrt(axes[:, 0] ** 2 + axes[:, 1] ** 2 + (axes[:, 2] / c) ** 2)
    e = np.sqrt(1 - c**2)
    area = 2 * np.pi * (1 + (1 - e**2) / e * np.arctanh(e))
    known = np.pi ** (1 / 3) * (6 * 4 / 3 * np.pi * c) ** (2 / 3) / area
    assert sphericity(axes, radii) == pytest.approx(known, abs=2e-3)
    assert sphericity(axes, 3 * np.ones(len(axes))) == pytest.approx(1.0)


def test_axes_in_words():
    assert axis_words(np.array([0.0, 0.1, -0.99])) == "z"
    assert axis_words(np.array([0.6, 0.0, 0.8])) == "(0.60, 0.00, 0.80)"
